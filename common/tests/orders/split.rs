//! One order of several vendors. Whatever the order of arrival, every vendor is told the same; and the vendors' books
//! together are those of the order as if one shop had sold it all.

use std::collections::{BTreeMap, BTreeSet};

use common::order::{Event, Folded, Item, Kind, Line, Reversal, ReversedItem, Split, Unsplit, Whole, fold};
use common::time::Millis;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::TestCaseResult;

use crate::books::START;
use crate::reports::{currency, item, report};

/// Which vendor: A, B or C.
type Vendor = char;
/// What each vendor was told, by event.
type Told = BTreeMap<(Vendor, String), Event>;

/// An order's reports, and what each vendor was told, once all of them that can be were taken in this order. Those that
/// are too early come again, as a shop repeats what was refused.
fn arrive(reports: &[Whole<Vendor>], arrival: &[usize]) -> (BTreeMap<String, Whole<Vendor>>, Told) {
    let (mut split, mut told, mut taken) = (Split::default(), Told::new(), BTreeMap::new());
    let mut left: Vec<usize> = arrival.to_vec();
    loop {
        let before = left.len();
        left.retain(|at| {
            let Ok(whole) = split.place(reports[*at].clone()) else { return true };
            taken.insert(whole.event.event_id.clone(), whole.clone());
            for (vendor, number) in split.add(whole) {
                let part: Event = split.part(vendor, number);
                let again = told.insert((vendor, part.event_id.clone()), part);
                assert_eq!(again, None, "told twice");
            }
            false
        });
        if left.len() == before {
            return (taken, told);
        }
    }
}

/// The rule, said in another way: of all reports at once.
fn rule(reports: &BTreeMap<String, Whole<Vendor>>) -> BTreeSet<(Vendor, String)> {
    let named = |whole: &Whole<Vendor>| -> BTreeSet<Vendor> {
        let of_amount = whole.event.reversal.as_ref().is_some_and(|reversal| reversal.items.is_empty());
        let addressee = whole.addressee.filter(|_| whole.owners.is_empty() || of_amount);
        whole.owners.values().copied().chain(addressee).collect()
    };
    let about = |event: &Event| event.reversal.as_ref().map(|r| (event.kind, r.reversal_id.clone()));
    let all: BTreeSet<Vendor> = reports.values().flat_map(named).collect();
    let mut told = BTreeSet::new();
    for whole in reports.values() {
        let hearers: BTreeSet<Vendor> = match (about(&whole.event), whole.addressee) {
            (None, None) => all.clone(),
            (None, Some(_)) => named(whole),
            (of, _) => reports.values().filter(|other| about(&other.event) == of).flat_map(named).collect(),
        };
        told.extend(hearers.into_iter().map(|vendor| (vendor, whole.event.event_id.clone())));
    }
    told
}

fn sold(event_id: &str, version: u64, items: &[(&str, Vendor)]) -> Whole<Vendor> {
    let event = Event {
        currency: Some(currency("EUR")),
        items: items.iter().map(|(id, _)| item(id, 1_000)).collect(),
        click_ids: vec![format!("token of {event_id}")],
        ..report(event_id, Kind::Placed, version, START)
    };
    let owners = items.iter().map(|(id, vendor)| ((*id).to_owned(), *vendor)).collect();
    Whole { event, owners, inferred: BTreeSet::new(), addressee: None }
}

fn said(event_id: &str, kind: Kind) -> Whole<Vendor> {
    let event = report(event_id, kind, 0, START);
    Whole { event, owners: BTreeMap::new(), inferred: BTreeSet::new(), addressee: None }
}

/// Of items that do not say whose they are, or of an amount.
fn back(event_id: &str, reversal_id: &str, version: u64, of: Result<i64, &[&str]>) -> Whole<Vendor> {
    let item = |id: &&str| ReversedItem { item_id: (*id).to_owned(), quantity: 1, amount_minor: 400 };
    let reversal = Reversal {
        reversal_id: reversal_id.to_owned(),
        amount_minor: of.ok(),
        items: of.err().unwrap_or_default().iter().map(item).collect(),
    };
    let mut whole = said(event_id, Kind::Refunded);
    whole.event = Event { version, currency: Some(currency("EUR")), reversal: Some(reversal), ..whole.event };
    whole
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![vec![]] };
    let longer = |shorter: Vec<usize>| {
        (0..n).map(move |at| {
            let mut longer = shorter.clone();
            longer.insert(at, last);
            longer
        })
    };
    permutations(last).into_iter().flat_map(longer).collect()
}

fn books(told: &Told, vendor: Vendor) -> Folded {
    fold(told.iter().filter(|((of, _), _)| *of == vendor).map(|(_, event)| event))
}

fn lines(folded: &Folded) -> Vec<(&str, i64)> {
    folded.lines.iter().map(|line| (line.item_id.as_str(), line.remaining())).collect()
}

