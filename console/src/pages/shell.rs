//! The frame around every page: the contents at the side, who is signed in, and what was just done.

use chrono::{DateTime, Utc};

use super::demo;
use super::toast::Toast;
use crate::assets::{self, Addresses};
use crate::auth::{Caller, Role, Scope, Via};

/// A part of the console, as the contents list it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Overview,
    Reports,
    Links,
    Affiliates,
    Requests,
    Invitations,
    Vendors,
    Products,
    Partnerships,
    Coupons,
    Orders,
    Holds,
    Payouts,
    Statement,
    Profile,
    Notifications,
    Integration,
    Webhooks,
    Keys,
    Team,
    Audit,
    Mails,
    Settings,
    /// A page that the contents do not list.
    Elsewhere,
}

/// A heading of the contents with its entries.
pub(crate) struct Group {
    pub(crate) heading: &'static str,
    pub(crate) entries: Vec<Entry>,
}

/// One line of the contents.
pub(crate) struct Entry {
    pub(crate) label: &'static str,
    pub(crate) address: &'static str,
    pub(crate) is_current: bool,
    /// The letter that leads here after `g`.
    pub(crate) key: &'static str,
    /// The element that `/live/waiting` fills with how much waits there; empty where nothing does.
    pub(crate) waiting: &'static str,
}

/// What the frame around every page shows.
pub(crate) struct Frame {
    pub(crate) assets: &'static Addresses,
    /// The instant the page was made, `20 Nov 2026, 14:10 UTC`.
    pub(crate) made_at: String,
    /// What a demo says of itself.
    pub(crate) demo: Option<&'static str>,
    /// Who is signed in.
    pub(crate) visitor: Option<Signed>,
    pub(crate) contents: Vec<Group>,
    pub(crate) toast: Option<Toast>,
    /// Whether somebody decides here whom others wait for.
    pub(crate) decides: bool,
}

/// Somebody who is signed in, as every page shows them.
pub(crate) struct Signed {
    pub(crate) name: String,
    pub(crate) role: &'static str,
    /// What their forms send along.
    pub(crate) csrf: String,
}

impl Frame {
    /// The frame of somebody's page.
    pub(crate) fn of(caller: &Caller, place: Place, query: &str, now: DateTime<Utc>) -> Self {
        let Via::Session { csrf, role, .. } = &caller.via else { return Self::new(now) };
        let signed = Signed {
            name: caller.name.split(" <").next().unwrap_or_default().to_owned(),
            role: role_in_words(*role),
            csrf: csrf.clone(),
        };
        Self {
            visitor: Some(signed),
            contents: contents(*role, &caller.scopes, place),
            toast: Toast::read(query),
            decides: caller.require_operator().is_ok(),
            ..Self::new(now)
        }
    }

    /// The frame of a page for those who are not signed in.
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        Self {
            assets: assets::addresses(),
            made_at: now.format("%-d %b %Y, %H:%M UTC").to_string(),
            demo: demo::banner(),
            visitor: None,
            contents: Vec::new(),
            toast: None,
            decides: false,
        }
    }

    /// What forms send along.
    pub(crate) fn csrf(&self) -> &str {
        self.visitor.as_ref().map_or("", |visitor| visitor.csrf.as_str())
    }
}

fn role_in_words(role: Role) -> &'static str {
    match role {
        Role::Admin => "Operator, administrator",
        Role::Reviewer => "Operator, reviewer",
        Role::Finance => "Operator, finance",
        Role::Vendor => "Vendor",
        Role::Affiliate => "Affiliate",
    }
}

/// A line before it is known whose contents it stands in: the place, its name, its address, its key, the scope it takes
/// and the element of what waits there.
type Line = (Place, &'static str, &'static str, &'static str, Option<Scope>, &'static str);

const OPERATOR: &[(&str, &[Line])] = &[
    (
        "",
        &[
            (Place::Overview, "Overview", "/", "o", Some(Scope::ReportsRead), ""),
            (Place::Reports, "Reports", "/reports", "r", Some(Scope::ReportsRead), ""),
        ],
    ),
    (
        "People",
        &[
            (
                Place::Affiliates,
                "Affiliates",
                "/affiliates",
                "a",
                Some(Scope::AffiliatesRead),
                "waiting-affiliates",
            ),
            (Place::Requests, "Requests", "/requests", "q", Some(Scope::ProgrammeRead), "waiting-requests"),
            (Place::Invitations, "Invitations", "/invitations", "i", Some(Scope::ProgrammeRead), ""),
        ],
    ),
    (
        "Programme",
        &[
            (Place::Vendors, "Vendors", "/vendors", "v", Some(Scope::ProgrammeRead), ""),
            (Place::Products, "Products", "/products", "d", Some(Scope::ProgrammeRead), ""),
            (Place::Partnerships, "Partnerships", "/partnerships", "n", Some(Scope::ProgrammeRead), ""),
            (Place::Links, "Links", "/links", "l", Some(Scope::ReportsRead), ""),
            (Place::Coupons, "Coupons", "/coupons", "c", Some(Scope::ProgrammeRead), ""),
        ],
    ),
    (
        "Money",
        &[
            (Place::Orders, "Orders", "/orders", "s", Some(Scope::ReportsRead), ""),
            (Place::Holds, "On hold", "/holds", "h", Some(Scope::ReportsRead), "waiting-holds"),
            (Place::Payouts, "Payouts", "/payouts", "p", Some(Scope::ReportsRead), "waiting-payouts"),
        ],
    ),
    (
        "House",
        &[
            (Place::Webhooks, "Webhooks", "/webhooks", "w", Some(Scope::WebhooksWrite), ""),
            (Place::Keys, "API keys", "/keys", "k", Some(Scope::AccountsWrite), ""),
            (Place::Team, "Team", "/team", "t", Some(Scope::AccountsWrite), ""),
            (Place::Audit, "Audit log", "/audit", "u", Some(Scope::AuditRead), ""),
        ],
    ),
];

