//! What shops may report about one order, and how the reports may arrive.

use common::money::Currency;
use common::order::{Event, Item, Kind, Reversal, ReversedItem};
use common::time::Millis;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::books::{CLICKS, START};

pub(crate) fn currency(code: &str) -> Currency {
    code.parse().expect("a currency")
}

/// A report that says nothing yet.
pub(crate) fn report(event_id: &str, kind: Kind, version: u64, occurred_at: Millis) -> Event {
    Event {
        event_id: event_id.to_owned(),
        order_ref: "A-1001".to_owned(),
        kind,
        version,
        occurred_at,
        currency: None,
        items: vec![],
        others_only: false,
        reversal: None,
        click_ids: vec![],
        coupon: None,
        customer: None,
        delivery: None,
    }
}

pub(crate) fn item(item_id: &str, net_minor: i64) -> Item {
    Item { item_id: item_id.to_owned(), product_id: None, name: None, quantity: 3, net_minor }
}

/// A sale of these items, in euros.
pub(crate) fn sale(event_id: &str, kind: Kind, version: u64, occurred_at: Millis, items: Vec<Item>) -> Event {
    Event { currency: Some(currency("EUR")), items, ..report(event_id, kind, version, occurred_at) }
}

/// A refund or chargeback of the whole order, in euros.
pub(crate) fn reversal(
    event_id: &str,
    kind: Kind,
    version: u64,
    reversal_id: &str,
    amount_minor: i64,
) -> Event {
    let reversal =
        Reversal { reversal_id: reversal_id.to_owned(), amount_minor: Some(amount_minor), items: vec![] };
    let at = Millis(START.0 + 1_000 * version);
    Event { currency: Some(currency("EUR")), reversal: Some(reversal), ..report(event_id, kind, version, at) }
}

/// Few enough of everything that reports meet: equal versions, equal times, equal reversals, items that are gone.
fn any_report() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        1 => Just(Kind::Abandoned),
        6 => Just(Kind::Placed),
        4 => Just(Kind::Completed),
        5 => Just(Kind::Refunded),
        3 => Just(Kind::Chargeback),
        1 => Just(Kind::Cancelled),
    ];
    let money = prop_oneof![9 => Just(Some("EUR")), 1 => Just(Some("JPY")), 1 => Just(None)];
    let coupon = prop_oneof![5 => Just(None), 1 => Just(Some(" tea10")), 1 => Just(Some("Kettle5")), 1 => Just(Some("NONE"))];
    (kind, 0..3_u64, 0..3_u64, money, any_items(), any_reversal(), any_clicks(), coupon).prop_map(
        |(kind, version, hours, money, items, reversal, click_ids, coupon)| {
            let reverses = matches!(kind, Kind::Refunded | Kind::Chargeback);
            let has_items = matches!(kind, Kind::Placed | Kind::Completed);
            Event {
                currency: money.map(currency),
                items: if has_items { items } else { vec![] },
                reversal: reversal.filter(|_| reverses),
                click_ids,
                coupon: coupon.map(str::to_owned),
                ..report("", kind, version, Millis(START.0 + hours * 3_600_000))
            }
        },
    )
}

fn any_clicks() -> impl Strategy<Value = Vec<String>> {
    let tokens: Vec<String> =
        CLICKS.iter().map(|click| click.0.to_owned()).chain(["forged".to_owned()]).collect();
    prop_oneof![2 => Just(vec![]), 1 => subsequence(tokens, 0..3)]
}

fn any_items() -> impl Strategy<Value = Vec<Item>> {
    let amount = prop_oneof![1 => Just(0), 3 => 0..200_i64, 3 => 0..20_000_i64];
    let one = (amount, 1..4_u32, select(vec![None, Some(7), Some(8)]));
    (proptest::collection::vec(one, 3), subsequence(vec![0_usize, 1, 2], 0..=3)).prop_map(|(items, which)| {
        let of = |at: usize| {
            let (net_minor, quantity, product_id) = items[at];
            Item { quantity, product_id, ..item(&at.to_string(), net_minor) }
        };
        which.into_iter().map(of).collect()
    })
}

