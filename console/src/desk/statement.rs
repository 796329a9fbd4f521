//! `/v1/affiliates/{affiliate_id}/statement`: an affiliate's account over a span, and every booking in it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;

use super::shape::{json, now, unknown_cursor, vendor_of};
use crate::api::answer::rfc3339;
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::db;
use crate::problem::{BadParameter, Failure};
use crate::report::statement::{self, Booking, Holder, Place, Question, Sums, VendorSums};
use crate::server::App;

#[derive(Debug, Serialize)]
struct StatementAnswer {
    object: &'static str,
    affiliate_id: i64,
    affiliate: String,
    name: String,
    currency: String,
    from: String,
    to: String,
    total: SumsAnswer,
    vendors: Vec<VendorAnswer>,
    /// Whether there are more bookings than these.
    has_more: bool,
    bookings: Vec<BookingAnswer>,
}

/// `opening + earned − reversed − paid = closing = pending + payable`.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "every amount of the API says its unit")]
struct SumsAnswer {
    opening_minor: i64,
    earned_minor: i64,
    reversed_minor: i64,
    paid_minor: i64,
    closing_minor: i64,
    pending_minor: i64,
    payable_minor: i64,
}

#[derive(Debug, Serialize)]
struct VendorAnswer {
    vendor_id: i64,
    vendor: String,
    #[serde(flatten)]
    sums: SumsAnswer,
}

#[derive(Debug, Serialize)]
struct BookingAnswer {
    /// Its place in the list: what `starting_after` takes.
    booking_id: String,
    at: String,
    /// `earned`, `reversed`, `matured` (may be paid now), `withheld` (may not any more) or `paid`.
    kind: &'static str,
    vendor_id: i64,
    order_id: String,
    order_ref: String,
    link: Option<String>,
    earned_minor: i64,
    reversed_minor: i64,
    paid_minor: i64,
    /// By how much what is owed changed, waiting and payable.
    pending_minor: i64,
    payable_minor: i64,
}

/// One affiliate's statement in one currency.
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    affiliate_id: Result<Path<i64>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    json(read(&app, &caller, affiliate_id, query.as_deref().unwrap_or_default()).await)
}

async fn read(
    app: &App,
    caller: &Caller,
    affiliate_id: Result<Path<i64>, PathRejection>,
    query: &str,
) -> Result<StatementAnswer, Failure> {
    caller.require(Scope::ReportsRead)?;
    let Path(affiliate_id) = affiliate_id.map_err(|_| no_such_affiliate())?;
    let asked = Asked::parse(query, now()).map_err(Failure::Parameters)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let holder = statement::holder(&mut snapshot, caller.vendor(), affiliate_id)
        .await?
        .ok_or_else(no_such_affiliate)?;
    // Another vendor's part is as empty as that of a vendor that does not exist: no vendor has the number 0.
    let vendor_id = vendor_of(caller, asked.vendor).unwrap_or(Some(0));
    let question =
        Question { affiliate_id, currency: asked.currency, from: asked.from, to: asked.to, vendor_id };
    let after = match &asked.starting_after {
        None => None,
        Some(cursor) => Some(place(&mut snapshot, caller, cursor).await?),
    };
    let vendors = statement::sums(&mut snapshot, &question).await?;
    let bookings = statement::bookings(&mut snapshot, &question, after.as_ref(), asked.limit + 1).await?;
    snapshot.commit().await?;
    for vendor in &vendors {
        // Wrong numbers about somebody's money are worse than none.
        vendor.sums.check().map_err(|off| {
            Failure::Fault(format!("affiliate {affiliate_id}, vendor {}: {off}", vendor.vendor_id))
        })?;
    }
    Ok(StatementAnswer::new(holder, &question, vendors, bookings, asked.limit))
}

/// What is asked in the part of an address after `?`.
struct Asked {
    currency: String,
    vendor: Option<i64>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    limit: i64,
    starting_after: Option<String>,
}

