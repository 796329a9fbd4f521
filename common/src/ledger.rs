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