fn any_reversal() -> impl Strategy<Value = Option<Reversal>> {
    let reversal_id = select(vec!["r1", "r2", "r3"]);
    let amount = prop_oneof![1 => Just(0), 3 => 0..300_i64, 2 => 0..30_000_i64];
    let item = (select(vec!["0", "1", "2", "9"]), 0..5_u32, 0..9_000_i64).prop_map(
        |(item_id, quantity, amount_minor)| ReversedItem {
            item_id: item_id.to_owned(),
            quantity,
            amount_minor,
        },
    );
    let what = prop_oneof![
        amount.prop_map(|amount| (Some(amount), vec![])),
        proptest::collection::vec(item, 1..3).prop_map(|items| (None, items)),
    ];
    (reversal_id, what).prop_map(|(reversal_id, (amount_minor, items))| {
        Some(Reversal { reversal_id: reversal_id.to_owned(), amount_minor, items })
    })
}

/// A set of reports of one order. Most begin with a sale.
pub(crate) fn any_reports() -> impl Strategy<Value = Vec<Event>> {
    let first = any_items().prop_map(|mut items| {
        items.push(item("3", 10_001));
        let sold = sale("", Kind::Placed, 1, START, items);
        Event { click_ids: vec!["click-a".to_owned()], ..sold }
    });
    (proptest::option::weighted(0.8, first), proptest::collection::vec(any_report(), 0..8)).prop_map(
        |(first, mut events)| {
            events.extend(first);
            for (n, event) in events.iter_mut().enumerate() {
                event.event_id = format!("evt-{n}");
            }
            events
        },
    )
}

/// How reports arrive: batches of places in the set. Every report arrives at least once, some again and again.
pub(crate) fn any_arrival(reports: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    let again = proptest::collection::vec(0..reports.max(1), 0..=reports);
    let all = again.prop_map(move |again| {
        let again = again.into_iter().filter(|_| reports > 0);
        (0..reports).chain(again).collect::<Vec<_>>()
    });
    let cuts = proptest::collection::vec(any::<bool>(), 2 * reports + 1);
    (all.prop_shuffle(), cuts).prop_map(|(all, cuts)| {
        let mut batches = vec![vec![]];
        for (at, cut) in all.into_iter().zip(cuts) {
            if cut {
                batches.push(vec![]);
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(at);
            }
        }
        batches
    })
}

/// A set of reports, and two ways they may arrive.
pub(crate) fn any_scenario() -> impl Strategy<Value = (Vec<Event>, Vec<Vec<usize>>)> {
    any_reports().prop_flat_map(|reports| {
        let arrival = any_arrival(reports.len());
        (Just(reports), arrival)
    })
}

/// The items of an order, and what is taken back of it, piece by piece.
pub(crate) type Refunds = (Vec<Item>, Vec<i64>);

/// Several refunds of an order as a whole, sometimes more than it cost.
pub(crate) fn any_refunds() -> impl Strategy<Value = Refunds> {
    (proptest::collection::vec(1..20_000_i64, 1..5), proptest::collection::vec(0..9_000_i64, 1..6)).prop_map(
        |(items, parts)| {
            let items = items.into_iter().enumerate();
            (items.map(|(n, net_minor)| item(&n.to_string(), net_minor)).collect(), parts)
        },
    )
}

/// Reports as no intake would let them through: every number may be anything.
pub(crate) fn any_nonsense() -> impl Strategy<Value = Vec<Event>> {
    let item = ("[01]?", any::<Option<u64>>(), any::<u32>(), any::<i64>()).prop_map(
        |(item_id, product_id, quantity, net_minor)| Item {
            item_id,
            product_id,
            name: None,
            quantity,
            net_minor,
        },
    );
    let items = proptest::collection::vec(item, 0..4);
    let back = ("[01]?", any::<u32>(), any::<i64>())
        .prop_map(|(item_id, quantity, amount_minor)| ReversedItem { item_id, quantity, amount_minor });
    let back = ("[r]?", any::<Option<i64>>(), proptest::collection::vec(back, 0..4))
        .prop_map(|(reversal_id, amount_minor, items)| Reversal { reversal_id, amount_minor, items });
    let money = proptest::option::weighted(0.9, select(vec!["EUR", "JPY"]));
    let event = (
        select(Kind::ALL.to_vec()),
        any::<(u64, u64)>(),
        money,
        items,
        proptest::option::of(back),
        proptest::option::of(".{0,4}"),
        "[ab]?",
    )
        .prop_map(|(kind, (version, at), money, items, reversal, coupon, event_id)| Event {
            currency: money.map(currency),
            items,
            reversal,
            click_ids: coupon.iter().cloned().collect(),
            coupon,
            ..report(&event_id, kind, version, Millis(at))
        });
    proptest::collection::vec(event, 0..8)
}
