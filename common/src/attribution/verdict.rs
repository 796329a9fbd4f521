//! Why a click or coupon was credited or not, in words for the affiliate who asks.

use std::fmt;

use crate::token::Refused;

/// The verdict on one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It earns the commission.
    Credited,
    /// A good click, but another one wins by the vendor's rule.
    Later,
    /// A good coupon, but a click is credited.
    BehindClick,
    /// A good coupon, but another one comes first.
    BehindCoupon,
    /// A token that is not believed.
    Forged(Refused),
    /// A link that nothing is known of.
    UnknownLink,
    /// A coupon that nobody is credited for.
    UnknownCoupon,
    /// A coupon before or after its time.
    CouponNotValid,
    /// A link to another vendor.
    OtherVendor,
    /// Too old.
    BeforeWindow,
    /// Later than the order.
    AfterOrder,
    /// The link was switched off.
    LinkPaused,
    /// The link had expired.
    LinkExpired,
    /// The vendor did not take part.
    VendorInactive,
    /// The affiliate was not let in.
    AffiliateNotApproved,
    /// The affiliate was switched off.
    AffiliateInactive,
    /// The two did not work together.
    PartnershipInactive,
}

impl Verdict {
    /// The stable word in Postgres, in the API and as a metric's label. Few, and without ids.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Credited => "credited",
            Self::Later => "later",
            Self::BehindClick => "behind_click",
            Self::BehindCoupon => "behind_coupon",
            Self::Forged(refused) => refused.code(),
            Self::UnknownLink => "unknown_link",
            Self::UnknownCoupon => "unknown_coupon",
            Self::CouponNotValid => "coupon_not_valid",
            Self::OtherVendor => "other_vendor",
            Self::BeforeWindow => "before_window",
            Self::AfterOrder => "after_order",
            Self::LinkPaused => "link_paused",
            Self::LinkExpired => "link_expired",
            Self::VendorInactive => "vendor_inactive",
            Self::AffiliateNotApproved => "affiliate_not_approved",
            Self::AffiliateInactive => "affiliate_inactive",
            Self::PartnershipInactive => "partnership_inactive",
        }
    }

    /// The verdict with this code: what is kept is only the code, what people read is written anew.
    pub fn from_code(code: &str) -> Option<Self> {
        let plain = [
            Self::Credited,
            Self::Later,
            Self::BehindClick,
            Self::BehindCoupon,
            Self::UnknownLink,
            Self::UnknownCoupon,
            Self::CouponNotValid,
            Self::OtherVendor,
            Self::BeforeWindow,
            Self::AfterOrder,
            Self::LinkPaused,
            Self::LinkExpired,
            Self::VendorInactive,
            Self::AffiliateNotApproved,
            Self::AffiliateInactive,
            Self::PartnershipInactive,
        ];
        let known = plain.into_iter().find(|verdict| verdict.code() == code);
        known.or_else(|| Refused::from_code(code).map(Self::Forged))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credited => "credited",
            Self::Later => "good, but the vendor's rule credits another click of this order",
            Self::BehindClick => "good, but a click is credited, and clicks go before coupons",
            Self::BehindCoupon => "good, but another coupon of this order is credited",
            Self::Forged(refused) => return refused.fmt(f),
            Self::UnknownLink => "the link it names is not known",
            Self::UnknownCoupon => "the coupon belongs to no affiliate",
            Self::CouponNotValid => "the coupon was not valid when the order was placed",
            Self::OtherVendor => "the link leads to another vendor",
            Self::BeforeWindow => "the click is older than the vendor's window",
            Self::AfterOrder => "the click came after the order",
            Self::LinkPaused => "the link was paused",
            Self::LinkExpired => "the link had expired",
            Self::VendorInactive => "the vendor was not active",
            Self::AffiliateNotApproved => "the affiliate was not approved",
            Self::AffiliateInactive => "the affiliate was suspended",
            Self::PartnershipInactive => "the partnership was not active",
        })
    }
}
