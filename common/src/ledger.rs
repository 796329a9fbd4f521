//! The books by difference: where they ought to stand, minus where they stand, is what is booked.
//!
//! Nothing booked is ever changed, and booking twice books nothing the second time. Debits are positive, so expense
//! is +, and what is owed or paid (pending, payable, cash) is −. The positions of one order, affiliate, link and
//! currency sum to zero at any time.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::LinkId;
use crate::money::Currency;
use crate::time::Millis;

/// What an entry is booked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// Commission, as the vendor's cost.
    Expense,
    /// Owed, but not before the hold days are over.
    Pending,
    /// Owed now. Positive: paid too much, to be taken back with the next payout.
    Payable,
    /// Paid. Only payouts book here.
    Cash,
}

impl Account {
    /// Every account, in the order entries are sorted by.
    pub const ALL: [Self; 4] = [Self::Expense, Self::Pending, Self::Payable, Self::Cash];

    /// The name in Postgres.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expense => "expense",
            Self::Pending => "pending",
            Self::Payable => "payable",
            Self::Cash => "cash",
        }
    }

    /// The account with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.name() == name)
    }
}

/// One balance of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Who earns.
    pub affiliate: u64,
    /// By which link.
    pub link: LinkId,
    /// In what.
    pub currency: Currency,
    /// On what.
    pub account: Account,
}

/// Whether commission may be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Maturity {
    /// Not yet: the order is not completed, the hold days run, or somebody must look at it.
    Pending,
    /// Yes.
    Mature,
}

impl Maturity {
    /// Where commission that matures at an instant stands now. `None`: nothing is known to wait for.
    pub fn at(matures_at: Option<Millis>, now: Millis) -> Self {
        if matures_at.is_some_and(|at| now >= at) { Self::Mature } else { Self::Pending }
    }
}

/// When the commission of an order completed then is no longer held. `None`: not completed.
pub fn matures_at(completed_at: Option<Millis>, hold_days: u32) -> Option<Millis> {
    completed_at.map(|at| at.plus(Duration::from_hours(24 * u64::from(hold_days))))
}

/// What an order earns, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Who is credited.
    pub affiliate: u64,
    /// By which link.
    pub link: LinkId,
    /// In what.
    pub currency: Currency,
    /// How much, 0 or more.
    pub commission_minor: i64,
    /// Whether it may be paid.
    pub maturity: Maturity,
}

/// Somebody's positions of one order.
type Party = (u64, LinkId, Currency);

/// The entries that lead from what is posted for an order to what is due: sorted, none of them zero, and summing to
/// zero in each currency, provided that what is posted does. Empty: the books are right already.
///
/// Whoever is not credited (any more) ends at nothing, but for what was already paid, which is theirs to give back:
/// cash is never touched here. Once something was paid, corrections go to payable at once instead of waiting again.
pub fn difference(posted: &BTreeMap<Position, i64>, due: Option<&Due>) -> Vec<(Position, i64)> {
    let party = |position: &Position| (position.affiliate, position.link, position.currency);
    let mut parties: BTreeSet<Party> = posted.keys().map(party).collect();
    parties.extend(due.map(|due| (due.affiliate, due.link, due.currency)));
    let mut entries = Vec::new();
    for party in parties {
        let (affiliate, link, currency) = party;
        let balance = |account| {
            let position = Position { affiliate, link, currency, account };
            (position, posted.get(&position).copied().unwrap_or(0))
        };
        let paid = balance(Account::Cash).1.saturating_neg();
        let due = due.filter(|due| (due.affiliate, due.link, due.currency) == party);
        for (account, target) in targets(due, paid) {
            let (position, stands) = balance(account);
            let amount = target.saturating_sub(stands);
            if amount != 0 {
                entries.push((position, amount));
            }
        }
    }
    entries
}

/// Where the books ought to stand for one party that was paid so much.
fn targets(due: Option<&Due>, paid: i64) -> [(Account, i64); 3] {
    let commission = due.map_or(0, |due| due.commission_minor);
    let waits = due.is_some_and(|due| due.maturity == Maturity::Pending) && paid == 0;
    let (pending, payable) =
        if waits { (commission.saturating_neg(), 0) } else { (0, paid.saturating_sub(commission)) };
    [(Account::Expense, commission), (Account::Pending, pending), (Account::Payable, payable)]
}

