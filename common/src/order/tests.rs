//! The fold, case by case. That no order of arrival matters is shown in `tests/orders`.

use super::*;
use crate::money::{Currency, MAX_MINOR};
use crate::time::Millis;

fn currency(code: &str) -> Option<Currency> {
    code.parse().ok()
}

fn report(event_id: &str, kind: Kind, version: u64, at: u64) -> Event {
    Event {
        event_id: event_id.to_owned(),
        order_ref: "A-1001".to_owned(),
        kind,
        version,
        occurred_at: Millis(at),
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

/// A sale in euros.
fn sale(event_id: &str, kind: Kind, version: u64, at: u64, items: &[(&str, i64)]) -> Event {
    let item = |&(item_id, net_minor): &(&str, i64)| Item {
        item_id: item_id.to_owned(),
        product_id: Some(7),
        name: Some("Teapot".to_owned()),
        quantity: 2,
        net_minor,
    };
    let items = items.iter().map(item).collect();
    Event { currency: currency("EUR"), items, ..report(event_id, kind, version, at) }
}

/// A reversal in euros, of the order or of items with the number of pieces.
fn back(event_id: &str, kind: Kind, version: u64, id: &str, of: Result<i64, &[(&str, u32, i64)]>) -> Event {
    let item = |&(item_id, quantity, amount_minor): &(&str, u32, i64)| ReversedItem {
        item_id: item_id.to_owned(),
        quantity,
        amount_minor,
    };
    let reversal = Reversal {
        reversal_id: id.to_owned(),
        amount_minor: of.ok(),
        items: of.err().unwrap_or_default().iter().map(item).collect(),
    };
    Event { currency: currency("EUR"), reversal: Some(reversal), ..report(event_id, kind, version, 50) }
}

/// What each line cost, and what was taken back of it.
fn lines(order: &Folded) -> Vec<(&str, i64, i64)> {
    order.lines.iter().map(|line| (line.item_id.as_str(), line.net_minor, line.refunded_minor)).collect()
}

#[track_caller]
fn check(events: &[Event], expect: &[(&str, i64, i64)]) {
    let order = fold(events);
    assert_eq!(lines(&order), expect);
    assert_eq!(order.net_minor, expect.iter().map(|line| line.1).sum::<i64>());
    assert_eq!(order.refunded_minor, expect.iter().map(|line| line.2).sum::<i64>());
    assert_eq!(fold(events.iter().rev().chain(events)), order, "the other way round, and twice");
}

use Kind::{Abandoned, Cancelled, Chargeback, Completed, Placed, Refunded};

#[test]
fn nothing_is_an_empty_order() {
    assert_eq!(fold([]), Folded::default());
    assert_eq!(fold(&[report("e", Abandoned, 9, 1)]), Folded::default());
}

#[test]
fn the_last_word_is_the_version_then_the_time_then_the_id() {
    let one = |version, at, event_id| sale(event_id, Placed, version, at, &[("1", 100)]);
    let other = |version, at, event_id| sale(event_id, Completed, version, at, &[("2", 200)]);
    check(&[one(2, 1, "a"), other(1, 9, "z")], &[("1", 100, 0)]);
    check(&[one(1, 2, "a"), other(1, 1, "z")], &[("1", 100, 0)]);
    check(&[one(1, 1, "b"), other(1, 1, "a")], &[("1", 100, 0)]);
    check(&[one(1, 1, "a"), other(1, 1, "b")], &[("2", 200, 0)]);
    let silent = report("z", Completed, 9, 9);
    check(&[one(1, 1, "a"), silent], &[("1", 100, 0)]);
}

#[test]
fn dates_are_the_first_of_their_kind() {
    let order = fold(&[
        sale("a", Placed, 1, 20, &[("1", 100)]),
        sale("b", Placed, 2, 10, &[("1", 100)]),
        report("c", Completed, 0, 40),
        report("d", Completed, 9, 30),
    ]);
    assert_eq!((order.placed_at, order.completed_at), (Some(Millis(10)), Some(Millis(30))));
    assert_eq!(order.ordered_at(), Some(Millis(10)));
    let early = fold(&[sale("a", Placed, 1, 20, &[]), report("c", Completed, 0, 5)]);
    assert_eq!(early.ordered_at(), Some(Millis(20)), "placed, even when completed is dated before");
    assert_eq!(fold(&[report("c", Completed, 0, 5)]).ordered_at(), Some(Millis(5)));
    assert_eq!(fold(&[report("c", Cancelled, 0, 5)]).ordered_at(), None);
}

#[test]
fn an_order_keeps_the_currency_it_was_first_sold_in() {
    let euros = sale("b", Placed, 1, 10, &[("1", 100)]);
    let yen = Event { currency: currency("JPY"), ..sale("a", Completed, 9, 11, &[("1", 900)]) };
    let refund = Event { currency: currency("JPY"), ..back("c", Refunded, 1, "r", Ok(50)) };
    let other = Ignored::OtherCurrency;
    let order = fold(&[refund.clone(), yen.clone(), euros.clone()]);
    assert_eq!((order.currency, lines(&order)), (currency("EUR"), vec![("1", 100, 0)]));
    assert_eq!(order.completed_at, None, "the whole report is ignored");
    assert_eq!(order.ignored, [("a".to_owned(), other), ("c".to_owned(), other)]);
    // At the same time the smaller id was first, whatever the versions say.
    let same_time = Event { occurred_at: Millis(10), ..yen };
    let order = fold(&[euros, same_time, refund]);
    assert_eq!((order.currency, lines(&order)), (currency("JPY"), vec![("1", 900, 50)]));
    assert_eq!(order.ignored, [("b".to_owned(), other)]);
}

#[test]
fn amounts_without_a_currency_take_no_part() {
    let unnamed = Event { currency: None, ..sale("a", Placed, 9, 1, &[("1", 100)]) };
    let order = fold(&[unnamed.clone(), back("r", Refunded, 1, "r", Ok(5))]);
    let none = Ignored::NoCurrency;
    assert_eq!(order.ignored, [("a".to_owned(), none), ("r".to_owned(), none)]);
    assert_eq!((order.currency, order.placed_at, order.lines), (None, None, vec![]));
    check(&[unnamed, sale("b", Placed, 1, 1, &[("1", 300)])], &[("1", 300, 0)]);
}

#[test]
fn what_has_no_amounts_may_say_any_currency() {
    let dollars = |kind, id: &str| Event { currency: currency("USD"), ..report(id, kind, 0, 30) };
    let events = [sale("a", Placed, 1, 1, &[("1", 100)]), dollars(Completed, "b"), dollars(Cancelled, "c")];
    let order = fold(&events);
    assert_eq!((order.completed_at, order.is_cancelled, order.ignored), (Some(Millis(30)), true, vec![]));
}

#[test]
fn a_reversal_counts_once_by_its_last_word() {
    let sold = sale("s", Placed, 1, 1, &[("1", 1_000)]);
    let with =
        |more: &[Event]| -> Vec<Event> { [sold.clone()].into_iter().chain(more.iter().cloned()).collect() };
    let r = |event_id, version, amount| back(event_id, Refunded, version, "r1", Ok(amount));
    check(&with(&[r("a", 1, 300), r("b", 1, 300)]), &[("1", 1_000, 300)]);
    check(&with(&[r("a", 1, 300), r("b", 2, 200)]), &[("1", 1_000, 200)]);
    check(&with(&[r("b", 1, 300), r("a", 1, 200)]), &[("1", 1_000, 300)]);
    let charge = |event_id, version, amount| back(event_id, Chargeback, version, "r1", Ok(amount));
    check(&with(&[r("a", 1, 300), charge("b", 1, 400)]), &[("1", 1_000, 700)]);
    check(&with(&[r("a", 1, 300), charge("b", 1, 400), charge("c", 2, 0)]), &[("1", 1_000, 300)]);
    check(&with(&[r("a", 1, 300), charge("b", 1, i64::MAX)]), &[("1", 1_000, 1_000)]);
    check(&with(&[r("a", 1, -300)]), &[("1", 1_000, 0)]);
    check(&with(&[r("a", 1, 300), charge("b", 1, -100)]), &[("1", 1_000, 300)]);
}

#[test]
fn items_are_taken_back_from_their_lines() {
    let sold = sale("s", Placed, 1, 1, &[("1", 1_000), ("2", 500)]);
    let a = back("a", Refunded, 1, "r1", Err(&[("1", 1, 400), ("9", 1, 77)]));
    let b = back("b", Refunded, 1, "r2", Err(&[("1", 2, 700), ("2", 0, -5)]));
    check(&[sold.clone(), a.clone()], &[("1", 1_000, 400), ("2", 500, 0)]);
    check(&[sold.clone(), a.clone(), b.clone()], &[("1", 1_000, 1_000), ("2", 500, 0)]);
    let order = fold(&[sold.clone(), a.clone(), b.clone()]);
    assert_eq!(order.ignored, [("a".to_owned(), Ignored::UnknownItem)]);
    let quantities: Vec<u32> = order.lines.iter().map(|line| line.refunded_quantity).collect();
    assert_eq!(quantities, [2, 0], "3 came back of 2");
    assert_eq!(order.lines.iter().map(Line::remaining).collect::<Vec<_>>(), [0, 500]);
    // What the order as a whole gets back is spread over what is left after its items.
    let rest = back("c", Refunded, 1, "r3", Ok(400));
    check(&[sold.clone(), a.clone(), rest.clone()], &[("1", 1_000, 618), ("2", 500, 182)]);
    check(&[sold, a, b, rest], &[("1", 1_000, 1_000), ("2", 500, 400)]);
    let early = back("a", Refunded, 1, "r1", Err(&[("1", 1, 400)]));
    assert_eq!(fold(&[early]).ignored, [("a".to_owned(), Ignored::NoCurrency)], "nothing was sold yet");
}

#[test]
fn what_is_spread_adds_up_to_the_unit() {
    for (nets, amount, expect) in [
        (&[100, 100, 100][..], 100, &[34, 33, 33][..]),
        (&[100, 100, 100], 200, &[67, 67, 66]),
        (&[1, 1, 1], 2, &[1, 1, 0]),
        (&[1, 2, 3], 6, &[1, 2, 3]),
        (&[1, 2, 3], 99, &[1, 2, 3]),
        (&[0, 10, 0], 3, &[0, 3, 0]),
        (&[0, 0, 0], 3, &[0, 0, 0]),
        (&[5_000, 3_334, 1_667], 3_433, &[1_716, 1_145, 572]),
        (&[10, 20, 70], 5, &[1, 1, 3]), // 0.5, 1.0 and 3.5: the tie goes to the smaller item
        (&[10, 20, 70], 0, &[0, 0, 0]),
        (&[MAX_MINOR, MAX_MINOR, 1], MAX_MINOR, &[500_000_000_000, 500_000_000_000, 0]),
        (&[i64::MAX, 1, i64::MIN], i64::MAX, &[MAX_MINOR, 1, 0]), // no intake lets this through
    ] {
        let ids = ["1", "2", "3"];
        let items: Vec<(&str, i64)> = ids.into_iter().zip(nets.iter().copied()).collect();
        let order = fold(&[sale("s", Placed, 1, 1, &items), back("r", Refunded, 1, "r", Ok(amount))]);
        let spread: Vec<i64> = order.lines.iter().map(|line| line.refunded_minor).collect();
        assert_eq!(spread, expect, "{amount} over {nets:?}");
    }
}

#[test]
fn tokens_coupons_and_words_are_gathered_from_all_reports() {
    let named = |name: &str| Some(Customer { name: Some(name.to_owned()), ..Customer::default() });
    let sent = |status: &str| Some(Delivery { status: Some(status.to_owned()), ..Delivery::default() });
    let tokens = |of: &[&str]| of.iter().map(|token| (*token).to_owned()).collect();
    let events = [
        Event {
            click_ids: tokens(&["b", "a"]),
            coupon: Some(" tea10 ".to_owned()),
            customer: named("Mia Berg"),
            delivery: sent("packed"),
            ..report("a", Abandoned, 1, 5)
        },
        Event {
            click_ids: tokens(&["a"]),
            coupon: Some("TEA10".to_owned()),
            customer: named("M. Berg"),
            ..report("b", Placed, 1, 4)
        },
        Event { coupon: Some("  ".to_owned()), delivery: sent("sent"), ..report("c", Refunded, 2, 1) },
    ];
    let order = fold(&events);
    assert_eq!(order.click_ids.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(order.coupons.iter().map(String::as_str).collect::<Vec<_>>(), ["TEA10"]);
    assert_eq!((order.customer, order.delivery), (named("Mia Berg"), sent("sent")));
}

#[test]
fn a_sale_of_others_only_is_a_sale_of_nothing() {
    let mine = sale("a", Placed, 1, 1, &[("1", 100)]);
    let elsewhere = |version| Event { others_only: true, ..sale("b", Placed, version, 2, &[]) };
    check(&[mine.clone(), elsewhere(2)], &[]);
    check(&[mine.clone(), elsewhere(0)], &[("1", 100, 0)]);
    let order = fold(&[elsewhere(2), back("r", Refunded, 1, "r", Err(&[("1", 1, 5)]))]);
    assert_eq!((order.currency, order.placed_at), (currency("EUR"), Some(Millis(2))));
    assert_eq!(order.ignored, [("r".to_owned(), Ignored::UnknownItem)]);
    let yen = Event { currency: currency("JPY"), ..mine };
    assert_eq!(fold(&[yen, elsewhere(2)]).ignored, [("b".to_owned(), Ignored::OtherCurrency)]);
}

#[test]
fn an_item_named_twice_is_taken_once() {
    check(&[sale("s", Placed, 1, 1, &[("1", 100), ("1", 900)])], &[("1", 100, 0)]);
}
