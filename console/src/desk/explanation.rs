//! `/v1/orders/{order_id}/explanation`: why an order is credited as it is, in fields for programs and in one text for
//! people. Everything in it was stored when it was decided; nothing is decided again here.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::attribution::Verdict;
use common::commission;
use common::rate::Rate;
use serde::Serialize;
use utoipa::ToSchema;

use super::holds::HoldAnswer;
use super::orders::folded;
use super::shape::no_such_order;
use super::story;
use crate::api::answer::rfc3339;
use crate::auth::{Caller, Scope};
use crate::conventions::{Named, json, possible, time};
use crate::db;
use crate::problem::{Failure, Problem};
use crate::report::breakdown::name_of_channel;
use crate::report::explanation::{self, Candidate, Entry, Terms};
use crate::report::holds;
use crate::report::orders::{self, LineFacts, OrderFacts, Reported};
use crate::server::App;

/// The whole story of one order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderExplanation)]
pub(crate) struct Explanation {
    pub(crate) object: &'static str,
    pub(crate) order_id: String,
    pub(crate) order_ref: String,
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    pub(crate) status: String,
    pub(crate) currency: Option<String>,
    pub(crate) ordered_at: Option<String>,
    /// All of it in sentences.
    pub(crate) text: String,
    pub(crate) credited: Option<Credited>,
    /// Why nobody is.
    pub(crate) not_credited: Option<String>,
    pub(crate) terms: Option<TermsAnswer>,
    pub(crate) candidates: Vec<CandidateAnswer>,
    pub(crate) net_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) commission_minor: i64,
    pub(crate) paid_minor: i64,
    pub(crate) matures_at: Option<String>,
    pub(crate) lines: Vec<LineAnswer>,
    pub(crate) holds: Vec<HoldAnswer>,
    pub(crate) ledger: Vec<EntryAnswer>,
    pub(crate) events: Vec<EventAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplanationCredited)]
pub(crate) struct Credited {
    pub(crate) by: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) affiliate_id: i64,
    pub(crate) affiliate: Option<String>,
    pub(crate) click_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplanationTerms)]
pub(crate) struct TermsAnswer {
    pub(crate) since: String,
    pub(crate) window_days: i32,
    pub(crate) hold_days: i32,
    pub(crate) attribution: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplanationCandidate)]
pub(crate) struct CandidateAnswer {
    pub(crate) kind: String,
    /// The token as it came, or the coupon code.
    pub(crate) candidate: String,
    /// For programs: `credited`, `later`, `before_window`, …
    pub(crate) verdict: String,
    /// For people.
    pub(crate) words: String,
    pub(crate) is_credited: bool,
    pub(crate) click_at: Option<String>,
    pub(crate) traffic_source: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) affiliate_id: Option<i64>,
    pub(crate) affiliate: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplanationLine)]
pub(crate) struct LineAnswer {
    pub(crate) item_id: String,
    pub(crate) name: Option<String>,
    pub(crate) quantity: i32,
    pub(crate) refunded_quantity: i32,
    pub(crate) net_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) remaining_minor: i64,
    pub(crate) rate_ppm: Option<i32>,
    pub(crate) rate_source: Option<String>,
    pub(crate) rate_since: Option<String>,
    /// `4990 × 125000 ppm = 623.75 → 624, half up`.
    pub(crate) calculation: String,
    pub(crate) commission_minor: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplanationEntry)]
pub(crate) struct EntryAnswer {
    pub(crate) ledger_tx_id: i64,
    pub(crate) at: String,
    pub(crate) reason: String,
    pub(crate) account: String,
    pub(crate) affiliate: String,
    pub(crate) link: Option<String>,
    pub(crate) currency: String,
    /// Debits are positive.
    pub(crate) amount_minor: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplanationEvent)]
pub(crate) struct EventAnswer {
    pub(crate) event_id: String,
    pub(crate) kind: String,
    pub(crate) occurred_at: String,
    pub(crate) received_at: String,
    pub(crate) source: String,
    /// Why it takes no part until somebody has looked at it.
    pub(crate) parked: Option<String>,
    /// What of it could not be used.
    pub(crate) ignored: Vec<String>,
}

/// Everything that was decided about one order.
pub(super) struct Decided {
    pub(super) order: OrderFacts,
    pub(super) terms: Option<Terms>,
    pub(super) candidates: Vec<Judged>,
    pub(super) lines: Vec<Reckoned>,
    pub(super) holds: Vec<holds::Hold>,
    pub(super) ledger: Vec<Entry>,
    pub(super) events: Vec<Heard>,
}

