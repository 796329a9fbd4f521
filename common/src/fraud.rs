//! Reasons to look at an order before its commission is paid. A flag holds commission and is shown with its reason;
//! it never takes any away, because each of them has an honest explanation too.

mod email;

pub use email::{is_same_person, normalise_email};

/// An order that follows its click faster than this was not read by anybody, ms.
pub const FAST_ORDER_MS: i64 = 10_000;
/// How many orders may carry one token: a shopper who comes back some days later still has it.
pub const TOKEN_ORDERS: u64 = 3;
/// Fewer clicks in an hour than this are no wave, however quiet the link usually is.
pub const WAVE_CLICKS: u64 = 300;
/// How many times the usual number of clicks make a wave.
pub const WAVE_FACTOR: u64 = 10;

/// Why an order is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// The affiliate seems to be the customer.
    SelfReferral,
    /// Bought too soon after the click.
    FastOrder,
    /// Far more clicks than usual.
    ClickVelocity,
    /// One click, many orders.
    TokenSpread,
    /// Several affiliates are paid to one account.
    SharedBankAccount,
}

impl Flag {
    /// Every flag, in the order they are shown in.
    pub const ALL: [Self; 5] = [
        Self::SelfReferral,
        Self::FastOrder,
        Self::ClickVelocity,
        Self::TokenSpread,
        Self::SharedBankAccount,
    ];

    /// The name in Postgres.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfReferral => "self_referral",
            Self::FastOrder => "fast_order",
            Self::ClickVelocity => "click_velocity",
            Self::TokenSpread => "token_spread",
            Self::SharedBankAccount => "shared_bank_account",
        }
    }

    /// The flag with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }
}

/// What is known about an order and the affiliate who would be credited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Who bought.
    pub customer_email: Option<&'a str>,
    /// Who would earn.
    pub affiliate_email: Option<&'a str>,
    /// From the click to the order. Negative: the order's clock is behind. `None`: credited by a coupon.
    pub click_to_order_ms: Option<i64>,
    /// How many orders carry the credited token, this one among them.
    pub orders_with_token: u64,
    /// The link's clicks in the hour of the click.
    pub clicks_in_hour: u64,
    /// The link's mean over the hours of the 28 days before.
    pub usual_clicks_an_hour: u64,
    /// How many other affiliates are paid to the same bank account.
    pub sharing_bank_account: u64,
}

/// The flags an order raises, each with the reason people are shown. No reason holds an address.
pub fn flags(facts: &Facts<'_>) -> Vec<(Flag, String)> {
    Flag::ALL.into_iter().filter_map(|flag| Some((flag, reason(flag, facts)?))).collect()
}

fn reason(flag: Flag, facts: &Facts<'_>) -> Option<String> {
    match flag {
        Flag::SelfReferral => {
            let is_same = is_same_person(facts.customer_email?, facts.affiliate_email?);
            is_same
                .then(|| "the customer's e-mail address is the affiliate's, or of the same domain".to_owned())
        }
        Flag::FastOrder => {
            let ms = facts.click_to_order_ms.filter(|ms| *ms < FAST_ORDER_MS)?;
            Some(format!("ordered {ms} ms after the click, less than {FAST_ORDER_MS} ms"))
        }
        Flag::ClickVelocity => {
            let (clicks, usual) = (facts.clicks_in_hour, facts.usual_clicks_an_hour);
            let is_wave = clicks >= WAVE_CLICKS && clicks >= usual.saturating_mul(WAVE_FACTOR);
            is_wave
                .then(|| format!("the link had {clicks} clicks in the hour of this click; {usual} are usual"))
        }
        Flag::TokenSpread => {
            let orders = Some(facts.orders_with_token).filter(|orders| *orders > TOKEN_ORDERS)?;
            Some(format!("{orders} orders came with this one click; more than {TOKEN_ORDERS} are unusual"))
        }
        Flag::SharedBankAccount => {
            let others = Some(facts.sharing_bank_account).filter(|others| *others > 0)?;
            Some(format!("{others} more affiliate(s) are paid to the same bank account"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(facts: Facts<'_>, expect: &[Flag]) {
        let raised = flags(&facts);
        assert_eq!(raised.iter().map(|(flag, _)| *flag).collect::<Vec<_>>(), expect, "{facts:?}");
        assert!(raised.iter().all(|(_, reason)| !reason.is_empty() && !reason.contains('@')), "{raised:?}");
    }

    #[test]
    fn each_flag_has_two_sides() {
        use Flag::{ClickVelocity, FastOrder, SelfReferral, SharedBankAccount, TokenSpread};
        let none = Facts::default();
        check(none, &[]);
        for (ms, expect) in
            [(10_000, &[][..]), (9_999, &[FastOrder]), (0, &[FastOrder]), (i64::MIN, &[FastOrder])]
        {
            check(Facts { click_to_order_ms: Some(ms), ..none }, expect);
        }
        for (clicks_in_hour, usual_clicks_an_hour, expect) in [
            (299, 0, &[][..]),
            (300, 0, &[ClickVelocity]),
            (300, 30, &[ClickVelocity]),
            (300, 31, &[]),
            (u64::MAX, u64::MAX / 9, &[ClickVelocity]),
            (u64::MAX - 1, u64::MAX / 9, &[]),
        ] {
            check(Facts { clicks_in_hour, usual_clicks_an_hour, ..none }, expect);
        }
        for (orders_with_token, expect) in [(1, &[][..]), (3, &[]), (4, &[TokenSpread])] {
            check(Facts { orders_with_token, ..none }, expect);
        }
        check(Facts { sharing_bank_account: 1, ..none }, &[SharedBankAccount]);
        let (mia, other) = (Some("Mia+x@teapots.example.com"), Some("mia@teapots.example.com"));
        check(Facts { customer_email: mia, affiliate_email: other, ..none }, &[SelfReferral]);
        check(Facts { customer_email: mia, ..none }, &[]);
        check(Facts { affiliate_email: mia, ..none }, &[]);
    }

    #[test]
    fn an_order_may_raise_every_flag() {
        let facts = Facts {
            customer_email: Some("mia@gmail.com"),
            affiliate_email: Some("m.i.a+shop@googlemail.com"),
            click_to_order_ms: Some(-1),
            orders_with_token: 9,
            clicks_in_hour: 9_000,
            usual_clicks_an_hour: 3,
            sharing_bank_account: 2,
        };
        check(facts, &Flag::ALL);
        for flag in Flag::ALL {
            assert_eq!(Flag::from_name(flag.name()), Some(flag));
        }
    }
}
