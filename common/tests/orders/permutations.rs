//! One order in every order of arrival: 720 permutations of six reports, each followed by three that come again, the
//! books settled twice after every report.

use common::attribution::Rule;
use common::ledger::Account;
use common::order::{Event, Kind, Status};
use common::time::Millis;

use crate::books::{Books, DAY, START, Settled};
use crate::mutants::Bug;
use crate::reports::{item, report, reversal, sale};

const HOUR: u64 = 3_600_000;
/// While the fourteen hold days run.
const HELD: Millis = Millis(START.0 + 9 * DAY);
/// After them.
const MATURE: Millis = Millis(START.0 + 29 * DAY);

/// A checkout that was left, an order by the click of one affiliate, the same order corrected with a later click of
/// another, its completion, and two refunds.
fn six_reports(net: &[(&str, i64)], corrected: &[(&str, i64)]) -> [Event; 6] {
    let items = |of: &[(&str, i64)]| of.iter().map(|(item_id, net)| item(item_id, *net)).collect();
    let placed = |event_id, version, of, token: &str| Event {
        click_ids: vec![token.to_owned()],
        ..sale(event_id, Kind::Placed, version, Millis(START.0 + HOUR), items(of))
    };
    [
        report("evt-1", Kind::Abandoned, 0, START),
        placed("evt-2", 1, net, "click-a"),
        placed("evt-3", 2, corrected, "click-b"),
        report("evt-4", Kind::Completed, 3, Millis(START.0 + 2 * DAY)),
        reversal("evt-5", Kind::Refunded, 4, "r1", 3_333),
        reversal("evt-6", Kind::Refunded, 5, "r2", 100),
    ]
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![vec![]] };
    let shorter = permutations(last).into_iter();
    shorter
        .flat_map(|shorter| {
            (0..n).map(move |at| {
                let mut longer = shorter.clone();
                longer.insert(at, last);
                longer
            })
        })
        .collect()
}

fn run(reports: &[Event; 6], permutation: &[usize]) -> (Books, Settled) {
    let (mut books, mut arrived) = (Books::new(Rule::LastClick), Vec::new());
    for at in permutation.iter().chain(&permutation[..3]) {
        arrived.push(&reports[*at]);
        books.settle(&arrived, HELD, Bug::None);
        let transactions = books.booked.len();
        books.settle(&arrived, HELD, Bug::None);
        assert_eq!(books.booked.len(), transactions, "settled twice, booked twice: {permutation:?}");
    }
    let settled = books.settle(&arrived, MATURE, Bug::None);
    for entries in &books.booked {
        assert_eq!(entries.iter().map(|(_, amount)| amount).sum::<i64>(), 0, "{entries:?}");
    }
    (books, settled)
}

/// The one end of all permutations.
#[track_caller]
fn one_end(reports: &[Event; 6]) -> (Books, Settled) {
    let ends = permutations(6).into_iter().map(|permutation| run(reports, &permutation));
    let mut ends: Vec<(Books, Settled)> = ends.collect();
    assert_eq!(ends.len(), 720);
    let first = ends.remove(0);
    for (books, settled) in &ends {
        assert_eq!((settled, &books.posted), (&first.1, &first.0.posted));
    }
    first
}

#[test]
fn every_permutation_ends_in_the_same_books() {
    let reports = six_reports(&[("order", 9_999)], &[("order", 10_001)]);
    let (mut books, settled) = one_end(&reports);
    assert_eq!((settled.order.net_minor, settled.order.refunded_minor), (10_001, 3_433));
    assert_eq!(settled.status, Status::Completed);
    let balances = |books: &Books, affiliate| Account::ALL.map(|account| books.balance(affiliate, account));
    assert_eq!(balances(&books, 10), [0, 0, 0, 0], "the first click's affiliate");
    assert_eq!(balances(&books, 11), [328, 0, -328, 0], "5 % of 6568 is 328.4");

    // Paid, and then refunded as a whole: the affiliate owes what it got.
    books.pay();
    let mut events: Vec<&Event> = reports.iter().collect();
    assert_eq!(books.settle(&events, MATURE, Bug::None).status, Status::Paid);
    assert_eq!(balances(&books, 11), [328, 0, 0, -328]);
    let rest = reversal("evt-7", Kind::Refunded, 9, "r3", 6_568);
    events.push(&rest);
    let refunded = books.settle(&events, MATURE, Bug::None);
    assert_eq!((refunded.status, refunded.due.map(|due| due.commission_minor)), (Status::Refunded, Some(0)));
    assert_eq!(balances(&books, 11), [0, 0, 328, -328]);
}

#[test]
fn refunds_of_the_order_are_spread_over_its_lines() {
    let corrected = [("1", 5_000), ("2", 3_334), ("3", 1_667)];
    let (books, settled) = one_end(&six_reports(&[("1", 9_999)], &corrected));
    // 3433 of 10001: 1716.33, 1144.46 and 572.22 are 1716, 1144 and 572, and the largest remainder takes the last one.
    let refunded: Vec<i64> = settled.order.lines.iter().map(|line| line.refunded_minor).collect();
    assert_eq!(refunded, [1_716, 1_145, 572]);
    // 5 % of 3284, 2189 and 1095: 164.2, 109.45 and 54.75.
    assert_eq!(books.balance(11, Account::Payable), -(164 + 109 + 55));
}
