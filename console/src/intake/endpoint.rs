//! The address that a shop system sends to: whose it is, what system it is, and the secrets that are good now.

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use runtime::{Secret, clock};

use super::assign::Tenant;
use super::write::Source;
use crate::problem::Failure;
use crate::seal;
use crate::server::App;

/// An endpoint that is switched on.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// On whose behalf it reports.
    pub(super) tenant: Tenant,
    /// Which system calls it.
    pub(super) source: Source,
    /// What its calls may be signed with now: two while a secret is replaced.
    pub(super) secrets: Vec<Secret>,
}

/// Finds an endpoint. One that does not exist, is switched off or is of another kind is simply not there.
pub(super) async fn find(app: &App, name: &str, fits: fn(Source) -> bool) -> Result<Endpoint, Failure> {
    let now = DateTime::<Utc>::from(clock::system_time());
    let rows = sqlx::query!(
        "select e.vendor_id, e.source, s.secret_no as \"secret_no?\", s.sealed as \"sealed?\"
         from webhook_endpoint e
         left join webhook_secret s on s.webhook_endpoint_id = e.webhook_endpoint_id
             and (s.valid_until is null or s.valid_until > $2)
         where e.webhook_endpoint_id = $1 and e.disabled_at is null
         order by s.secret_no",
        name,
        now
    )
    .fetch_all(&app.intake)
    .await
    .map_err(Failure::writing)?;
    let first = rows.first().ok_or_else(nowhere)?;
    let source = Source::from_name(&first.source).filter(|source| fits(*source)).ok_or_else(nowhere)?;
    let seal = app.seal.as_ref().ok_or(Failure::Sealed)?;
    let open = |no: i32, sealed: &[u8]| seal.open(&seal::place(name, no), sealed);
    let secrets: Vec<Secret> =
        rows.iter().filter_map(|row| open(row.secret_no?, row.sealed.as_deref()?)).collect();
    if secrets.is_empty() && rows.iter().any(|row| row.sealed.is_some()) {
        return Err(Failure::Sealed);
    }
    Ok(Endpoint { tenant: Tenant::from(first.vendor_id), source, secrets })
}

fn nowhere() -> Failure {
    Failure::Missing(
        "no_such_endpoint",
        "there is no such endpoint; console create-webhook makes one".to_owned(),
    )
}

/// The value of a header that stands there exactly once.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}