/// A candidate and its verdict in words.
pub(super) struct Judged {
    pub(super) candidate: Candidate,
    pub(super) words: String,
}

impl Judged {
    pub(super) fn is_credited(&self) -> bool {
        self.candidate.verdict == Verdict::Credited.code()
    }
}

/// An item, how its commission was reckoned, and since when its rate holds.
pub(super) struct Reckoned {
    pub(super) line: LineFacts,
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) calculation: String,
}

/// An event, and what of it could not be used.
pub(super) struct Heard {
    pub(super) reported: Reported,
    pub(super) ignored: Vec<String>,
}

/// One order explained.
#[utoipa::path(get, path = "/v1/orders/{order_id}/explanation", tag = "orders", params(
    ("order_id" = String, Path, description = "`ord_…`"),
), responses(
    (status = 200, description = "Why it is credited as it is", body = Explanation),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(order_id): Named) -> Response {
    json(explain(&app, &caller, &order_id)).await
}

/// Everything that was decided about one order.
pub(crate) async fn explain(app: &App, caller: &Caller, order_id: &str) -> Result<Explanation, Failure> {
    caller.require(Scope::ReportsRead)?;
    let order_id = possible(order_id, no_such_order)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let order = orders::one(&mut snapshot, caller.vendor(), order_id).await?.ok_or_else(no_such_order)?;
    // What was never ordered has no terms of its own yet; the ones in force when it was last looked at are shown.
    let at = order.ordered_at().or(order.settled_at).unwrap_or_default();
    let terms = explanation::terms(&mut snapshot, order.vendor_id, at).await?;
    let candidates = explanation::candidates(&mut snapshot, caller.vendor(), &order).await?;
    let lines = orders::lines(&mut snapshot, &order).await?;
    let mut since = explanation::rates_since(&mut snapshot, &order, at).await?;
    let (holds, reported) = if caller.is_affiliate() {
        (Vec::new(), Vec::new())
    } else {
        (
            holds::of_order(&mut snapshot, caller.vendor(), order_id).await?,
            orders::events(&mut snapshot, &order).await?,
        )
    };
    let ledger = explanation::ledger(&mut snapshot, &order).await?;
    snapshot.commit().await?;
    let lines = lines.into_iter().map(|line| Reckoned {
        since: since.remove(&line.item_id),
        calculation: calculation(&order, &line),
        line,
    });
    let lines = lines.collect();
    let events = heard(reported)?;
    let candidates = candidates.into_iter().map(judged).collect();
    Ok(Explanation::from(Decided { order, terms, candidates, lines, holds, ledger, events }))
}

fn judged(candidate: Candidate) -> Judged {
    // A verdict of a newer aggregator is shown as it stands.
    let words =
        Verdict::from_code(&candidate.verdict).map_or_else(|| candidate.verdict.clone(), |v| v.to_string());
    Judged { candidate, words }
}

fn heard(reported: Vec<Reported>) -> Result<Vec<Heard>, Failure> {
    let ignored = folded(&reported)?.ignored;
    let of = |event_id: &str| {
        let mine = ignored.iter().filter(|(event, _)| event == event_id);
        mine.map(|(_, why)| why.to_string()).collect()
    };
    Ok(reported.into_iter().map(|reported| Heard { ignored: of(&reported.event_id), reported }).collect())
}

/// How a line's commission came about, to the last digit.
fn calculation(order: &OrderFacts, line: &LineFacts) -> String {
    let (base, stored) = (line.remaining_minor(), line.commission_minor);
    let rate = line.rate_ppm.and_then(|ppm| u32::try_from(ppm).ok()).and_then(Rate::new);
    match rate {
        Some(rate) if commission::commission(base, Some(rate)) == stored => multiplication(base, rate),
        _ if order.status == "Cancelled" => "the order is cancelled: 0".to_owned(),
        _ if order.affiliate_id.is_none() => "nobody is credited: 0".to_owned(),
        None => "no rate was agreed when the order was placed: 0".to_owned(),
        Some(_) => format!("{stored}"),
    }
}

/// `4990 × 125000 ppm = 623.75 → 624, half up`.
fn multiplication(base: i64, rate: Rate) -> String {
    let whole = i128::from(Rate::WHOLE_PPM);
    let product = i128::from(base) * i128::from(rate.ppm());
    let fraction = format!("{:06}", product % whole);
    match fraction.trim_end_matches('0') {
        "" => format!("{base} × {} ppm = {}", rate.ppm(), product / whole),
        digits => {
            format!("{base} × {} ppm = {}.{digits} → {}, half up", rate.ppm(), product / whole, rate.of(base))
        }
    }
}

