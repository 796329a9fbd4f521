//! `/payouts`: somebody asks for a batch, a second person decides, and affiliates see what they were paid.
//!
//! Invariant: who may ask and who may decide is what the API's functions say; a page only hides what they would refuse.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use common::payout::payable_from;
use common::time::Millis;
use sqlx::PgConnection;

use super::orders::list;
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{Named, Page};
use crate::db;
use crate::desk::decision::Decision;
use crate::desk::export;
use crate::desk::payouts::{self, BatchAnswer, BatchDetail, Batches, LineAnswer, Verdict, Wanted};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Amount, Badge, Instant};
use crate::pages::parts::Choice;
use crate::pages::period::{AFTER, Period, View};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::accounts;
use crate::report::payouts::Filter;
use crate::server::App;
use crate::spreadsheet;

/// Where the list is.
pub(super) const PATH: &str = "/payouts";

/// Payments to an affiliate on one page: years of them.
const PAYMENTS: i64 = 200;

/// The states of a batch that the list can be narrowed to.
const STATES: [(&str, &str); 5] =
    [("", "All"), ("open", "Waiting"), ("paid", "Paid"), ("rejected", "Rejected"), ("empty", "Empty")];

#[derive(Template)]
#[template(path = "money/payouts.html")]
struct PayoutsPage {
    frame: Frame,
    states: Vec<Choice>,
    may_ask: bool,
    /// Whose commission may be asked for alone, after the words for everybody's; empty where there is no choice.
    vendors: Vec<(String, String)>,
    fields: Fields,
    rows: Vec<Batch>,
    first_address: Option<String>,
    next_address: Option<String>,
}

struct Batch {
    address: String,
    of: String,
    state: Badge,
    requested_by: String,
    requested: Option<Instant>,
    decided_by: Option<String>,
    note: Option<String>,
    paid_at: Option<Instant>,
    lines: i64,
    amount: Amount,
    paid: Amount,
    is_open: bool,
    is_moving: bool,
}

#[derive(Template)]
#[template(path = "money/payout.html")]
struct PayoutPage {
    frame: Frame,
    batch: Batch,
    lines: Vec<Line>,
    has_more_orders: bool,
    may_decide: bool,
    /// Whoever asks may not decide.
    is_own: bool,
    fields: Fields,
}

struct Line {
    affiliate: String,
    vendor: String,
    amount: Amount,
    paid: Option<Amount>,
    orders: Vec<Part>,
    order_count: i64,
    /// Until when nothing is paid, because the bank account was changed.
    cooling: Option<Instant>,
}

struct Part {
    address: String,
    order_ref: String,
    owed: Amount,
    is_left: bool,
}

#[derive(Template)]
#[template(path = "money/payments.html")]
struct PaymentsPage {
    frame: Frame,
    accounts: Vec<super::dashboard::Account>,
    rows: Vec<Payment>,
    cooling: Option<Instant>,
}

struct Payment {
    at: Instant,
    vendor: String,
    orders: i64,
    paid: Amount,
}

/// Answers `/payouts`.
pub(crate) async fn list(State(app): State<App>, visit: Visit) -> Response {
    match visit.caller.tenant {
        Tenant::Affiliate(affiliate_id) => visit.show(payments(&app, &visit, affiliate_id)).await,
        Tenant::Programme | Tenant::Vendor(_) => {
            visit.show(page(&app, &visit, Fields::new().with("minimum_minor", "1"))).await
        }
    }
}

