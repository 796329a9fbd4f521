//! What holds for every set of reports.

use std::collections::BTreeMap;

use common::attribution::{Candidate, Rule, Terms, attribute};
use common::ids::VendorId;
use common::ledger::{Account, Due, Maturity, Position, difference, paid};
use common::order::{Event, Folded, Ignored, Kind, Status, fold, status};
use common::rate::Rate;
use common::time::Millis;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::books::{Books, DAY, START, Settled, commission_of};
use crate::mutants::Bug;
use crate::reports::{any_nonsense, any_refunds, any_reports, any_scenario, reversal, sale};

/// A set of reports, and batches of places in it as they arrive.
type Scenario = (Vec<Event>, Vec<Vec<usize>>);

/// After every hold.
const LATER: Millis = Millis(START.0 + 100 * DAY);

/// What holds after each settlement.
fn well_formed(books: &Books, settled: &Settled) -> TestCaseResult {
    for entries in &books.booked {
        let mut sums = BTreeMap::new();
        for (position, amount) in entries {
            *sums.entry(position.currency).or_insert(0) += amount;
        }
        prop_assert!(sums.values().all(|sum| *sum == 0), "unbalanced: {:?}", entries);
    }
    let mut parties: BTreeMap<_, BTreeMap<Account, i64>> = BTreeMap::new();
    for (p, amount) in &books.posted {
        parties.entry((p.affiliate, p.link, p.currency)).or_default().insert(p.account, *amount);
    }
    let due = settled.due.map(|due| ((due.affiliate, due.link, due.currency), due.commission_minor));
    for (party, balances) in &parties {
        let commission =
            due.filter(|(credited, _)| credited == party).map_or(0, |(_, commission)| commission);
        let of = |account| balances.get(&account).copied().unwrap_or(0);
        prop_assert_eq!(of(Account::Expense), commission, "{:?}", party);
        let owed_or_paid = of(Account::Pending) + of(Account::Payable) + of(Account::Cash);
        prop_assert_eq!(owed_or_paid, -commission, "{:?}", party);
        prop_assert!(of(Account::Pending) == 0 || of(Account::Cash) == 0, "{:?}", balances);
    }
    prop_assert!(due.is_none_or(|(party, commission)| commission == 0 || parties.contains_key(&party)));
    whole(&settled.order)
}

/// What holds for each order.
fn whole(order: &Folded) -> TestCaseResult {
    prop_assert!(order.lines.is_sorted_by(|a, b| a.item_id < b.item_id));
    prop_assert!(order.ignored.is_sorted());
    for line in &order.lines {
        prop_assert!((0..=line.net_minor).contains(&line.refunded_minor), "{:?}", line);
        prop_assert!(line.refunded_quantity <= line.quantity, "{:?}", line);
    }
    prop_assert_eq!(order.lines.iter().map(|line| line.net_minor).sum::<i64>(), order.net_minor);
    prop_assert_eq!(order.lines.iter().map(|line| line.refunded_minor).sum::<i64>(), order.refunded_minor);
    prop_assert!(order.refunded_minor <= order.net_minor);
    prop_assert!(order.currency.is_some() || order.lines.is_empty());
    Ok(())
}

/// However the reports arrive, the order and its books end as if they had all been there at once.
pub(crate) fn arrival_does_not_matter((reports, batches): Scenario, bug: Bug) -> TestCaseResult {
    for rule in [Rule::LastClick, Rule::FirstClick] {
        let mut at_once = Books::new(rule);
        let all: Vec<&Event> = reports.iter().collect();
        let expect = at_once.settle(&all, LATER, bug);
        let (mut books, mut arrived) = (Books::new(rule), Vec::new());
        for (n, batch) in batches.iter().enumerate() {
            arrived.extend(batch.iter().map(|at| &reports[*at]));
            let settled = books.settle(&arrived, Millis(START.0 + n as u64 * 4 * DAY), bug);
            well_formed(&books, &settled)?;
        }
        let settled = books.settle(&arrived, LATER, bug);
        well_formed(&books, &settled)?;
        prop_assert_eq!(&settled, &expect);
        prop_assert_eq!(&books.posted, &at_once.posted);
        let transactions = books.booked.len();
        prop_assert_eq!(&books.settle(&arrived, LATER, bug), &settled);
        prop_assert_eq!(books.booked.len(), transactions, "settled twice, booked twice");
    }
    Ok(())
}

/// Whatever is paid out in between, expense ends where it must, and the last payout squares every account.
pub(crate) fn payouts_change_nothing_else((reports, batches): Scenario, bug: Bug) -> TestCaseResult {
    let all: Vec<&Event> = reports.iter().collect();
    let expect = Books::new(Rule::LastClick).settle(&all, LATER, bug);
    let (mut books, mut arrived) = (Books::new(Rule::LastClick), Vec::new());
    for batch in &batches {
        arrived.extend(batch.iter().map(|at| &reports[*at]));
        let before = paid(&books.posted);
        let settled = books.settle(&arrived, LATER, bug);
        prop_assert_eq!(paid(&books.posted), before, "settling pays nobody");
        well_formed(&books, &settled)?;
        books.pay();
    }
    let settled = books.settle(&arrived, LATER, bug);
    well_formed(&books, &settled)?;
    prop_assert_eq!((&settled.order, settled.due), (&expect.order, expect.due));
    books.pay();
    let commission = settled.due.map_or(0, |due| due.commission_minor);
    let is_settled = settled.order.completed_at.is_some() || paid(&books.posted) != 0;
    prop_assert!(!is_settled || paid(&books.posted) == commission, "{:?}", books.posted);
    Ok(())
}