/// What was paid for an order so far, to anybody.
pub fn paid(posted: &BTreeMap<Position, i64>) -> i64 {
    let cash = posted.iter().filter(|(position, _)| position.account == Account::Cash);
    cash.fold(0, |sum: i64, (_, amount)| sum.saturating_sub(*amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: (u64, LinkId) = (10, LinkId(100));
    const B: (u64, LinkId) = (11, LinkId(101));

    /// Balances of expense, pending, payable and cash.
    type Balances = [i64; 4];

    fn books(of: &[((u64, LinkId), &str, Balances)]) -> BTreeMap<Position, i64> {
        let entry = |&((affiliate, link), currency, balances): &((u64, LinkId), &str, Balances)| {
            let currency = currency.parse().expect("a currency");
            Account::ALL
                .into_iter()
                .zip(balances)
                .map(move |(account, amount)| (Position { affiliate, link, currency, account }, amount))
        };
        of.iter().flat_map(entry).filter(|(_, amount)| *amount != 0).collect()
    }

    fn due((affiliate, link): (u64, LinkId), commission_minor: i64, maturity: Maturity) -> Due {
        Due { affiliate, link, currency: "EUR".parse().expect("a currency"), commission_minor, maturity }
    }

    #[track_caller]
    fn check(
        posted: &[((u64, LinkId), &str, Balances)],
        due: Option<Due>,
        expect: &[((u64, LinkId), &str, Balances)],
    ) {
        let mut posted = books(posted);
        let entries = difference(&posted, due.as_ref());
        assert!(entries.iter().all(|(_, amount)| *amount != 0), "{entries:?}");
        assert!(entries.is_sorted_by(|a, b| a.0 < b.0), "{entries:?}");
        assert_eq!(entries.iter().map(|(_, amount)| amount).sum::<i64>(), 0, "{entries:?}");
        assert!(entries.iter().all(|(position, _)| position.account != Account::Cash), "{entries:?}");
        for (position, amount) in entries {
            *posted.entry(position).or_default() += amount;
        }
        posted.retain(|_, amount| *amount != 0);
        assert_eq!(posted, books(expect));
        assert_eq!(difference(&posted, due.as_ref()), [], "booked twice");
    }

    use Maturity::{Mature, Pending};

    #[test]
    fn commission_waits_and_then_is_payable() {
        check(&[], Some(due(A, 328, Pending)), &[(A, "EUR", [328, -328, 0, 0])]);
        check(&[], Some(due(A, 328, Mature)), &[(A, "EUR", [328, 0, -328, 0])]);
        let pending = [(A, "EUR", [328, -328, 0, 0])];
        check(&pending, Some(due(A, 328, Mature)), &[(A, "EUR", [328, 0, -328, 0])]);
        check(&pending, Some(due(A, 300, Pending)), &[(A, "EUR", [300, -300, 0, 0])]);
        check(&[(A, "EUR", [328, 0, -328, 0])], Some(due(A, 328, Pending)), &pending);
        check(&[], Some(due(A, 0, Mature)), &[]);
        check(&[], None, &[]);
    }

    #[test]
    fn credit_moves_from_one_to_the_other() {
        let pending = [(A, "EUR", [1_250, -1_250, 0, 0])];
        check(&pending, Some(due(B, 328, Pending)), &[(B, "EUR", [328, -328, 0, 0])]);
        check(&pending, None, &[]);
        check(
            &pending,
            Some(due((10, LinkId(102)), 5, Pending)),
            &[((10, LinkId(102)), "EUR", [5, -5, 0, 0])],
        );
    }

    #[test]
    fn what_was_paid_is_taken_back_from_what_comes_next() {
        let paid = [(A, "EUR", [328, 0, 0, -328])];
        for maturity in [Pending, Mature] {
            check(&paid, Some(due(A, 328, maturity)), &paid);
            check(&paid, Some(due(A, 0, maturity)), &[(A, "EUR", [0, 0, 328, -328])]);
            check(&paid, Some(due(A, 300, maturity)), &[(A, "EUR", [300, 0, 28, -328])]);
            check(&paid, Some(due(A, 400, maturity)), &[(A, "EUR", [400, 0, -72, -328])]);
        }
        check(&paid, None, &[(A, "EUR", [0, 0, 328, -328])]);
        let both = [(A, "EUR", [0, 0, 328, -328]), (B, "EUR", [328, -328, 0, 0])];
        check(&paid, Some(due(B, 328, Pending)), &both);
        check(&both, Some(due(A, 328, Pending)), &paid);
    }

    #[test]
    fn another_currency_is_another_party() {
        let dollars = [(A, "USD", [50, -50, 0, 0])];
        check(&dollars, Some(due(A, 40, Pending)), &[(A, "EUR", [40, -40, 0, 0])]);
        let paid = [(A, "USD", [50, 0, 0, -50])];
        let expect = [(A, "EUR", [40, -40, 0, 0]), (A, "USD", [0, 0, 50, -50])];
        check(&paid, Some(due(A, 40, Pending)), &expect);
    }

    #[test]
    fn what_was_paid_is_the_sum_over_everybody() {
        assert_eq!(paid(&books(&[(A, "EUR", [0, 0, 328, -328]), (B, "EUR", [5, 0, 0, -5])])), 333);
        assert_eq!(paid(&BTreeMap::new()), 0);
    }

    #[test]
    fn hold_days_end_at_the_instant() {
        let (completed, day) = (1_795_000_000_000, 86_400_000);
        for (days, now, expect) in [
            (14, completed + 14 * day - 1, Pending),
            (14, completed + 14 * day, Mature),
            (0, completed, Mature),
            (0, completed - 1, Pending),
            (365, completed + 365 * day - 1, Pending),
            (365, completed + 365 * day, Mature),
            (u32::MAX, completed, Pending),
        ] {
            let at = matures_at(Some(Millis(completed)), days);
            assert_eq!(Maturity::at(at, Millis(now)), expect, "{days} days");
        }
        assert_eq!(matures_at(None, 0), None);
        assert_eq!(Maturity::at(None, Millis(u64::MAX)), Pending);
        assert_eq!(matures_at(Some(Millis(u64::MAX)), 14), Some(Millis(u64::MAX)));
    }

    #[test]
    fn names_come_back() {
        for account in Account::ALL {
            assert_eq!(Account::from_name(account.name()), Some(account));
        }
        assert!(Account::ALL.is_sorted());
    }
}