#[test]
fn every_permutation_tells_every_vendor_the_same() {
    let reports = [
        sold("v1", 1, &[("a", 'A')]),
        said("done", Kind::Completed),
        sold("v2", 2, &[("a", 'A'), ("b", 'B')]),
        sold("v3", 3, &[("b", 'B')]),
        back("back", "r1", 0, Err(&["b"])),
        said("left", Kind::Abandoned),
    ];
    for arrival in permutations(reports.len()) {
        let (taken, told) = arrive(&reports, &arrival);
        assert_eq!(taken.len(), reports.len(), "{arrival:?}");
        assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), rule(&taken), "{arrival:?}");
        let (a, b) = (books(&told, 'A'), books(&told, 'B'));
        assert_eq!((lines(&a), lines(&b)), (vec![], vec![("b", 600)]), "{arrival:?}");
        assert!(a.completed_at.is_some() && b.completed_at.is_some());
        assert_eq!((a.click_ids.len(), b.click_ids.len()), (3, 3));
        assert!(told.values().all(|event| event.check().is_empty()), "{told:?}");
    }
}

#[test]
fn a_report_that_names_its_vendor_is_for_that_one() {
    let addressed = |whole: Whole<Vendor>, vendor| Whole { addressee: Some(vendor), ..whole };
    let reports = [
        sold("v1", 1, &[("a", 'A'), ("b", 'B')]),
        addressed(said("off", Kind::Cancelled), 'A'),
        addressed(sold("v2", 2, &[("a2", 'A')]), 'A'),
        addressed(back("amount", "r1", 0, Ok(300)), 'B'),
    ];
    for arrival in permutations(reports.len()) {
        let (_, told) = arrive(&reports, &arrival);
        let (a, b) = (books(&told, 'A'), books(&told, 'B'));
        assert_eq!((a.is_cancelled, lines(&a)), (true, vec![("a2", 1_000)]));
        assert_eq!((b.is_cancelled, lines(&b)), (false, vec![("b", 700)]));
    }
}

#[test]
fn a_later_word_on_a_refund_reaches_everybody_who_heard_of_it() {
    let reports = [
        sold("v1", 1, &[("a", 'A'), ("b", 'B'), ("c", 'C')]),
        back("both", "r1", 0, Err(&["a", "b"])),
        back("only-a", "r1", 1, Err(&["a"])),
        back("other", "r2", 0, Err(&["c"])),
        back("none", "r2", 1, Ok(0)),
    ];
    for arrival in permutations(reports.len()) {
        let (taken, told) = arrive(&reports, &arrival);
        assert_eq!(taken.len(), reports.len());
        let left = ['A', 'B', 'C'].map(|vendor| books(&told, vendor).refunded_minor);
        assert_eq!(left, [400, 0, 0], "{arrival:?}");
        assert!(!told.contains_key(&('A', "other".to_owned())), "it has nothing to do with A");
        assert!(told.values().all(|event| event.check().is_empty()), "{told:?}");
    }
}

#[test]
fn whose_it_is_is_never_guessed() {
    let mut split = Split::default();
    let place = |split: &Split<Vendor>, whole| split.place(whole).map(|_| ());
    assert_eq!(place(&split, back("r", "r", 0, Ok(5))), Err(Unsplit::Unknown));
    assert_eq!(place(&split, back("r", "r", 0, Err(&["a"]))), Err(Unsplit::Unknown));
    assert_eq!(split.add(said("done", Kind::Completed)), [], "nobody is there to be told");
    assert_eq!(split.add(sold("v1", 1, &[("a", 'A')])), [('A', 0), ('A', 1)]);
    let amount = split.place(back("amount", "r1", 0, Ok(5))).expect("A's: there is nobody else");
    assert_eq!(amount.addressee, Some('A'));
    assert_eq!(split.add(amount), [('A', 2)]);
    assert_eq!(split.add(sold("v2", 2, &[("b", 'B')])), [('B', 0), ('B', 1), ('A', 3), ('B', 3)]);
    assert_eq!(place(&split, back("r", "r9", 0, Ok(5))), Err(Unsplit::NameTheItems));
    let again = split.place(back("again", "r1", 1, Ok(4))).expect("where the first word went");
    assert_eq!(again.addressee, Some('A'));
    let taken_back = split.place(back("b", "r2", 0, Err(&["b"]))).expect("B's");
    assert_eq!(split.add(taken_back), [('B', 4)]);
    let moved = place(&split, sold("v3", 3, &[("a", 'C'), ("b", 'A')]));
    assert_eq!(moved, Err(Unsplit::ItemTakenBack("b".to_owned())));
    assert_eq!(
        place(&split, sold("v3", 3, &[("a", 'B'), ("b", 'B')])),
        Ok(()),
        "what was not taken back may move"
    );
    split.add(sold("v3", 3, &[("a", 'B')]));
    let of_both = Unsplit::ItemOfSeveral("a".to_owned());
    assert_eq!(place(&split, back("r", "r9", 0, Err(&["a"]))), Err(of_both));
}

type What = (Kind, u64, u64, Vec<usize>, Vec<Vendor>, Vec<i64>);
type How = (&'static str, &'static str, u8);

