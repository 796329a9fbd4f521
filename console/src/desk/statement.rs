//! `/v1/affiliates/{affiliate_id}/statement`: an affiliate's account over a span, and every booking in it.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::shape::vendor_of;
use crate::api::answer::rfc3339;
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, CurrencyCode, Moment, Named, Number, Page, PageParams, json, now, unknown_cursor,
};
use crate::db;
use crate::problem::{Failure, Problem};
use crate::report::statement::{self, Booking, Holder, Place, Question, Sums, VendorSums};
use crate::server::App;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statement)]
pub(crate) struct StatementAnswer {
    pub(crate) object: &'static str,
    pub(crate) affiliate_id: i64,
    pub(crate) affiliate: String,
    pub(crate) name: String,
    pub(crate) currency: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) total: SumsAnswer,
    pub(crate) vendors: Vec<VendorAnswer>,
    /// Whether there are more bookings than these.
    pub(crate) has_more: bool,
    pub(crate) bookings: Vec<BookingAnswer>,
}

/// `opening + earned − reversed − paid = closing = pending + payable`.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "every amount of the API says its unit")]
#[schema(as = StatementSums)]
pub(crate) struct SumsAnswer {
    pub(crate) opening_minor: i64,
    pub(crate) earned_minor: i64,
    pub(crate) reversed_minor: i64,
    pub(crate) paid_minor: i64,
    pub(crate) closing_minor: i64,
    pub(crate) pending_minor: i64,
    pub(crate) payable_minor: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementVendor)]
pub(crate) struct VendorAnswer {
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    #[serde(flatten)]
    pub(crate) sums: SumsAnswer,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementBooking)]
pub(crate) struct BookingAnswer {
    /// Its place in the list: what `starting_after` takes.
    pub(crate) booking_id: String,
    pub(crate) at: String,
    /// `earned`, `reversed`, `matured` (may be paid now), `withheld` (may not any more) or `paid`.
    pub(crate) kind: &'static str,
    pub(crate) vendor_id: i64,
    pub(crate) order_id: String,
    pub(crate) order_ref: String,
    pub(crate) link: Option<String>,
    pub(crate) earned_minor: i64,
    pub(crate) reversed_minor: i64,
    pub(crate) paid_minor: i64,
    /// By how much what is owed changed, waiting and payable.
    pub(crate) pending_minor: i64,
    pub(crate) payable_minor: i64,
}

/// One affiliate's statement in one currency.
#[utoipa::path(get, path = "/v1/affiliates/{affiliate_id}/statement", tag = "statements", params(
    ("affiliate_id" = i64, Path, description = "The affiliate's number"),
    ("currency" = inline(CurrencyCode), Query, description = "Three capitals"),
    ("vendor" = inline(Option<Number>), Query, description = "Only this vendor's part"),
    ("from" = inline(Option<Moment>), Query, description = "Booked then or later; since ever unless asked otherwise"),
    ("to" = inline(Option<Moment>), Query, description = "Booked before; until now unless asked otherwise"),
    PageParams,
), responses(
    (status = 200, description = "The account and a page of its bookings", body = StatementAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(affiliate_id): Named<i64>,
    Asking(asked): Asking<Account>,
) -> Response {
    json(read(&app, &caller, affiliate_id, &asked)).await
}

/// An affiliate's account over a span.
pub(crate) async fn read(
    app: &App,
    caller: &Caller,
    affiliate_id: i64,
    asked: &Account,
) -> Result<StatementAnswer, Failure> {
    caller.require(Scope::ReportsRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let holder = statement::holder(&mut snapshot, caller.vendor(), affiliate_id)
        .await?
        .ok_or_else(no_such_affiliate)?;
    // Another vendor's part is as empty as that of a vendor that does not exist: no vendor has the number 0.
    let vendor_id = vendor_of(caller, asked.vendor).unwrap_or(Some(0));
    let question = Question {
        affiliate_id,
        currency: asked.currency.clone(),
        from: asked.from,
        to: asked.to,
        vendor_id,
    };
    let after = match &asked.page.after {
        None => None,
        Some(cursor) => Some(place(&mut snapshot, caller, cursor).await?),
    };
    let vendors = statement::sums(&mut snapshot, &question).await?;
    let bookings =
        statement::bookings(&mut snapshot, &question, after.as_ref(), asked.page.limit + 1).await?;
    snapshot.commit().await?;
    for vendor in &vendors {
        // Wrong numbers about somebody's money are worse than none.
        vendor.sums.check().map_err(|off| {
            Failure::Fault(format!("affiliate {affiliate_id}, vendor {}: {off}", vendor.vendor_id))
        })?;
    }
    Ok(StatementAnswer::new(holder, &question, vendors, bookings, asked.page.limit))
}

/// Which part of an affiliate's account.
pub(crate) struct Account {
    pub(crate) currency: String,
    pub(crate) vendor: Option<i64>,
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    /// Which page of its bookings.
    pub(crate) page: Page,
}

impl Asked for Account {
    /// Without `from` since the beginning, without `to` until now.
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let vendor = given.id("vendor");
        let (from, to) = given.span();
        let page = Page { limit: given.limit(), after: given.one("starting_after") };
        let named = given.currency().map(|currency| currency.to_string());
        if named.is_none() {
            given.refuse("currency", "currency_needed", "ask for one currency, such as `currency=EUR`");
        }
        let currency = named.unwrap_or_default();
        given.finish("currency, vendor, from, to, limit, starting_after").map_err(Failure::Parameters)?;
        let (from, to) = (from.unwrap_or(DateTime::UNIX_EPOCH), to.unwrap_or_else(now));
        Ok(Self { currency, vendor, from, to: to.max(from), page })
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
