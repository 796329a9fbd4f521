//! `/v1/vendors/{id}/terms`: how old a click may be, which one wins, and how long commission is held; since when, and what
//! was agreed for later. Rows are added, never changed: an order keeps the terms it was placed under.
//!
//! The window is the whole life of a click: shops need not keep its token longer. Where shoppers go while a link is off is
//! the vendor's `fallback_url`.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::notice;
use super::rate_input::{noticed, start};
use super::vendors::{self, no_such_vendor};
use crate::auth::{Caller, Scope};
use crate::conventions::{
    IfMatch, List, Named, Repeatable, Versioned, creation, json, made, now, possible, words,
};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::{audit, db};

/// Terms of one vendor that are told: more changes than in years.
const MAX_TERMS: i64 = 100;
/// Days of a window, as in Postgres.
const WINDOW: std::ops::RangeInclusive<i32> = 1..=365;
/// Days commission is held, as in Postgres.
const HOLD: std::ops::RangeInclusive<i32> = 0..=365;
/// Which of several clicks may win.
const ATTRIBUTIONS: [&str; 2] = ["last_click", "first_click"];

words! {
    /// Which click gets the order.
    Attribution: ATTRIBUTIONS
}

/// Terms, from an instant on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "object", rename = "vendor_terms")]
#[schema(as = VendorTerms)]
pub(crate) struct Terms {
    pub(crate) since: DateTime<Utc>,
    /// How many days before an order a click may have been.
    pub(crate) window_days: i32,
    /// For how many days after completion commission is held.
    pub(crate) hold_days: i32,
    /// `last_click` or `first_click`.
    pub(crate) attribution: String,
    /// Whether they hold now.
    pub(crate) is_current: bool,
}

/// Other terms. What is left out stays as it is then.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VendorTermsWanted)]
pub(crate) struct Wanted {
    #[schema(minimum = 1, maximum = 365)]
    pub(crate) window_days: Option<i32>,
    #[schema(minimum = 0, maximum = 365)]
    pub(crate) hold_days: Option<i32>,
    /// `last_click` or `first_click`.
    #[schema(value_type = Option<Attribution>)]
    pub(crate) attribution: Option<String>,
    /// Now unless given.
    pub(crate) since: Option<DateTime<Utc>>,
}

/// The terms of a vendor, latest first.
#[utoipa::path(get, path = "/v1/vendors/{vendor_id}/terms", tag = "vendors", params(
    ("vendor_id" = String, Path),
), responses(
    (status = 200, description = "All of them", body = List<Terms>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    json(all(&app, &caller, &id)).await
}

/// Agrees on other terms. A vendor's partners are told a week before what takes something from them.
#[utoipa::path(post, path = "/v1/vendors/{vendor_id}/terms", tag = "vendors", request_body = Wanted, params(
    ("vendor_id" = String, Path),
    Versioned,
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Terms),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn agree(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    let agree = async |wanted| made(agreed(&app, &caller, &if_match, &id, wanted)).await;
    creation(&app, &caller, request, writes, agree).await
}

/// Every terms of a vendor, latest first.
pub(crate) async fn all(app: &App, caller: &Caller, id: &str) -> Result<List<Terms>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_vendor)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let vendor = vendors::one(&mut snapshot, id).await?.ok_or_else(no_such_vendor)?;
    let rows = sqlx::query_as!(
        Terms,
        r#"select since, window_days, hold_days, attribution,
           since = (select max(n.since) from vendor_terms n where n.vendor_id = $1 and n.since <= $2) as "is_current!"
           from vendor_terms where vendor_id = $1 order by since desc limit $3"#,
        vendor.number,
        now(),
        MAX_TERMS
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    Ok(List::whole(format!("{}/{id}/terms", vendors::PATH), rows))
}

/// Writes other terms down, and tells whoever promotes the vendor.
pub(crate) async fn agreed(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    wanted: Wanted,
) -> Result<Terms, Failure> {
    writes(caller)?;
    let id = possible(id, no_such_vendor)?;
    let (at, mut tx) = (now(), db::tenant_tx(app, caller).await.map_err(Failure::writing)?);
    let vendor = vendors::locked(&mut tx, if_match, id).await?;
    let since = start(wanted.since, at)?;
    let before = in_force(&mut tx, vendor.number, since).await?;
    let after = wanted.over(&before, since, at)?;
    if before.are_cut_by(&after) {
        noticed(caller.tenant, since, at, "terms that take something from affiliates need")?;
    }
    let added = sqlx::query!(
        "insert into vendor_terms (vendor_id, since, window_days, hold_days, attribution) values ($1, $2, $3, $4, $5) \
         on conflict do nothing",
        vendor.number,
        since,
        after.window_days,
        after.hold_days,
        after.attribution
    );
    if added.execute(&mut *tx).await.map_err(Failure::writing)?.rows_affected() == 0 {
        let words = "other terms begin at that very instant: choose another `since`";
        return Err(Failure::Conflict("terms_exist", words.to_owned()));
    }
    let bump =
        sqlx::query!("update vendor set row_version = row_version + 1 where vendor_id = $1", vendor.number);
    bump.execute(&mut *tx).await.map_err(Failure::writing)?;
    let detail = json!({"from": before, "to": after});
    audit::record(&mut tx, caller, "vendor.terms", id, Some(vendor.number), None, detail).await?;
    let subject: String = format!("{}: the terms change", vendor.name).chars().take(200).collect();
    notice::to_partners(&mut tx, caller, vendor.number, &subject, &after.in_words()).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(after)
}