/// Reports of all kinds of an order of three vendors. `moves`: lines may change hands, reports be for one vendor.
fn any_wholes(moves: bool) -> impl Strategy<Value = Vec<Whole<Vendor>>> {
    let kind = select(vec![
        Kind::Abandoned,
        Kind::Placed,
        Kind::Placed,
        Kind::Placed,
        Kind::Completed,
        Kind::Refunded,
        Kind::Refunded,
        Kind::Chargeback,
        Kind::Cancelled,
    ]);
    let items = subsequence(vec![0_usize, 1, 2, 3, 4], 0..=4);
    let vendors = proptest::collection::vec(select(vec!['A', 'B', 'C']), 5);
    let amounts = proptest::collection::vec(0..2_000_i64, 5);
    let one = (
        (kind, 0..4_u64, 0..3_u64, items, vendors, amounts),
        (select(vec!["r1", "r2"]), select(vec!["EUR", "EUR", "EUR", "JPY"]), any::<u8>()),
    );
    let of = move |(what, how): (What, How)| {
        let ((kind, version, hours, items, vendors, amounts), (reversal_id, money, dice)) = (what, how);
        let id = |at: &usize| at.to_string();
        let owner = |at: &usize| if moves { vendors[*at] } else { ['A', 'B', 'C'][at % 3] };
        let reverses = matches!(kind, Kind::Refunded | Kind::Chargeback);
        let sells = !reverses && kind != Kind::Cancelled && dice % 3 > 0;
        let addressee = (moves && dice % 5 == 0).then(|| vendors[0]);
        let says = sells || reverses && (moves && dice % 2 == 0);
        let sold = |at: &usize| Item { net_minor: amounts[*at], ..item(&id(at), 0) };
        let taken = |at: &usize| ReversedItem { item_id: id(at), quantity: 1, amount_minor: amounts[*at] };
        let amount = items.is_empty().then_some(if moves { amounts[0] } else { 0 });
        let reversal = Reversal {
            reversal_id: reversal_id.to_owned(),
            amount_minor: amount,
            items: items.iter().map(taken).collect(),
        };
        let event = Event {
            currency: Some(currency(money)),
            items: if sells { items.iter().map(sold).collect() } else { vec![] },
            reversal: reverses.then_some(reversal),
            ..report("", kind, version, Millis(START.0 + hours))
        };
        let owners = items.iter().filter(|_| says).map(|at| (id(at), owner(at))).collect();
        Whole { event, owners, inferred: BTreeSet::new(), addressee }
    };
    proptest::collection::vec(one.prop_map(of), 1..9).prop_map(|mut wholes| {
        for (n, whole) in wholes.iter_mut().enumerate() {
            whole.event.event_id = format!("evt-{n}");
        }
        wholes
    })
}

fn shuffled(n: usize, by: &[Index]) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    by.iter().map(|index| all.remove(index.index(all.len()))).collect()
}

fn arrival_tells_the_same(wholes: &[Whole<Vendor>], by: &[Index]) -> TestCaseResult {
    let as_made: Vec<usize> = (0..wholes.len()).collect();
    let (taken, told) = arrive(wholes, &as_made);
    let (taken_too, told_too) = arrive(wholes, &shuffled(wholes.len(), &by[..wholes.len()]));
    prop_assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), rule(&taken));
    prop_assert_eq!(told_too.keys().cloned().collect::<BTreeSet<_>>(), rule(&taken_too));
    if taken == taken_too {
        prop_assert_eq!(told, told_too);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn whatever_is_taken_is_told_by_the_rule(wholes in any_wholes(true), by in proptest::collection::vec(any::<Index>(), 9)) {
        arrival_tells_the_same(&wholes, &by)?;
    }

    #[test]
    fn the_vendors_books_together_are_the_orders(wholes in any_wholes(false), by in proptest::collection::vec(any::<Index>(), 9)) {
        arrival_tells_the_same(&wholes, &by)?;
        let (taken, told) = arrive(&wholes, &shuffled(wholes.len(), &by[..wholes.len()]));
        let whole = fold(taken.values().map(|whole| &whole.event));
        let vendors: BTreeSet<Vendor> = told.keys().map(|(vendor, _)| *vendor).collect();
        let books: Vec<Folded> = vendors.iter().map(|vendor| books(&told, *vendor)).collect();
        let mut lines: Vec<Line> = books.iter().flat_map(|of| of.lines.clone()).collect();
        lines.sort_by(|a, b| a.item_id.cmp(&b.item_id));
        if !books.is_empty() {
            prop_assert_eq!(lines, whole.lines);
        }
        for of in &books {
            prop_assert_eq!(of.currency, whole.currency);
            prop_assert_eq!((of.placed_at, of.completed_at), (whole.placed_at, whole.completed_at));
            prop_assert_eq!(of.is_cancelled, whole.is_cancelled);
        }
        for event in told.values() {
            let flaws: Vec<_> = event.check().into_iter().map(|flaw| flaw.field).collect();
            let expect: &[&str] = &[];
            prop_assert_eq!(flaws, expect);
        }
    }
}
