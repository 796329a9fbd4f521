//! What a caller may do, and the roles that people have.

use std::fmt;

use crate::conventions::words;

words! {
    /// The name of a scope.
    ScopeName: Scope::ALL.map(Scope::name)
}

words! {
    /// The name of a role.
    RoleName: Role::ALL.map(Role::name)
}

/// One thing that a key or a role may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// Report orders.
    #[value(name = "orders:write")]
    OrdersWrite,
    /// Read reports, orders, payouts and statements.
    #[value(name = "reports:read")]
    ReportsRead,
    /// Release or confirm holds, and let parked events in.
    #[value(name = "holds:review")]
    HoldsReview,
    /// Ask for payouts.
    #[value(name = "payouts:write")]
    PayoutsWrite,
    /// Approve or reject payouts that somebody else asked for.
    #[value(name = "payouts:approve")]
    PayoutsApprove,
    /// See affiliates with what they told about themselves.
    #[value(name = "affiliates:read")]
    AffiliatesRead,
    /// Change affiliates.
    #[value(name = "affiliates:write")]
    AffiliatesWrite,
    /// Approve, reject and suspend affiliates, and judge their documents.
    #[value(name = "affiliates:review")]
    AffiliatesReview,
    /// See vendors, products, partnerships, rates, links, coupons, invitations and requests.
    #[value(name = "programme:read")]
    ProgrammeRead,
    /// Change them.
    #[value(name = "programme:write")]
    ProgrammeWrite,
    /// Manage accounts and API keys.
    #[value(name = "accounts:write")]
    AccountsWrite,
    /// Manage the addresses that are told what happens.
    #[value(name = "webhooks:write")]
    WebhooksWrite,
    /// Read who did what.
    #[value(name = "audit:read")]
    AuditRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 13] = [
        Self::OrdersWrite,
        Self::ReportsRead,
        Self::HoldsReview,
        Self::PayoutsWrite,
        Self::PayoutsApprove,
        Self::AffiliatesRead,
        Self::AffiliatesWrite,
        Self::AffiliatesReview,
        Self::ProgrammeRead,
        Self::ProgrammeWrite,
        Self::AccountsWrite,
        Self::WebhooksWrite,
        Self::AuditRead,
    ];

    /// As it stands in `api_key.scopes`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrdersWrite => "orders:write",
            Self::ReportsRead => "reports:read",
            Self::HoldsReview => "holds:review",
            Self::PayoutsWrite => "payouts:write",
            Self::PayoutsApprove => "payouts:approve",
            Self::AffiliatesRead => "affiliates:read",
            Self::AffiliatesWrite => "affiliates:write",
            Self::AffiliatesReview => "affiliates:review",
            Self::ProgrammeRead => "programme:read",
            Self::ProgrammeWrite => "programme:write",
            Self::AccountsWrite => "accounts:write",
            Self::WebhooksWrite => "webhooks:write",
            Self::AuditRead => "audit:read",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What somebody who signs in is to the programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// An operator who may do everything.
    Admin,
    /// An operator who decides about affiliates and holds.
    Reviewer,
    /// An operator who pays.
    Finance,
    /// Acts for one vendor.
    Vendor,
    /// Acts for one affiliate.
    Affiliate,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Reviewer, Self::Finance, Self::Vendor, Self::Affiliate];

    /// As it stands in `account.role`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Reviewer => "reviewer",
            Self::Finance => "finance",
            Self::Vendor => "vendor",
            Self::Affiliate => "affiliate",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What it may do. A vendor's and an affiliate's reach is narrowed further, to what is theirs, by the database.
    pub fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Admin => &Scope::ALL,
            Self::Reviewer => &[
                Scope::ReportsRead,
                Scope::AffiliatesRead,
                Scope::AffiliatesWrite,
                Scope::AffiliatesReview,
                Scope::HoldsReview,
                Scope::ProgrammeRead,
            ],
            Self::Finance => &[
                Scope::ReportsRead,
                Scope::PayoutsWrite,
                Scope::PayoutsApprove,
                Scope::ProgrammeRead,
                Scope::AffiliatesRead,
            ],
            Self::Vendor => {
                &[Scope::ReportsRead, Scope::ProgrammeRead, Scope::ProgrammeWrite, Scope::WebhooksWrite]
            }
            Self::Affiliate => &[Scope::ReportsRead, Scope::ProgrammeRead, Scope::ProgrammeWrite],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()), Some(scope));
        }
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
    }

    #[test]
    fn only_operators_pay_and_review() {
        for role in [Role::Vendor, Role::Affiliate] {
            for scope in [
                Scope::PayoutsWrite,
                Scope::PayoutsApprove,
                Scope::HoldsReview,
                Scope::AccountsWrite,
                Scope::AuditRead,
            ] {
                assert!(!role.scopes().contains(&scope), "{role:?} has {scope}");
            }
        }
    }
}