const VENDOR: &[(&str, &[Line])] = &[
    (
        "",
        &[
            (Place::Overview, "Overview", "/", "o", None, ""),
            (Place::Reports, "Reports", "/reports", "r", None, ""),
        ],
    ),
    (
        "Sales",
        &[
            (Place::Orders, "Orders", "/orders", "s", None, ""),
            (Place::Links, "Links", "/links", "l", None, ""),
            (Place::Affiliates, "Affiliates", "/affiliates", "a", None, ""),
        ],
    ),
    (
        "Programme",
        &[
            (Place::Products, "Products", "/products", "d", None, ""),
            (Place::Partnerships, "Partnerships", "/partnerships", "n", None, ""),
            (Place::Coupons, "Coupons", "/coupons", "c", None, ""),
            (Place::Requests, "Requests", "/requests", "q", None, ""),
        ],
    ),
    (
        "Shop",
        &[
            (Place::Integration, "Integration", "/integration", "i", None, ""),
            (Place::Webhooks, "Webhooks", "/webhooks", "w", None, ""),
        ],
    ),
];

const AFFILIATE: &[(&str, &[Line])] = &[
    (
        "",
        &[
            (Place::Overview, "Dashboard", "/", "o", None, ""),
            (Place::Links, "Links", "/links", "l", None, ""),
            (Place::Coupons, "Coupons", "/coupons", "c", None, ""),
            (Place::Reports, "Reports", "/reports", "r", None, ""),
        ],
    ),
    (
        "Money",
        &[
            (Place::Orders, "Sales", "/orders", "s", None, ""),
            (Place::Statement, "Statement", "/statement", "m", None, ""),
            (Place::Payouts, "Payouts", "/payouts", "p", None, ""),
        ],
    ),
    (
        "You",
        &[
            (Place::Partnerships, "Vendors", "/partnerships", "n", None, ""),
            (Place::Requests, "Requests", "/requests", "q", None, ""),
            (Place::Profile, "Profile", "/profile", "f", None, ""),
            (Place::Notifications, "Notifications", "/notifications", "y", None, ""),
        ],
    ),
];

fn contents(role: Role, scopes: &[Scope], place: Place) -> Vec<Group> {
    let groups = match role {
        Role::Admin | Role::Reviewer | Role::Finance => OPERATOR,
        Role::Vendor => VENDOR,
        Role::Affiliate => AFFILIATE,
    };
    let may = |scope: Option<Scope>| scope.is_none_or(|scope| scopes.contains(&scope));
    let entries = |lines: &[Line]| -> Vec<Entry> {
        let shown = lines.iter().filter(|(_, _, _, _, scope, _)| may(*scope));
        shown
            .map(|&(at, label, address, key, _, waiting)| Entry {
                label,
                address,
                is_current: at == place,
                key,
                waiting,
            })
            .collect()
    };
    groups
        .iter()
        .map(|(heading, lines)| Group { heading, entries: entries(lines) })
        .filter(|group| !group.entries.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn contents_list_each_place_and_key_once() {
        for groups in [OPERATOR, VENDOR, AFFILIATE] {
            let lines = || groups.iter().flat_map(|(_, lines)| lines.iter());
            let keys: BTreeSet<_> = lines().map(|line| line.3).collect();
            let addresses: BTreeSet<_> = lines().map(|line| line.2).collect();
            assert_eq!((keys.len(), addresses.len()), (lines().count(), lines().count()));
        }
    }

    #[test]
    fn contents_leave_out_what_a_role_may_not_see() {
        let labels = |role: Role| -> Vec<&str> {
            let groups = contents(role, role.scopes(), Place::Overview);
            groups.iter().flat_map(|group| group.entries.iter().map(|entry| entry.label)).collect()
        };
        assert!(labels(Role::Admin).contains(&"Audit log"));
        assert!(!labels(Role::Finance).contains(&"Team") && labels(Role::Finance).contains(&"Payouts"));
        assert!(
            labels(Role::Affiliate).contains(&"Statement") && !labels(Role::Affiliate).contains(&"On hold")
        );
    }
}