impl Asked {
    /// Without `from` since the beginning, without `to` until now.
    fn parse(query: &str, now: DateTime<Utc>) -> Result<Self, Vec<BadParameter>> {
        let mut given = Given::read(query);
        let vendor = given.id("vendor");
        let (from, to) = given.span();
        let (limit, starting_after) = (given.limit(), given.one("starting_after"));
        let named = given.currency().map(|currency| currency.to_string());
        if named.is_none() {
            given.refuse("currency", "currency_needed", "ask for one currency, such as `currency=EUR`");
        }
        let currency = named.unwrap_or_default();
        given.finish("currency, vendor, from, to, limit, starting_after")?;
        let (from, to) = (from.unwrap_or(DateTime::UNIX_EPOCH), to.unwrap_or(now));
        Ok(Self { currency, vendor, from, to: to.max(from), limit, starting_after })
    }
}

/// `<transaction>.<link>.<order_ref>`: the last booking of the page before.
async fn place(conn: &mut PgConnection, caller: &Caller, cursor: &str) -> Result<Place, Failure> {
    let mut parts = cursor.splitn(3, '.');
    let mut number = || parts.next()?.parse::<i64>().ok();
    let (Some(ledger_tx_id), Some(link_id)) = (number(), number()) else { return Err(unknown_cursor()) };
    let order_ref = parts.next().filter(|text| !text.contains('\0')).ok_or_else(unknown_cursor)?.to_owned();
    let at = statement::booked_at(conn, caller.vendor(), ledger_tx_id).await?.ok_or_else(unknown_cursor)?;
    Ok(Place { at, ledger_tx_id, link_id, order_ref })
}

fn no_such_affiliate() -> Failure {
    Failure::Missing("no_such_affiliate", "there is no such affiliate".to_owned())
}

impl StatementAnswer {
    fn new(
        holder: Holder,
        question: &Question,
        vendors: Vec<VendorSums>,
        bookings: Vec<Booking>,
        limit: i64,
    ) -> Self {
        let total = vendors.iter().fold(Sums::default(), |sums, vendor| sums.plus(vendor.sums));
        let vendor = |vendor: VendorSums| VendorAnswer {
            vendor_id: vendor.vendor_id,
            vendor: vendor.vendor,
            sums: SumsAnswer::from(vendor.sums),
        };
        Self {
            object: "statement",
            affiliate_id: question.affiliate_id,
            affiliate: holder.username,
            name: holder.name,
            currency: question.currency.clone(),
            from: rfc3339(question.from),
            to: rfc3339(question.to),
            total: SumsAnswer::from(total),
            vendors: vendors.into_iter().map(vendor).collect(),
            has_more: bookings.len() as i64 > limit,
            bookings: bookings.into_iter().take(limit as usize).map(BookingAnswer::from).collect(),
        }
    }
}

impl From<Sums> for SumsAnswer {
    fn from(sums: Sums) -> Self {
        Self {
            opening_minor: sums.opening_minor,
            earned_minor: sums.earned_minor,
            reversed_minor: sums.reversed_minor,
            paid_minor: sums.paid_minor,
            closing_minor: sums.closing_minor(),
            pending_minor: sums.pending_minor,
            payable_minor: sums.payable_minor,
        }
    }
}

impl From<Booking> for BookingAnswer {
    fn from(booking: Booking) -> Self {
        let kind = match &booking {
            Booking { paid_minor, .. } if *paid_minor != 0 => "paid",
            Booking { earned_minor: 1.., .. } => "earned",
            Booking { reversed_minor: 1.., .. } => "reversed",
            Booking { payable_minor: 1.., .. } => "matured",
            _ => "withheld",
        };
        Self {
            booking_id: format!("{}.{}.{}", booking.ledger_tx_id, booking.link_id, booking.order_ref),
            at: rfc3339(booking.at),
            kind,
            vendor_id: booking.vendor_id,
            order_id: booking.order_id,
            order_ref: booking.order_ref,
            link: booking.link,
            earned_minor: booking.earned_minor,
            reversed_minor: booking.reversed_minor,
            paid_minor: booking.paid_minor,
            pending_minor: booking.pending_minor,
            payable_minor: booking.payable_minor,
        }
    }
}
