//! Honest books pass, and no single dishonest line hides: a judge that finds nothing may as well be blind.

use std::time::Duration;

use common::ledger::difference;
use common::time::Millis;

use super::*;
use crate::orders::purse::Purse;
use crate::orders::world::World;

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NOW: Millis = Millis(1_795_132_800_000);
const ORDERS: u64 = 300;

/// Books as the reference wants them, and the judge's word on them after something was changed.
fn judged(change: impl FnOnce(&mut Books)) -> Findings {
    let world = World::make(3, NOW);
    let purse = Purse::open(SECRET, NOW.minus(Duration::from_hours(480))).expect("a secret");
    let maker = Maker { seed: 3, events_max: 12, world: &world, purse: &purse };
    let mut books = Books::default();
    for number in 0..ORDERS {
        for ((vendor, order_ref), events) in maker.make(number).parts() {
            for event in &events {
                let print = print_of(event, takes_part(&world, event));
                books.events.insert(name_of(vendor.0, &event.event_id), print);
            }
            let events: Vec<_> = events.iter().collect();
            let known = |is_held| {
                let decided = Decided { is_held, paid_to: None };
                expect(&world, &purse.keyring, vendor, &events, &decided, NOW)
            };
            let is_held = known(false).is_some_and(|order| order.is_fast && order.commission_minor > 0);
            if let Some(expected) = known(is_held) {
                add_daily(&mut books.daily, &expected);
                books.orders.insert((vendor.0, order_ref), stored(&expected));
            }
        }
    }
    change(&mut books);
    judge(&maker, ORDERS, books, Payouts::None, NOW)
}

fn stored(expected: &Expected) -> Stored {
    let folded = &expected.folded;
    let at =
        |at: Option<Millis>| at.and_then(|at| chrono::DateTime::from_timestamp_millis(at.0.cast_signed()));
    let mut stored = Stored::default();
    stored.row.status = status(folded, expected.commission_minor, 0).name().to_owned();
    stored.row.currency = folded.currency.map(|currency| currency.to_string());
    stored.row.net_minor = folded.net_minor;
    stored.row.refunded_minor = folded.refunded_minor;
    stored.row.commission_minor = expected.commission_minor;
    stored.row.link_id = expected.credit.map(|credit| credit.link.0.cast_signed());
    stored.row.affiliate_id = expected.credit.map(|credit| credit.affiliate.cast_signed());
    stored.row.credited_by = expected.credit.map(|credit| credit.by.to_owned());
    (stored.row.placed_at, stored.row.completed_at) = (at(folded.placed_at), at(folded.completed_at));
    stored.row.event_count = expected.events as i32;
    if expected.is_fast && expected.commission_minor > 0 {
        stored.flags.push("fast_order".to_owned());
        stored.row.is_held = true;
    }
    stored.positions = difference(&BTreeMap::new(), expected.due.as_ref()).into_iter().collect();
    stored.verdicts =
        expected.verdicts.iter().map(|(text, verdict)| (text.clone(), verdict.code().to_owned())).collect();
    for line in &expected.lines {
        stored.lines.insert(line.item_id.clone(), line.into());
    }
    stored
}

/// The first order that fits.
fn one(books: &mut Books, fits: impl Fn(&Stored) -> bool) -> &mut Stored {
    let mut names: Vec<Name> = books.orders.keys().cloned().collect();
    names.sort_unstable();
    let name = names.into_iter().find(|name| fits(&books.orders[name])).expect("such an order");
    books.orders.get_mut(&name).expect("it is there")
}

fn earns(order: &Stored) -> bool {
    order.row.commission_minor > 1
}

#[test]
fn honest_books_pass() {
    let findings = judged(|_| {});
    assert_eq!((findings.differences, &findings.examples[..]), (0, &[][..]));
    assert!(findings.orders >= ORDERS && findings.credited > 0 && findings.parked > 0, "{findings:?}");
}

#[test]
fn every_dishonest_line_is_found() {
    type Change = fn(&mut Books);
    let changes: [(&str, Change); 16] = [
        ("an order is lost", |books| drop(books.orders.drain().next())),
        ("an order nobody reported", |books| drop(books.orders.insert((1, "X".into()), Stored::default()))),
        ("an event is lost", |books| books.events = books.events.drain().skip(1).collect()),
        ("an event is changed", |books| *books.events.values_mut().next().expect("events") += 1),
        ("an event nobody reported", |books| books.events.extend([(1, 1)])),
        ("a status", |books| one(books, earns).row.status = "Paid".into()),
        ("a cent of net", |books| one(books, earns).row.net_minor += 1),
        ("a cent of refunds", |books| one(books, earns).row.refunded_minor += 1),
        ("a cent of commission", |books| one(books, earns).row.commission_minor -= 1),
        ("a cent paid", |books| one(books, earns).row.paid_minor += 1),
        ("another affiliate", |books| *one(books, earns).row.affiliate_id.as_mut().expect("credited") += 1),
        ("a line's rate", |books| {
            let line = one(books, earns).lines.values_mut().find(|line| line.rate_ppm.is_some());
            line.expect("a line with a rate").rate_ppm = Some(7);
        }),
        ("a cent booked twice", |books| {
            *one(books, earns).positions.values_mut().next().expect("books") += 1;
        }),
        ("nothing booked", |books| one(books, earns).positions.clear()),
        ("a verdict", |books| drop(one(books, earns).verdicts.insert("token".into(), "later".into()))),
        ("an event not counted", |books| one(books, earns).row.event_count -= 1),
    ];
    for (what, change) in changes {
        let findings = judged(change);
        assert!(findings.differences > 0, "{what}: not found");
    }
    let findings = judged(|books| books.daily.values_mut().next().expect("days").0 += 1);
    assert!(findings.differences == 1, "{findings:?}");
}
