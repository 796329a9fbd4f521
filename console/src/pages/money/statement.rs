//! `/statement`: an affiliate's account in one currency, month by month, and every booking of one month.
//!
//! Invariant: a statement that does not add up is never shown: opening + earned − reversed − paid = closing, month by
//! month, and the last closing is what the ledger holds.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use common::money::{Currency, format_decimal};
use sqlx::PgConnection;

use crate::affiliates::no_such_affiliate;
use crate::auth::{Scope, Tenant};
use crate::conventions::Page;
use crate::db;
use crate::desk::statement::{self, Account, BookingAnswer};
use crate::pages::markup::{Amount, Instant};
use crate::pages::period::{AFTER, Period, View, bad};
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::accounts::{self, Balance, Month};
use crate::server::App;
use crate::spreadsheet::{self, harmless};

/// Where it is.
pub(super) const PATH: &str = "/statement";

/// What the address says of this page.
const NAMES: [&str; 4] = ["affiliate", "currency", "month", AFTER];

/// Bookings on a page of a month.
const BOOKINGS: i64 = 50;

/// Bookings in a file: decades of a busy affiliate.
const MAX_BOOKINGS: usize = 100_000;

/// Bookings that one question answers.
const STEP: i64 = 1_000;

#[derive(Template)]
#[template(path = "money/statement.html")]
struct StatementPage {
    frame: Frame,
    /// Whose it is, for operators.
    of: Option<String>,
    currencies: Vec<(String, String, bool)>,
    closing: Option<Amount>,
    pending: Option<Amount>,
    payable: Option<Amount>,
    months: Vec<Line>,
    chosen: Option<String>,
    bookings: Vec<Booking>,
    file: String,
    all_address: String,
    first_address: Option<String>,
    next_address: Option<String>,
}

/// One month.
struct Line {
    label: String,
    address: String,
    is_current: bool,
    opening: Amount,
    earned: Amount,
    reversed: Amount,
    paid: Amount,
    closing: Amount,
}

struct Booking {
    at: Option<Instant>,
    what: &'static str,
    order: String,
    order_ref: String,
    amount: Amount,
    link: Option<String>,
}

/// Answers `/statement`.
pub(crate) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

/// Whose account in which currency, with everything that is known of it.
struct Known {
    affiliate_id: i64,
    username: String,
    balances: Vec<Balance>,
    currency: String,
    months: Vec<Month>,
}

async fn known(app: &App, visit: &Visit, view: &View) -> Result<Known, Failure> {
    visit.caller.require(Scope::ReportsRead)?;
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let (affiliate_id, username) = holder(&mut snapshot, visit, view).await?;
    let balances = accounts::balances(&mut snapshot, affiliate_id).await?;
    let asked = view.choice("currency");
    let balance = balances.iter().find(|balance| balance.currency == asked).or_else(|| balances.first());
    let currency = balance.map(|balance| balance.currency.clone()).unwrap_or_default();
    let months = accounts::months(&mut snapshot, affiliate_id, &currency, None).await?;
    snapshot.commit().await?;
    let closing = months.last().map_or(0, |month| month.sums.closing_minor());
    let owed = balance.map_or(0, |balance| balance.pending_minor + balance.payable_minor);
    if closing != owed {
        // Wrong numbers about somebody's money are worse than none.
        return Err(Failure::Fault(format!(
            "the account of affiliate {affiliate_id} closes with {closing}, but {owed} is owed"
        )));
    }
    Ok(Known { affiliate_id, username, balances, currency, months })
}

/// Oneself; for everybody else the affiliate in the address.
async fn holder(conn: &mut PgConnection, visit: &Visit, view: &View) -> Result<(i64, String), Failure> {
    let found = match visit.caller.tenant {
        Tenant::Affiliate(affiliate_id) => {
            sqlx::query!("select affiliate_id, username from affiliate where affiliate_id = $1", affiliate_id)
                .fetch_optional(conn)
                .await?
                .map(|row| (row.affiliate_id, row.username))
        }
        Tenant::Programme => {
            let asked = view.choice("affiliate");
            sqlx::query!(
                "select affiliate_id, username from affiliate where public_id = $1 or username = $1",
                asked
            )
            .fetch_optional(conn)
            .await?
            .map(|row| (row.affiliate_id, row.username))
        }
        Tenant::Vendor(_) => return Err(Failure::OperatorsOnly),
    };
    found.ok_or_else(no_such_affiliate)
}

