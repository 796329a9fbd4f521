//! What a link's page has for whoever shares it: the address with sub-ids, where it leads, and a picture to scan.

use crate::auth::Scope;
use crate::pages::qr::{self, Picture};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::programme::links;
use crate::programme::links::shown::{self, Subs};
use crate::server::App;

/// The names of sub-ids in an address.
const SUBS: [&str; 5] = ["sub1", "sub2", "sub3", "sub4", "sub5"];

/// The part of the page about sharing.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) code: String,
    /// The address with the sub-ids.
    pub(crate) address: String,
    /// Where it leads, as an example.
    pub(crate) leads_to: String,
    pub(crate) subs: Vec<(&'static str, String)>,
    pub(crate) picture: Picture,
    /// The link's own switch.
    pub(crate) is_on: bool,
    /// What else keeps it from tracking, in words.
    pub(crate) paused_by: Option<&'static str>,
    pub(crate) may_change: bool,
}

impl Share {
    /// Whether the address has a sub-id.
    pub(crate) fn has_subs(&self) -> bool {
        self.subs.iter().any(|(_, value)| !value.is_empty())
    }
}

/// That part for one link; `None` for whoever may only read reports.
pub(crate) async fn of(app: &App, visit: &Visit, code: &str) -> Result<Option<Share>, Failure> {
    let caller = &visit.caller;
    if caller.require(Scope::ProgrammeRead).is_err() {
        return Ok(None);
    }
    let subs = SUBS.map(|name| (name, visit.asked(name).unwrap_or_default()));
    let query = super::query(subs.iter().map(|(name, value)| (*name, value.as_str())));
    let link = links::shown(app, caller, code).await?;
    let preview = shown::filled(app, caller, code, &Subs(subs.clone().map(|(_, value)| value))).await?;
    let mark = if query.is_empty() { "" } else { "?" };
    let address = format!("{}{mark}{query}", link.url);
    Ok(Some(Share {
        picture: qr::picture(&address)?,
        address,
        leads_to: preview.url,
        subs: subs.into(),
        is_on: link.row.is_active,
        paused_by: link.row.paused_by.as_deref().and_then(other_reason),
        may_change: caller.require(Scope::ProgrammeWrite).is_ok(),
        code: link.row.code,
    }))
}

/// What pauses a link beside its own switch.
fn other_reason(paused_by: &str) -> Option<&'static str> {
    match paused_by {
        "affiliate" => Some("the affiliate is suspended or not approved"),
        "partnership" => Some("the partnership with the vendor is not active"),
        "vendor" => Some("the vendor is switched off"),
        _ => None,
    }
}
