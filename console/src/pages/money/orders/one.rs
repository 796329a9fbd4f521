//! `/orders/{order_id}`: one order, its money so far, and why it was credited, to the minor unit.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use common::order::{Customer, Delivery};
use common::rate::Rate;

use crate::auth::Scope;
use crate::conventions::Named;
use crate::desk::explanation::{self, CandidateAnswer, EntryAnswer, Explanation, LineAnswer};
use crate::desk::holds::HoldAnswer;
use crate::desk::orders::{self, OrderDetail, SiblingAnswer};
use crate::pages::format;
use crate::pages::markup::{Amount, Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

#[derive(Template)]
#[template(path = "money/order.html")]
struct OrderPage {
    frame: Frame,
    is_affiliate: bool,
    may_review: bool,
    order_ref: String,
    vendor: String,
    status: Badge,
    is_held: bool,
    at: Option<Instant>,
    /// What commission is taken of.
    net: Amount,
    commission: Amount,
    /// What has been paid, and what is left of the commission.
    paid: Amount,
    matures: Option<Instant>,
    customer: Option<Customer>,
    delivery: Option<Delivery>,
    source: Option<String>,
    credited: Option<Credited>,
    not_credited: Option<String>,
    rule: Option<String>,
    story: String,
    items: Vec<Item>,
    candidates: Vec<Candidate>,
    holds: Vec<Hold>,
    ledger: Vec<Entry>,
    events: Vec<Event>,
    siblings: Vec<Sibling>,
}

struct Credited {
    affiliate: String,
    link: Option<String>,
    by: &'static str,
    click_at: Option<Instant>,
}

struct Item {
    name: String,
    quantity: i32,
    refunded_quantity: i32,
    net: Amount,
    refunded: Option<Amount>,
    rate: Option<String>,
    calculation: String,
    commission: Amount,
}

struct Candidate {
    what: String,
    at: Option<Instant>,
    link: Option<String>,
    affiliate: Option<String>,
    source: Option<String>,
    words: String,
    is_credited: bool,
}

struct Hold {
    order_id: String,
    flag: String,
    reason: String,
    state: Badge,
    is_open: bool,
    note: Option<String>,
    reviewed_by: Option<String>,
}

struct Entry {
    at: Option<Instant>,
    words: String,
    debit: Option<Amount>,
    credit: Option<Amount>,
}

struct Event {
    at: Option<Instant>,
    kind: String,
    source: String,
    name: String,
    parked: Option<String>,
    ignored: Vec<String>,
}

struct Sibling {
    address: String,
    vendor: String,
    status: Badge,
    net: Amount,
}

/// Answers `/orders/{order_id}`.
pub(crate) async fn show(State(app): State<App>, visit: Visit, Named(order_id): Named) -> Response {
    visit.show(page(&app, &visit, &order_id)).await
}

async fn page(app: &App, visit: &Visit, order_id: &str) -> Result<OrderPage, Failure> {
    let detail = orders::detail(app, &visit.caller, order_id).await?;
    let why = explanation::explain(app, &visit.caller, order_id).await?;
    Ok(OrderPage::new(visit, detail, why))
}

fn said(text: Option<&String>) -> Option<Instant> {
    text.and_then(|text| Instant::said(text))
}

impl OrderPage {
    fn new(visit: &Visit, detail: OrderDetail, why: Explanation) -> Self {
        let order = detail.order;
        let currency = order.currency.clone().unwrap_or_default();
        let amount = |minor| Amount::new(minor, &currency);
        Self {
            frame: visit.frame(Place::Orders),
            is_affiliate: visit.caller.is_affiliate(),
            may_review: visit.caller.require(Scope::HoldsReview).is_ok(),
            status: Badge::of(&order.status),
            is_held: order.is_held,
            at: said(why.ordered_at.as_ref()),
            net: amount(order.net_minor - order.refunded_minor),
            commission: amount(order.commission_minor),
            paid: amount(order.paid_minor),
            matures: said(order.matures_at.as_ref()),
            customer: detail.customer,
            delivery: detail.delivery,
            source: order.traffic_source.as_deref().map(format::word),
            credited: order.affiliate.map(|affiliate| Credited {
                affiliate,
                link: order.link,
                by: if order.credited_by.as_deref() == Some("coupon") { "a coupon" } else { "a click" },
                click_at: said(order.click_at.as_ref()),
            }),
            not_credited: why.not_credited,
            rule: why.terms.map(|terms| rule(&terms.attribution, terms.window_days, terms.hold_days)),
            story: why.text,
            items: why.lines.into_iter().map(|line| Item::new(line, &currency)).collect(),
            candidates: why.candidates.into_iter().map(Candidate::from).collect(),
            holds: detail.holds.into_iter().map(Hold::from).collect(),
            ledger: why.ledger.into_iter().map(Entry::from).collect(),
            events: why.events.into_iter().map(Event::from).collect(),
            siblings: detail.siblings.unwrap_or_default().into_iter().map(Sibling::from).collect(),
            order_ref: order.order_ref,
            vendor: order.vendor,
        }
    }
}

/// The vendor's terms in one sentence.
fn rule(attribution: &str, window_days: i32, hold_days: i32) -> String {
    let which = if attribution == "first_click" { "first" } else { "last" };
    format!(
        "The {which} click within {window_days} days before the order is credited; commission waits {hold_days} days after \
         completion."
    )
}

impl Item {
    fn new(line: LineAnswer, currency: &str) -> Self {
        let amount = |minor| Amount::new(minor, currency);
        let rate = line.rate_ppm.and_then(|ppm| u32::try_from(ppm).ok()).and_then(Rate::new);
        let source = match line.rate_source.as_deref() {
            Some("product") => "the product’s rate",
            _ => "the partnership’s rate",
        };
        Self {
            name: line.name.unwrap_or(line.item_id),
            quantity: line.quantity,
            refunded_quantity: line.refunded_quantity,
            net: amount(line.net_minor),
            refunded: (line.refunded_minor != 0).then(|| amount(line.refunded_minor)),
            rate: rate.map(|rate| format!("{rate}, {source}")),
            calculation: line.calculation,
            commission: amount(line.commission_minor),
        }
    }
}

impl From<CandidateAnswer> for Candidate {
    fn from(candidate: CandidateAnswer) -> Self {
        /// Characters of a click token that are shown: enough to find it among the few of an order.
        const SHOWN: usize = 12;
        let begins: String = candidate.candidate.chars().take(SHOWN).collect();
        let what = match candidate.kind.as_str() {
            "coupon" => format!("Coupon {}", candidate.candidate),
            _ if candidate.click_at.is_some() => "Click".to_owned(),
            _ => format!("Click token {begins}…"),
        };
        Self {
            what,
            at: said(candidate.click_at.as_ref()),
            link: candidate.link,
            affiliate: candidate.affiliate,
            source: candidate.traffic_source.as_deref().map(format::word),
            words: candidate.words,
            is_credited: candidate.is_credited,
        }
    }
}

impl From<HoldAnswer> for Hold {
    fn from(hold: HoldAnswer) -> Self {
        Self {
            is_open: hold.state == "open",
            state: Badge::of(&hold.state),
            order_id: hold.order_id,
            flag: hold.flag,
            reason: hold.reason,
            note: hold.note,
            reviewed_by: hold.reviewed_by,
        }
    }
}

impl From<EntryAnswer> for Entry {
    fn from(entry: EntryAnswer) -> Self {
        let account = match entry.account.as_str() {
            "expense" => "The vendor’s expense",
            "pending" => "Owed, pending",
            "payable" => "Owed, payable",
            "cash" => "Paid out",
            _ => "Another account",
        };
        let amount = |minor: i64| Amount::new(minor, &entry.currency);
        Self {
            at: Instant::said(&entry.at),
            words: format!("{account}, {}", entry.affiliate),
            debit: (entry.amount_minor > 0).then(|| amount(entry.amount_minor)),
            credit: (entry.amount_minor < 0).then(|| amount(-entry.amount_minor)),
        }
    }
}

impl From<explanation::EventAnswer> for Event {
    fn from(event: explanation::EventAnswer) -> Self {
        Self {
            at: Instant::said(&event.occurred_at),
            kind: format::word(&event.kind),
            source: event.source,
            name: event.event_id,
            parked: event.parked,
            ignored: event.ignored,
        }
    }
}

impl From<SiblingAnswer> for Sibling {
    fn from(sibling: SiblingAnswer) -> Self {
        Self {
            address: format!("{}/{}", super::PATH, sibling.order_id),
            net: Amount::new(
                sibling.net_minor - sibling.refunded_minor,
                sibling.currency.as_deref().unwrap_or_default(),
            ),
            vendor: sibling.vendor,
            status: Badge::of(&sibling.status),
        }
    }
}