async fn page(app: &App, visit: &Visit, fields: Fields) -> Result<PayoutsPage, Failure> {
    let view = View::read(&visit.query, Period::Always, &["state", AFTER])?;
    let said = |name: &str| Some(view.choice(name).to_owned()).filter(|text| !text.is_empty());
    let state = said("state").filter(|state| STATES.iter().any(|(name, _)| name == state));
    let is_first = said(AFTER).is_none();
    let asked = Batches {
        filter: Filter { state: state.clone(), ..Filter::default() },
        page: Page { after: said(AFTER), ..Page::default() },
    };
    let found = payouts::page(app, &visit.caller, &asked).await?;
    let may_ask = visit.caller.require(Scope::PayoutsWrite).is_ok();
    let vendors =
        if may_ask && visit.caller.vendor().is_none() { vendors(app, visit).await? } else { Vec::new() };
    let choice = |(name, label): (&'static str, &'static str)| Choice {
        label,
        address: view.with("state", name).address(PATH),
        is_current: state.as_deref().unwrap_or_default() == name,
    };
    Ok(PayoutsPage {
        frame: visit.frame(Place::Payouts),
        states: STATES.into_iter().map(choice).collect(),
        may_ask,
        vendors,
        fields,
        rows: found.data.into_iter().map(Batch::from).collect(),
        first_address: (!is_first).then(|| view.with(AFTER, "").address(PATH)),
        next_address: found.next_cursor.map(|after| view.with(AFTER, &after).address(PATH)),
    })
}

/// Everybody's commission, or one vendor's.
async fn vendors(app: &App, visit: &Visit) -> Result<Vec<(String, String)>, Failure> {
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let vendors = list::vendors(&mut snapshot).await?;
    snapshot.commit().await?;
    Ok([(String::new(), "All vendors".to_owned())].into_iter().chain(vendors).collect())
}

async fn payments(app: &App, visit: &Visit, affiliate_id: i64) -> Result<PaymentsPage, Failure> {
    visit.caller.require(Scope::ReportsRead)?;
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let balances = accounts::balances(&mut snapshot, affiliate_id).await?;
    let rows = accounts::payments(&mut snapshot, affiliate_id, PAYMENTS).await?;
    let cooling = cooling(&mut snapshot, &[affiliate_id], visit).await?.pop().map(|(_, until)| until);
    snapshot.commit().await?;
    let payment = |payment: accounts::Payment| Payment {
        at: Instant(payment.at),
        orders: payment.orders,
        paid: Amount::new(payment.paid_minor, &payment.currency),
        vendor: payment.vendor,
    };
    Ok(PaymentsPage {
        frame: visit.frame(Place::Payouts),
        accounts: balances.into_iter().map(super::dashboard::Account::from).collect(),
        rows: rows.into_iter().map(payment).collect(),
        cooling,
    })
}

/// Those of these affiliates whose bank account was changed so lately that nothing is paid, and until when.
async fn cooling(conn: &mut PgConnection, ids: &[i64], visit: &Visit) -> sqlx::Result<Vec<(i64, Instant)>> {
    let rows =
        sqlx::query!("select affiliate_id, changed_at from bank_account where affiliate_id = any($1)", ids)
            .fetch_all(conn)
            .await?;
    let until = |changed: chrono::DateTime<chrono::Utc>| {
        let from = payable_from(Millis(changed.timestamp_millis().unsigned_abs()));
        chrono::DateTime::from_timestamp_millis(from.0.cast_signed()).unwrap_or(changed)
    };
    let cooling = rows.into_iter().map(|row| (row.affiliate_id, until(row.changed_at)));
    Ok(cooling.filter(|(_, until)| *until > visit.now).map(|(id, until)| (id, Instant(until))).collect())
}

/// Asks for a batch.
pub(crate) async fn request(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let asked = async {
        let wanted: Wanted = fields.read(&[
            ("currency", Kind::Text),
            ("vendor_id", Kind::Number),
            ("minimum_minor", Kind::Number),
        ])?;
        payouts::ask(&app, &visit.caller, wanted).await
    };
    match asked.await {
        Ok(batch) => Done::PayoutRequested.at(&format!("{PATH}/{}", batch.payout_batch_id)).into_response(),
        Err(failure @ Failure::Content(_)) => match page(&app, &visit, fields.refuse(&failure)).await {
            Ok(page) => visit.again(&failure, &page),
            Err(failure) => visit.failed(failure),
        },
        Err(failure) => visit.failed(failure),
    }
}

/// Answers `/payouts/{id}`.
pub(crate) async fn one(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(batch(&app, &visit, &id, Fields::new())).await
}

