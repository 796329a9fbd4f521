//! `/v1/payouts/{id}/csv`: a batch for whoever sends the money, as RFC 4180 says, and safe to open in a spreadsheet.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use common::money::{Currency, format_decimal};

use super::payouts::{may_look, no_such_payout};
use crate::auth::Caller;
use crate::conventions::{Named, possible};
use crate::db;
use crate::problem::{Failure, ForPrograms, Problem};
use crate::report::payouts::{self, Batch, PayoutLine};
use crate::server::App;
use crate::spreadsheet::{self, harmless};

/// The first line.
const HEADING: [&str; 12] = [
    "payout_batch_id",
    "state",
    "vendor_id",
    "vendor",
    "affiliate_id",
    "affiliate",
    "name",
    "currency",
    "amount",
    "amount_minor",
    "paid",
    "orders",
];

/// The lines of a batch as a file.
#[utoipa::path(get, path = "/v1/payouts/{payout_batch_id}/csv", tag = "payouts", params(
    ("payout_batch_id" = String, Path),
), responses(
    (status = 200, description = "The lines as a file", body = String, content_type = "text/csv"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn file(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    match read(&app, &caller, &id).await {
        Ok((name, text)) => spreadsheet::file(&name, text),
        Err(failure) => ForPrograms(failure).into_response(),
    }
}

/// What the file is called, and what is in it.
pub(crate) async fn read(app: &App, caller: &Caller, id: &str) -> Result<(String, Vec<u8>), Failure> {
    may_look(caller)?;
    let id = possible(id, no_such_payout)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let batch = payouts::one(&mut snapshot, caller.vendor(), id).await?.ok_or_else(no_such_payout)?;
    let lines = payouts::lines(&mut snapshot, &batch).await?;
    snapshot.commit().await?;
    let text = table(&batch, &lines)?;
    Ok((batch.payout_batch_id, text))
}

fn table(batch: &Batch, lines: &[PayoutLine]) -> Result<Vec<u8>, Failure> {
    let currency = batch.currency.parse::<Currency>().ok();
    let decimal = |minor: i64| currency.map_or_else(String::new, |currency| format_decimal(minor, currency));
    let row = |line: &PayoutLine| {
        vec![
            batch.payout_batch_id.clone(),
            batch.state.clone(),
            line.vendor_id.to_string(),
            harmless(&line.vendor),
            line.affiliate_id.to_string(),
            harmless(&line.affiliate),
            harmless(&line.affiliate_name),
            batch.currency.clone(),
            decimal(line.amount_minor),
            line.amount_minor.to_string(),
            line.paid_minor.map(decimal).unwrap_or_default(),
            line.orders.to_string(),
        ]
    };
    spreadsheet::table(&HEADING, lines.iter().map(row))
}