/// Many refunds are one, and together they leave the commission on what remains.
pub(crate) fn refunds_add_up(
    (items, parts): (Vec<common::order::Item>, Vec<i64>),
    bug: Bug,
) -> TestCaseResult {
    let sold =
        Event { click_ids: vec!["click-a".to_owned()], ..sale("sale", Kind::Completed, 0, START, items) };
    let refund =
        |n: usize, amount| reversal(&format!("refund-{n}"), Kind::Refunded, 1, &format!("r{n}"), amount);
    let small: Vec<Event> = parts.iter().enumerate().map(|(n, amount)| refund(n, *amount)).collect();
    let large = refund(99, parts.iter().sum());
    let settle = |refunds: &[&Event]| {
        let mut books = Books::new(Rule::LastClick);
        let events: Vec<&Event> = [&sold].into_iter().chain(refunds.iter().copied()).collect();
        let settled = books.settle(&events, LATER, bug);
        (settled, books.posted)
    };
    let (many, one) = (settle(&small.iter().collect::<Vec<_>>()), settle(&[&large]));
    prop_assert_eq!(&many, &one);
    let order = &many.0.order;
    prop_assert_eq!(order.refunded_minor, parts.iter().sum::<i64>().min(order.net_minor));
    let rest = refund(100, order.net_minor - order.refunded_minor);
    let (settled, posted) = settle(&small.iter().chain([&rest]).collect::<Vec<_>>());
    prop_assert_eq!(settled.status, Status::Refunded);
    prop_assert_eq!(posted, BTreeMap::new(), "a full refund leaves nothing");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_arrival_of_the_same_reports_ends_alike(scenario in any_scenario()) {
        arrival_does_not_matter(scenario, Bug::None)?;
    }

    #[test]
    fn payouts_are_corrected_and_never_repeated(scenario in any_scenario()) {
        payouts_change_nothing_else(scenario, Bug::None)?;
    }

    #[test]
    fn several_refunds_are_one(refunds in any_refunds()) {
        refunds_add_up(refunds, Bug::None)?;
    }

    #[test]
    fn a_chargeback_that_is_won_never_was(reports in any_reports(), amount in 0..30_000_i64) {
        let taken = reversal("taken", Kind::Chargeback, 7, "chargeback", amount);
        let won = reversal("won", Kind::Chargeback, 8, "chargeback", 0);
        let mut before = fold(&reports);
        let mut lost = fold(reports.iter().chain([&taken]));
        let mut after = fold(reports.iter().chain([&taken, &won]));
        prop_assert_eq!(&fold(reports.iter().chain([&won, &taken])), &after);
        for order in [&mut before, &mut lost, &mut after] {
            order.ignored.clear();
        }
        prop_assert_eq!(&after, &before);
        let remaining = before.net_minor - before.refunded_minor;
        let is_heard = before.currency.is_some_and(|currency| currency.as_str() == "EUR");
        prop_assert_eq!(lost.refunded_minor - before.refunded_minor, if is_heard { amount.min(remaining) } else { 0 });
    }

    #[test]
    fn another_currency_changes_only_what_is_ignored(reports in any_reports(), amount in 1..30_000_i64) {
        let order = fold(&reports);
        prop_assume!(order.currency.is_some());
        let mut dollars = reversal("dollars", Kind::Refunded, 9, "r1", amount);
        dollars.currency = Some("USD".parse().expect("a currency"));
        let mut with = fold(reports.iter().chain([&dollars]));
        prop_assert!(with.ignored.contains(&("dollars".to_owned(), Ignored::OtherCurrency)));
        with.ignored.retain(|(event_id, _)| event_id != "dollars");
        prop_assert_eq!(with, order);
    }

    #[test]
    fn what_passes_the_check_is_never_cut(reports in any_reports()) {
        let good = |event: &&Event| event.check().is_empty();
        let order = fold(reports.iter().filter(good));
        let sales: Vec<i64> = reports
            .iter()
            .filter(good)
            .filter(|event| matches!(event.kind, Kind::Placed | Kind::Completed))
            .map(|event| event.items.iter().map(|item| item.net_minor).sum())
            .collect();
        prop_assert!(order.net_minor == 0 || sales.contains(&order.net_minor), "{:?}", order);
    }

    #[test]
    fn nothing_is_a_panic(
        mut reports in any_nonsense(), ppm in 0..=1_000_000_u32, amounts: [i64; 4], commission_minor: i64,
        window_days: u32, is_mature: bool,
    ) {
        let order = fold(&reports);
        whole(&order)?;
        for event in &reports {
            let _ = event.check();
        }
        reports.reverse();
        prop_assert_eq!(&fold(&reports), &order);
        let commission = commission_of(&order, &|_| Rate::new(ppm));
        prop_assert!((0..=order.net_minor - order.refunded_minor).contains(&commission));
        let terms = Terms { window_days, hold_days: window_days, rule: Rule::LastClick };
        let at = order.ordered_at().unwrap_or(Millis(u64::MAX));
        let _ = attribute(VendorId(1), &terms, at, &[Candidate::UnknownLink]);
        let (currency, link) = ("EUR".parse().expect("a currency"), common::ids::LinkId(1));
        let maturity = if is_mature { Maturity::Mature } else { Maturity::Pending };
        let due = Due { affiliate: 1, link, currency, commission_minor, maturity };
        let position = |account| Position { affiliate: 1, link, currency, account };
        let posted = Account::ALL.into_iter().map(position).zip(amounts).collect();
        let _ = (difference(&posted, Some(&due)), difference(&posted, None));
        let _ = status(&order, commission_minor, paid(&posted));
    }
}
