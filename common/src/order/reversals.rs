//! What refunds and chargebacks take back of each line.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Kind};
use super::fold::{Ignored, Line, rank};

/// Takes back what the events say, never more of a line than it cost. Returns what could not be placed.
///
/// Amounts of named items go to their lines first; amounts of the whole order are then added up and spread once
/// over what remains. So neither the order of refunds nor their number matters, only their sum.
pub(super) fn apply(lines: &mut [Line], heard: &[&Event]) -> BTreeSet<(String, Ignored)> {
    let mut unknown = BTreeSet::new();
    let mut of_items: BTreeMap<&str, (i128, u32)> = BTreeMap::new();
    let mut of_order = 0_i128;
    for event in speaking(heard) {
        let Some(reversal) = &event.reversal else { continue };
        of_order += i128::from(reversal.amount_minor.unwrap_or(0).max(0));
        for item in &reversal.items {
            if !lines.iter().any(|line| line.item_id == item.item_id) {
                unknown.insert((event.event_id.clone(), Ignored::UnknownItem));
            }
            let (amount, quantity) = of_items.entry(&item.item_id).or_default();
            *amount += i128::from(item.amount_minor.max(0));
            *quantity = quantity.saturating_add(item.quantity);
        }
    }
    for line in &mut *lines {
        if let Some((amount, quantity)) = of_items.get(line.item_id.as_str()) {
            line.refunded_minor = at_most(*amount, line.net_minor);
            line.refunded_quantity = (*quantity).min(line.quantity);
        }
    }
    spread(lines, of_order);
    unknown
}

/// For each reversal the event that has the last word on it. A chargeback that is won is the same reversal again with
/// a higher version and amount 0; a refund under two event ids is one refund.
fn speaking<'a>(heard: &[&'a Event]) -> impl Iterator<Item = &'a Event> {
    let mut last: BTreeMap<(Kind, &str), &'a Event> = BTreeMap::new();
    for &event in heard.iter().filter(|event| event.kind.reverses()) {
        let Some(reversal) = &event.reversal else { continue };
        let speaker = last.entry((event.kind, &reversal.reversal_id)).or_insert(event);
        if rank(event) >= rank(speaker) {
            *speaker = event;
        }
    }
    last.into_values()
}

/// Spreads an amount over what remains of the lines, in proportion, by the largest remainder: the shares are whole
/// units and add up exactly. Of equal remainders the smaller item goes first.
fn spread(lines: &mut [Line], amount: i128) {
    let whole: i128 = lines.iter().map(|line| i128::from(line.remaining())).sum();
    let amount = amount.min(whole);
    if amount <= 0 {
        return;
    }
    let mut missing = amount;
    let mut remainders = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter_mut().enumerate() {
        let product = i128::from(line.remaining()) * amount;
        let share = product / whole;
        line.refunded_minor += at_most(share, line.remaining());
        missing -= share;
        remainders.push((product % whole, at));
    }
    // Lines are sorted by item and the sort is stable. Fewer units are missing than there are remainders above 0,
    // and a line with a remainder has a unit left.
    remainders.sort_by_key(|(remainder, _)| std::cmp::Reverse(*remainder));
    for ((_, at), _) in remainders.into_iter().zip(0..missing) {
        lines[at].refunded_minor += 1;
    }
}

fn at_most(amount: i128, limit: i64) -> i64 {
    i64::try_from(amount).unwrap_or(limit).min(limit)
}
