//! Attribute: every click token and coupon that an order came with gets its verdict, and at most one is credited.
//!
//! A token's signature is checked once, when it is first seen; what came of it is kept for ever, so that a key which
//! is revoked next year does not rewrite last year. What the signature does not decide is judged again each time from
//! the histories, and comes out the same whichever report came first. Once commission was paid, whoever is credited
//! stays credited; what comes later gets a verdict, but no money.

mod candidate;
mod history;
mod standings;
mod terms;

use anyhow::Context as _;
use common::attribution::{Candidate, Verdict, attribute as judge};
use common::ids::LinkId;
use common::token::{Click, Keyring};
use sqlx::PgConnection;

use self::candidate::{Found, Seen};
use self::standings::Standing;
use self::terms::Terms;
use super::settle::order::Order;

pub(crate) use self::history::History;

/// What came of an order's candidates.
#[derive(Debug, Default)]
pub(crate) struct Attributed {
    /// How long its commission is held.
    pub(crate) hold_days: u32,
    /// Who is credited.
    pub(crate) credit: Option<Credit>,
    /// Why nobody is. `None` when somebody is, or when it is no order yet.
    pub(crate) not_credited: Option<NotCredited>,
}

/// Who is credited with an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credit {
    pub(crate) affiliate: u64,
    pub(crate) link: LinkId,
    /// `None`: by a coupon.
    pub(crate) click: Option<Click>,
}

/// Why nobody is credited.
#[derive(Debug)]
pub(crate) struct NotCredited {
    /// One of few words, for metrics.
    pub(crate) code: &'static str,
    /// For the shop.
    pub(crate) words: String,
}

/// Judges the candidates of a batch of orders, whose locks the transaction holds, and keeps every verdict.
pub(crate) async fn attribute(
    tx: &mut PgConnection,
    keyring: &Keyring,
    orders: &[Order],
) -> anyhow::Result<Vec<Attributed>> {
    let mut found = candidate::find(tx, keyring, orders).await?;
    let terms = Terms::read(tx, orders).await?;
    let standing = Standing::read(tx, &found).await?;
    let mut attributed = Vec::with_capacity(orders.len());
    for (order, found) in orders.iter().zip(&mut found) {
        attributed.push(attribute_one(order, found, &terms, &standing)?);
    }
    candidate::keep(tx, orders, &found).await?;
    Ok(attributed)
}

fn attribute_one(
    order: &Order,
    found: &mut [Found],
    terms: &Terms,
    standing: &Standing,
) -> anyhow::Result<Attributed> {
    let Some(ordered_at) = order.ordered_at() else {
        return Ok(Attributed::default());
    };
    let terms = terms.of(order.key.vendor, ordered_at)?;
    let candidates: Vec<Candidate> =
        found.iter().map(|found| standing.candidate(&found.seen, ordered_at)).collect();
    let verdicts = judge(order.vendor(), &terms, ordered_at, &candidates);
    for (found, verdict) in found.iter_mut().zip(verdicts) {
        found.verdict = match (order.is_frozen(), found.kept) {
            (true, Some(kept)) => kept,
            (true, None) if verdict == Verdict::Credited => Verdict::Later,
            _ => verdict,
        };
    }
    let credit = if order.is_frozen() { frozen(order, found)? } else { credit(found, &candidates) };
    let not_credited = credit.is_none().then(|| why(found));
    Ok(Attributed { hold_days: terms.hold_days, credit, not_credited })
}

fn credit(found: &[Found], candidates: &[Candidate]) -> Option<Credit> {
    let winner = found.iter().position(|found| found.verdict == Verdict::Credited)?;
    match &candidates[winner] {
        Candidate::Click { click, standings } => {
            Some(Credit { affiliate: standings.affiliate, link: click.link, click: Some(*click) })
        }
        Candidate::Coupon { link, standings, .. } => {
            Some(Credit { affiliate: standings.affiliate, link: *link, click: None })
        }
        Candidate::Forged(_) | Candidate::UnknownLink | Candidate::UnknownCoupon => None,
    }
}

/// Who was credited before.
fn frozen(order: &Order, found: &[Found]) -> anyhow::Result<Option<Credit>> {
    let (Some(link), Some(affiliate)) = (order.before.link_id, order.before.affiliate_id) else {
        return Ok(None);
    };
    let click = found.iter().find_map(|found| match found.seen {
        Seen::Click(click) if found.verdict == Verdict::Credited => Some(click),
        _ => None,
    });
    if order.before.credited_by.as_deref() == Some("click") {
        click.context("the click that was paid for is not among the order's candidates")?;
    }
    Ok(Some(Credit { affiliate: affiliate.cast_unsigned(), link: LinkId(link.cast_unsigned()), click }))
}

/// Why none of these is credited: each reason once.
fn why(found: &[Found]) -> NotCredited {
    let Some(first) = found.first() else {
        let words = "the order came without a click and without a coupon".to_owned();
        return NotCredited { code: "no_candidate", words };
    };
    let mut words: Vec<String> = Vec::new();
    for found in found {
        let said = found.verdict.to_string();
        if !words.contains(&said) {
            words.push(said);
        }
    }
    NotCredited { code: first.verdict.code(), words: words.join("; ") }
}