async fn batch(app: &App, visit: &Visit, id: &str, fields: Fields) -> Result<PayoutPage, Failure> {
    let BatchDetail { batch, lines, has_more_orders } = payouts::detail(app, &visit.caller, id).await?;
    // Vendors know nothing of their affiliates' bank accounts.
    let cooling = match visit.caller.tenant {
        Tenant::Programme => {
            let ids: Vec<i64> = lines.iter().map(|line| line.affiliate_id).collect();
            let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
            let cooling = cooling(&mut snapshot, &ids, visit).await?;
            snapshot.commit().await?;
            cooling
        }
        Tenant::Vendor(_) | Tenant::Affiliate(_) => Vec::new(),
    };
    let currency = batch.currency.clone();
    Ok(PayoutPage {
        frame: visit.frame(Place::Payouts),
        may_decide: visit.caller.require(Scope::PayoutsApprove).is_ok(),
        is_own: is_own(&batch, &visit.caller),
        batch: Batch::from(batch),
        lines: lines.into_iter().map(|line| Line::new(line, &currency, &cooling)).collect(),
        has_more_orders,
        fields,
    })
}

/// Names are compared as people read them, as the decision itself does.
fn is_own(batch: &BatchAnswer, caller: &Caller) -> bool {
    batch.requested_by.trim().to_lowercase() == caller.name.trim().to_lowercase()
}

/// Approves or rejects a batch.
pub(crate) async fn decide(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let (verdict, done) = match fields.value("verdict") {
        "approved" => (Verdict::Approved, Done::PayoutApproved),
        _ => (Verdict::Rejected, Done::PayoutRejected),
    };
    let decided = async {
        let decision = Decision::new(&visit.caller, Some(fields.value("note").to_owned()))?;
        payouts::decide(&app, &visit.caller, &id, verdict, &decision).await
    };
    match decided.await {
        Ok(_) => done.at(&format!("{PATH}/{id}")).into_response(),
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            match batch(&app, &visit, &id, fields.refuse(&failure)).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// The lines as a file.
pub(crate) async fn file(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    match export::read(&app, &visit.caller, &id).await {
        Ok((name, text)) => spreadsheet::file(&name, text),
        Err(failure) => visit.failed(failure),
    }
}

impl From<BatchAnswer> for Batch {
    fn from(batch: BatchAnswer) -> Self {
        let time = |text: Option<&String>| text.and_then(|text| Instant::said(text));
        let state = batch.state.as_str();
        Self {
            address: format!("{PATH}/{}", batch.payout_batch_id),
            of: batch.vendor.unwrap_or_else(|| "All vendors".to_owned()),
            is_open: state == "open",
            is_moving: matches!(state, "requested" | "approved"),
            state: match state {
                "open" => Badge { word: "Waiting", class: "wait" },
                "empty" => Badge { word: "Empty", class: "off" },
                state => Badge::of(state),
            },
            requested: time(batch.requested_at.as_ref()),
            paid_at: time(batch.paid_at.as_ref()),
            lines: batch.line_count,
            amount: Amount::new(batch.amount_minor, &batch.currency),
            paid: Amount::new(batch.paid_minor, &batch.currency),
            requested_by: batch.requested_by,
            decided_by: batch.decided_by,
            note: batch.note,
        }
    }
}

impl Line {
    fn new(line: LineAnswer, currency: &str, cooling: &[(i64, Instant)]) -> Self {
        let amount = |minor| Amount::new(minor, currency);
        let parts = line.orders.into_iter().map(|order| Part {
            address: format!("/orders/{}", order.order_id),
            order_ref: order.order_ref,
            owed: amount(order.owed_minor),
            is_left: order.state == "left",
        });
        Self {
            cooling: cooling.iter().find(|(id, _)| *id == line.affiliate_id).map(|(_, until)| *until),
            affiliate: line.affiliate,
            vendor: line.vendor,
            amount: amount(line.amount_minor),
            paid: line.paid_minor.map(amount),
            order_count: line.order_count,
            orders: parts.collect(),
        }
    }
}
