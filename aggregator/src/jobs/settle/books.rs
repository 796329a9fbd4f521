//! What an order comes to: its lines' commission, its flags, its status and its entries in the ledger. No IO: the
//! rules of `common`, applied to what was read.

use common::commission::{RateSource, of_lines};
use common::fraud::{self, Flag, flags};
use common::ledger::{Due, Maturity, Position, difference, matures_at, paid};
use common::order::{Line, Status, status};
use common::rate::Rate;
use common::time::Millis;

use super::daily::Contribution;
use super::facts::FactsOf;
use super::order::Order;
use crate::jobs::attribute::{Attributed, Credit};

/// Everything that is written about an order.
pub(super) struct Outcome<'a> {
    pub(super) order: &'a Order,
    pub(super) status: Status,
    pub(super) commission_minor: i64,
    pub(super) paid_minor: i64,
    pub(super) credit: Option<Credit>,
    pub(super) not_credited: Option<&'a str>,
    pub(super) matures_at: Option<Millis>,
    pub(super) is_held: bool,
    pub(super) lines: Vec<Earning<'a>>,
    /// Flags that were not raised before.
    pub(super) raised: Vec<(Flag, String)>,
    pub(super) entries: Vec<(Position, i64)>,
    /// What it adds to its link's day.
    pub(super) contribution: Option<Contribution>,
    pub(super) orders_with_token: u64,
}

/// A line and what it earns.
pub(super) struct Earning<'a> {
    pub(super) line: &'a Line,
    pub(super) rate: Option<(Rate, RateSource)>,
    pub(super) commission_minor: i64,
}

impl<'a> Outcome<'a> {
    /// What the order comes to at `now`.
    pub(super) fn of(order: &'a Order, attributed: &'a Attributed, facts: &FactsOf<'_>, now: Millis) -> Self {
        let (folded, credit) = (&order.folded, attributed.credit);
        let lines = lines(order, credit, facts);
        let commission_minor = lines.iter().map(|line| line.commission_minor).sum();
        let mut raised = raise(order, credit, facts);
        raised.retain(|(flag, _)| !facts.holds.raised.contains(flag));
        let is_held = facts.holds.is_held || !raised.is_empty();

        let free_at = matures_at(folded.completed_at, attributed.hold_days).filter(|_| !is_held);
        let maturity = Maturity::at(free_at, now);
        let due = credit.zip(folded.currency).map(|(credit, currency)| Due {
            affiliate: credit.affiliate,
            link: credit.link,
            currency,
            commission_minor,
            maturity,
        });
        let paid_minor = paid(&order.posted);
        let waits = maturity == Maturity::Pending && commission_minor > 0 && paid_minor == 0;
        Self {
            order,
            status: status(folded, commission_minor, paid_minor),
            commission_minor,
            paid_minor,
            credit,
            not_credited: attributed.not_credited.as_ref().map(|reason| reason.words.as_str()),
            matures_at: free_at.filter(|_| waits),
            is_held,
            lines,
            raised,
            entries: difference(&order.posted, due.as_ref()),
            contribution: Contribution::of(folded, credit, commission_minor),
            orders_with_token: facts.suspicion.orders_with_token,
        }
    }
}

fn lines<'a>(order: &'a Order, credit: Option<Credit>, facts: &FactsOf<'_>) -> Vec<Earning<'a>> {
    let rate = |line: &Line| facts.rate(order.key.vendor, credit?.affiliate, line, order.ordered_at()?);
    let commissions = of_lines(&order.folded, |line| rate(line).map(|(rate, _)| rate));
    let earning = |(line, commission_minor)| Earning { line, rate: rate(line), commission_minor };
    order.folded.lines.iter().zip(commissions).map(earning).collect()
}

/// The flags of a credited order. Nothing is suspicious about an order that nobody earns by.
fn raise(order: &Order, credit: Option<Credit>, facts: &FactsOf<'_>) -> Vec<(Flag, String)> {
    let (Some(credit), Some(ordered_at)) = (credit, order.ordered_at()) else {
        return Vec::new();
    };
    let since = |at: u64| ordered_at.0.cast_signed().saturating_sub(at.cast_signed());
    flags(&fraud::Facts {
        customer_email: order.folded.customer.as_ref().and_then(|customer| customer.email.as_deref()),
        affiliate_email: facts.suspicion.email.as_deref(),
        click_to_order_ms: credit.click.map(|click| since(click.ts_ms)),
        orders_with_token: facts.suspicion.orders_with_token,
        clicks_in_hour: facts.suspicion.clicks_in_hour,
        usual_clicks_an_hour: facts.suspicion.usual_clicks_an_hour,
        sharing_bank_account: facts.suspicion.sharing_bank_account,
    })
}
