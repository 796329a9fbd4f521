//! The explanation in sentences, for whoever asks why a sale was credited, or was not.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use common::rate::Rate;

use super::explanation::{Decided, Judged, Reckoned};
use crate::report::amount;
use crate::report::breakdown::name_of_channel;

/// Characters of a click token that are shown: enough to find it among the few of an order.
const TOKEN_SHOWN: usize = 12;

/// The whole story.
pub(super) fn tell(decided: &Decided) -> String {
    let mut said = vec![beginning(decided), terms(decided)];
    said.extend(decided.candidates.iter().map(candidate));
    if decided.candidates.is_empty() && decided.order.ordered_at().is_some() {
        said.push("It came without a click and without a coupon.".to_owned());
    }
    said.push(outcome(decided));
    if decided.order.affiliate_id.is_some() {
        said.extend(decided.lines.iter().map(line));
        said.push(total(decided));
    }
    said.extend(decided.holds.iter().map(hold));
    said.extend(balances(decided));
    said.extend(unused(decided));
    said.retain(|sentence| !sentence.is_empty());
    said.join(" ")
}

fn beginning(decided: &Decided) -> String {
    let order = &decided.order;
    let (name, vendor) = (&order.order_ref, &order.vendor);
    let Some(at) = order.ordered_at() else {
        return format!("Order {name} of {vendor} has not been placed.");
    };
    let money = |minor| amount(minor, order.currency.as_deref().unwrap_or_default());
    let refunds = match order.refunded_minor {
        0 => String::new(),
        back => format!("; {} was refunded, {} remains", money(back), money(order.net_minor - back)),
    };
    let end = if order.status == "Cancelled" { " It is cancelled." } else { "" };
    format!(
        "Order {name} of {vendor} was placed at {} for {}{refunds}.{end}",
        moment(at),
        money(order.net_minor)
    )
}

fn terms(decided: &Decided) -> String {
    let Some(terms) = &decided.terms else { return String::new() };
    let which = if terms.attribution == "first_click" { "first" } else { "last" };
    format!(
        "The vendor's terms (since {}) credit the {which} click within {} before the order, and hold commission for {} \
         after completion.",
        since(terms.since),
        days(terms.window_days),
        days(terms.hold_days)
    )
}

fn candidate(judged: &Judged) -> String {
    let candidate = &judged.candidate;
    let whose = match (&candidate.link, &candidate.affiliate) {
        (Some(link), Some(affiliate)) => format!(" on the link {link} of {affiliate}"),
        _ => String::new(),
    };
    let words = &judged.words;
    if candidate.kind == "coupon" {
        return format!("The coupon {}{whose}: {words}.", candidate.candidate);
    }
    if candidate.click_at.is_none() {
        // What a token says is not read unless it is believed; its first characters tell which one is meant.
        let begins: String = candidate.candidate.chars().take(TOKEN_SHOWN).collect();
        return format!("The click token that begins with {begins:?}: {words}.");
    }
    let when = candidate.click_at.map(|at| format!(" at {}", moment(at))).unwrap_or_default();
    let from = candidate.channel.map(|code| format!(", from {}", name_of_channel(code))).unwrap_or_default();
    format!("The click{whose}{when}{from}: {words}.")
}

fn outcome(decided: &Decided) -> String {
    let order = &decided.order;
    match (&order.affiliate, &order.link) {
        (Some(affiliate), Some(link)) => format!("So {affiliate} is credited, by the link {link}."),
        _ => match &order.not_credited {
            Some(why) => format!("Nobody is credited: {}.", why.trim_end_matches('.')),
            None => "Nobody is credited.".to_owned(),
        },
    }
}

fn line(reckoned: &Reckoned) -> String {
    let line = &reckoned.line;
    let name = line.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let rate = line.rate_ppm.and_then(|ppm| u32::try_from(ppm).ok()).and_then(Rate::new);
    let source = match (rate, line.rate_source.as_deref()) {
        (Some(rate), Some(source)) => {
            let from = reckoned.since.map(|at| format!(" since {}", since(at))).unwrap_or_default();
            format!(" at {rate}, the {source}'s rate{from}")
        }
        _ => String::new(),
    };
    format!("Item {}{name}{source}: {}.", line.item_id, reckoned.calculation)
}

fn total(decided: &Decided) -> String {
    let order = &decided.order;
    let commission = amount(order.commission_minor, order.currency.as_deref().unwrap_or_default());
    let matures = order.matures_at.map(|at| format!(", payable from {}", moment(at))).unwrap_or_default();
    format!("The commission is {commission}{matures}.")
}

fn hold(hold: &crate::report::holds::Hold) -> String {
    let noticed = format!("{} ({})", hold.reason.trim_end_matches('.'), hold.flag);
    match (hold.state.as_str(), &hold.reviewed_by) {
        ("open", _) => format!("It is held until somebody has looked at it: {noticed}."),
        (state, Some(by)) => format!("It was held: {noticed}; {by} {state} the hold."),
        (state, None) => format!("It was held: {noticed}; the hold was {state}."),
    }
}

/// What the ledger says is owed and paid, for everybody who was ever credited.
fn balances(decided: &Decided) -> Vec<String> {
    let mut accounts = BTreeMap::<(&str, &str), [i64; 3]>::new();
    for entry in &decided.ledger {
        let [pending, payable, paid] = accounts.entry((&entry.affiliate, &entry.currency)).or_default();
        match entry.account.as_str() {
            "pending" => *pending -= entry.amount_minor,
            "payable" => *payable -= entry.amount_minor,
            "cash" => *paid -= entry.amount_minor,
            _ => {}
        }
    }
    let sentence = |((affiliate, currency), [pending, payable, paid]): ((&str, &str), [i64; 3])| {
        let parts = [(pending, "pending"), (payable, "payable"), (paid, "paid")];
        let parts = parts.into_iter().filter(|(minor, _)| *minor != 0);
        let parts: Vec<String> =
            parts.map(|(minor, word)| format!("{} {word}", amount(minor, currency))).collect();
        if parts.is_empty() {
            format!("The ledger has nothing left for {affiliate}.")
        } else {
            format!("The ledger has for {affiliate}: {}.", parts.join(", "))
        }
    };
    accounts.into_iter().map(sentence).collect()
}

/// Events that have no effect, and why.
fn unused(decided: &Decided) -> Vec<String> {
    let mut said = Vec::new();
    for heard in &decided.events {
        let event = &heard.reported.event_id;
        if let Some(why) = &heard.reported.parked {
            said.push(format!(
                "The event {event} is parked and takes no part: {}.",
                why.trim_end_matches('.')
            ));
        }
        said.extend(
            heard.ignored.iter().map(|why| format!("Of the event {event} something was left out: {why}.")),
        );
    }
    said
}

fn days(days: i32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y %H:%M:%S UTC").to_string()
}

/// Terms that have been there from the start stand at the epoch.
fn since(at: DateTime<Utc>) -> String {
    if at == DateTime::UNIX_EPOCH { "the beginning".to_owned() } else { at.format("%-d %b %Y").to_string() }
}