async fn page(app: &App, visit: &Visit) -> Result<StatementPage, Failure> {
    let view = View::read(&visit.query, Period::Always, &NAMES)?;
    let known = known(app, visit, &view).await?;
    let chosen = month(view.choice("month"))?;
    let mut found = (Vec::new(), None);
    if let Some((from, to)) = chosen {
        let after = Some(view.choice(AFTER).to_owned()).filter(|after| !after.is_empty());
        found = bookings(app, visit, &known, (from, to), Page { limit: BOOKINGS, after }).await?;
    }
    let amount = |minor| Amount::new(minor, &known.currency);
    let balance = known.balances.iter().find(|balance| balance.currency == known.currency);
    let line = |month: &Month| {
        let name = month.start.format("%Y-%m").to_string();
        Line {
            label: month.start.format("%B %Y").to_string(),
            is_current: view.choice("month") == name,
            address: view.with("month", &name).address(PATH),
            opening: amount(month.sums.opening_minor),
            earned: amount(month.sums.earned_minor),
            reversed: amount(month.sums.reversed_minor),
            paid: amount(month.sums.paid_minor),
            closing: amount(month.sums.closing_minor()),
        }
    };
    let currency = |balance: &Balance| {
        let code = balance.currency.clone();
        (view.with("currency", &code).address(PATH), code, balance.currency == known.currency)
    };
    let (rows, next) = found;
    Ok(StatementPage {
        frame: visit.frame(if visit.caller.is_affiliate() { Place::Statement } else { Place::Affiliates }),
        of: (!visit.caller.is_affiliate()).then(|| known.username.clone()),
        currencies: if known.balances.len() > 1 {
            known.balances.iter().map(currency).collect()
        } else {
            Vec::new()
        },
        closing: balance.map(|balance| amount(balance.pending_minor + balance.payable_minor)),
        pending: balance.map(|balance| amount(balance.pending_minor)),
        payable: balance.map(|balance| amount(balance.payable_minor)),
        months: known.months.iter().rev().map(line).collect(),
        chosen: chosen.map(|(from, _)| from.format("%B %Y").to_string()),
        bookings: rows.into_iter().map(|booking| Booking::new(booking, &known.currency)).collect(),
        file: view.with(AFTER, "").address("/statement/csv"),
        all_address: view.with("month", "").address(PATH),
        first_address: (!view.choice(AFTER).is_empty()).then(|| view.with(AFTER, "").address(PATH)),
        next_address: next.map(|after| view.with(AFTER, &after).address(PATH)),
    })
}

/// The first instant of something, and that of what follows.
type Span = (DateTime<Utc>, DateTime<Utc>);

/// The month `2026-11`, as its first instant and that of the next.
fn month(name: &str) -> Result<Option<Span>, Failure> {
    if name.is_empty() {
        return Ok(None);
    }
    let first = format!("{name}-01").parse::<NaiveDate>().ok().filter(|_| name.len() == 7);
    let ends = first.and_then(|first| Some((first, first.checked_add_months(Months::new(1))?)));
    let (first, next) = ends.ok_or_else(|| bad("month", "the month must be such as 2026-11"))?;
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    Ok(Some((midnight(first), midnight(next))))
}

/// The bookings of a span, and where the next page begins.
async fn bookings(
    app: &App,
    visit: &Visit,
    known: &Known,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    page: Page,
) -> Result<(Vec<BookingAnswer>, Option<String>), Failure> {
    let account = Account { currency: known.currency.clone(), vendor: None, from, to, page };
    let answer = statement::read(app, &visit.caller, known.affiliate_id, &account).await?;
    let next = answer.bookings.last().filter(|_| answer.has_more).map(|last| last.booking_id.clone());
    Ok((answer.bookings, next))
}

/// Every booking of the month in the address, or of all time, as a file.
pub(crate) async fn file(State(app): State<App>, visit: Visit) -> Response {
    match write(&app, &visit).await {
        Ok((name, text)) => spreadsheet::file(&name, text),
        Err(failure) => visit.failed(failure),
    }
}

async fn write(app: &App, visit: &Visit) -> Result<(String, Vec<u8>), Failure> {
    const HEADING: [&str; 10] = [
        "booked_at",
        "kind",
        "order",
        "order_ref",
        "link",
        "currency",
        "earned",
        "reversed",
        "paid",
        "owed_change",
    ];
    let view = View::read(&visit.query, Period::Always, &NAMES)?;
    let known = known(app, visit, &view).await?;
    let span = month(view.choice("month"))?.unwrap_or((DateTime::UNIX_EPOCH, visit.now));
    let (mut rows, mut after) = (Vec::new(), None);
    while rows.len() < MAX_BOOKINGS {
        let (some, next) = bookings(app, visit, &known, span, Page { limit: STEP, after }).await?;
        rows.extend(some);
        after = next;
        if after.is_none() {
            break;
        }
    }
    let currency = known.currency.parse::<Currency>().ok();
    let decimal = |minor: i64| currency.map_or_else(String::new, |currency| format_decimal(minor, currency));
    let cells = |booking: BookingAnswer| {
        vec![
            booking.at,
            booking.kind.to_owned(),
            booking.order_id,
            harmless(&booking.order_ref),
            booking.link.unwrap_or_default(),
            known.currency.clone(),
            decimal(booking.earned_minor),
            decimal(booking.reversed_minor),
            decimal(booking.paid_minor),
            decimal(booking.pending_minor + booking.payable_minor),
        ]
    };
    let text = spreadsheet::table(&HEADING, rows.into_iter().map(cells))?;
    let name = format!("statement-{}-{}", known.currency, span.0.format("%Y-%m"));
    Ok((if view.choice("month").is_empty() { format!("statement-{}", known.currency) } else { name }, text))
}

impl Booking {
    fn new(booking: BookingAnswer, currency: &str) -> Self {
        let (what, minor) = match booking.kind {
            "paid" => ("Paid out", -booking.paid_minor),
            "earned" => ("Earned", booking.earned_minor),
            "reversed" => ("Taken back", -booking.reversed_minor),
            "matured" => ("Became payable", booking.payable_minor),
            _ => ("Withheld", booking.payable_minor),
        };
        Self {
            at: Instant::said(&booking.at),
            what,
            order: format!("/orders/{}", booking.order_id),
            order_ref: booking.order_ref,
            amount: Amount::new(minor, currency),
            link: booking.link,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_one_of_the_calendar() {
        let (from, to) = month("2026-12").expect("a month").expect("one");
        assert_eq!(
            (from.to_rfc3339(), to.to_rfc3339()),
            ("2026-12-01T00:00:00+00:00".to_owned(), "2027-01-01T00:00:00+00:00".to_owned())
        );
        assert!(month("").expect("none").is_none());
        for wrong in ["2026", "2026-13", "2026-1", "soon-xx"] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
    }
}