/// The terms that hold at an instant. Every vendor has some since ever.
async fn in_force(conn: &mut PgConnection, vendor_id: i64, at: DateTime<Utc>) -> Result<Terms, Failure> {
    let found = sqlx::query_as!(
        Terms,
        r#"select since, window_days, hold_days, attribution, true as "is_current!" from vendor_terms
           where vendor_id = $1 and since <= $2 order by since desc limit 1"#,
        vendor_id,
        at
    );
    Ok(found.fetch_one(conn).await?)
}

impl Wanted {
    /// These terms, where they say nothing the ones before.
    fn over(self, before: &Terms, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Terms, Failure> {
        let terms = Terms {
            since,
            window_days: self.window_days.unwrap_or(before.window_days),
            hold_days: self.hold_days.unwrap_or(before.hold_days),
            attribution: self.attribution.unwrap_or_else(|| before.attribution.clone()),
            is_current: since <= now,
        };
        if !WINDOW.contains(&terms.window_days) {
            let detail = format!("`window_days` must be from {} to {}", WINDOW.start(), WINDOW.end());
            return Err(unusable("window_days", "invalid_days", detail));
        }
        if !HOLD.contains(&terms.hold_days) {
            let detail = format!("`hold_days` must be from {} to {}", HOLD.start(), HOLD.end());
            return Err(unusable("hold_days", "invalid_days", detail));
        }
        if !ATTRIBUTIONS.contains(&terms.attribution.as_str()) {
            let detail = format!("`attribution` must be one of {}", ATTRIBUTIONS.join(", "));
            return Err(unusable("attribution", "unknown_value", detail));
        }
        Ok(terms)
    }
}

impl Terms {
    /// Whether affiliates would earn less, later, or by another rule.
    fn are_cut_by(&self, other: &Self) -> bool {
        other.window_days < self.window_days
            || other.hold_days > self.hold_days
            || other.attribution != self.attribution
    }

    fn in_words(&self) -> String {
        let which = if self.attribution == "first_click" { "first" } else { "last" };
        format!(
            "For orders placed from {} on, the {which} click of the {} days before is credited, and commission is held for \
             {} days after completion. Earlier orders keep their terms.",
            self.since.format("%Y-%m-%d %H:%M UTC"),
            self.window_days,
            self.hold_days
        )
    }
}

/// Refuses affiliates.
fn writes(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    caller.require_shop_side()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(window_days: i32, hold_days: i32, attribution: &str) -> Terms {
        let attribution = attribution.to_owned();
        Terms { since: DateTime::UNIX_EPOCH, window_days, hold_days, attribution, is_current: true }
    }

    #[test]
    fn what_takes_something_away_is_a_cut() {
        let before = terms(30, 14, "last_click");
        for (after, is_cut) in [
            (terms(30, 14, "last_click"), false),
            (terms(31, 14, "last_click"), false),
            (terms(30, 13, "last_click"), false),
            (terms(29, 14, "last_click"), true),
            (terms(30, 15, "last_click"), true),
            (terms(30, 14, "first_click"), true),
        ] {
            assert_eq!(before.are_cut_by(&after), is_cut, "{after:?}");
        }
    }

    #[test]
    fn days_end_somewhere() {
        let before = terms(30, 14, "last_click");
        let at = DateTime::UNIX_EPOCH;
        for (window, hold, attribution, good) in [
            (Some(1), Some(0), None, true),
            (Some(365), Some(365), Some("first_click"), true),
            (Some(0), None, None, false),
            (Some(366), None, None, false),
            (None, Some(-1), None, false),
            (None, Some(366), None, false),
            (None, None, Some("middle_click"), false),
        ] {
            let attribution = attribution.map(str::to_owned);
            let wanted = Wanted { window_days: window, hold_days: hold, attribution, since: None };
            let shown = format!("{wanted:?}");
            assert_eq!(wanted.over(&before, at, at).is_ok(), good, "{shown}");
        }
    }
}