impl From<Decided> for Explanation {
    fn from(decided: Decided) -> Self {
        let text = story::tell(&decided);
        let Decided { order, terms, candidates, lines, holds, ledger, events } = decided;
        let terms = terms.map(|terms| TermsAnswer {
            since: rfc3339(terms.since),
            window_days: terms.window_days,
            hold_days: terms.hold_days,
            attribution: terms.attribution,
        });
        Self {
            object: "order_explanation",
            text,
            credited: order.affiliate_id.map(|affiliate_id| Credited {
                by: order.credited_by,
                link: order.link,
                affiliate_id,
                affiliate: order.affiliate,
                click_at: time(order.click_at),
            }),
            ordered_at: time(order.placed_at.or(order.completed_at)),
            order_id: order.order_id,
            order_ref: order.order_ref,
            vendor_id: order.vendor_id,
            vendor: order.vendor,
            status: order.status,
            currency: order.currency,
            not_credited: order.not_credited,
            terms,
            candidates: candidates.into_iter().map(CandidateAnswer::from).collect(),
            net_minor: order.net_minor,
            refunded_minor: order.refunded_minor,
            commission_minor: order.commission_minor,
            paid_minor: order.paid_minor,
            matures_at: time(order.matures_at),
            lines: lines.into_iter().map(LineAnswer::from).collect(),
            holds: holds.into_iter().map(HoldAnswer::from).collect(),
            ledger: ledger.into_iter().map(EntryAnswer::from).collect(),
            events: events.into_iter().map(EventAnswer::from).collect(),
        }
    }
}

impl From<Judged> for CandidateAnswer {
    fn from(judged: Judged) -> Self {
        let (is_credited, Judged { candidate, words }) = (judged.is_credited(), judged);
        Self {
            kind: candidate.kind,
            candidate: candidate.candidate,
            verdict: candidate.verdict,
            words,
            is_credited,
            click_at: time(candidate.click_at),
            traffic_source: candidate.channel.map(name_of_channel),
            link: candidate.link,
            affiliate_id: candidate.affiliate_id,
            affiliate: candidate.affiliate,
        }
    }
}

impl From<Reckoned> for LineAnswer {
    fn from(Reckoned { line, since, calculation }: Reckoned) -> Self {
        Self {
            remaining_minor: line.remaining_minor(),
            item_id: line.item_id,
            name: line.name,
            quantity: line.quantity,
            refunded_quantity: line.refunded_quantity,
            net_minor: line.net_minor,
            refunded_minor: line.refunded_minor,
            rate_ppm: line.rate_ppm,
            rate_source: line.rate_source,
            rate_since: time(since),
            calculation,
            commission_minor: line.commission_minor,
        }
    }
}

impl From<Entry> for EntryAnswer {
    fn from(entry: Entry) -> Self {
        Self {
            ledger_tx_id: entry.ledger_tx_id,
            at: rfc3339(entry.at),
            reason: entry.reason,
            account: entry.account,
            affiliate: entry.affiliate,
            link: entry.link,
            currency: entry.currency,
            amount_minor: entry.amount_minor,
        }
    }
}

impl From<Heard> for EventAnswer {
    fn from(Heard { reported, ignored }: Heard) -> Self {
        Self {
            event_id: reported.event_id,
            kind: reported.kind,
            occurred_at: rfc3339(reported.occurred_at),
            received_at: rfc3339(reported.received_at),
            source: reported.source,
            parked: reported.parked,
            ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multiplication_shows_every_digit() {
        let rate = |ppm| Rate::new(ppm).expect("a rate");
        for (base, ppm, words) in [
            (4_990, 125_000, "4990 × 125000 ppm = 623.75 → 624, half up"),
            (5_000, 100_000, "5000 × 100000 ppm = 500"),
            (1, 500_000, "1 × 500000 ppm = 0.5 → 1, half up"),
            (3, 33_333, "3 × 33333 ppm = 0.099999 → 0, half up"),
            (0, 125_000, "0 × 125000 ppm = 0"),
            (1_000_000_000_000, 999_999, "1000000000000 × 999999 ppm = 999999000000"),
        ] {
            assert_eq!(multiplication(base, rate(ppm)), words);
        }
    }
}
