//! Payouts: netting what is owed against what is to be taken back, so that nobody is ever paid more than a second
//! person approved.

use core::time::Duration;

use crate::time::Millis;

/// How long nothing is paid to a bank account that was just changed: whoever took over a login has to wait until
/// its owner has read the letter about it.
pub const BANK_COOLING_OFF: Duration = Duration::from_hours(7 * 24);

/// When a bank account that was changed then may be paid to.
pub fn payable_from(account_changed_at: Millis) -> Millis {
    account_changed_at.plus(BANK_COOLING_OFF)
}

/// What an affiliate gets for these payable balances: negative ones are owed, positive ones are taken back.
/// `None`: less than the minimum, or nothing; they wait for the next batch.
pub fn line(payables: impl IntoIterator<Item = i64>, minimum_minor: i64) -> Option<i64> {
    let owed = -payables.into_iter().map(i128::from).sum::<i128>();
    i64::try_from(owed).ok().filter(|owed| *owed >= minimum_minor.max(1))
}

/// An order of a payout line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// The payable balance when it was collected, which is what was approved.
    pub collected_minor: i64,
    /// The payable balance now.
    pub payable_minor: i64,
}

/// What becomes of an order of an approved line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Its balance is paid out, or taken back.
    Paid,
    /// It changed after it was collected, and waits for the next batch.
    Left,
}

impl Part {
    /// The name in Postgres.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Left => "left",
        }
    }
}

/// What is paid of an approved line, and what becomes of each of its orders.
///
/// Orders that changed are left. If the rest is more than was approved (what was to be taken back is gone) or less
/// than nothing (only that is left), the whole line waits: neither can be paid.
pub fn book(approved_minor: i64, orders: &[Collected]) -> (i64, Vec<Part>) {
    let stands = |order: &&Collected| order.collected_minor == order.payable_minor;
    let owed = -orders.iter().filter(stands).map(|order| i128::from(order.payable_minor)).sum::<i128>();
    match i64::try_from(owed).ok().filter(|owed| (0..=approved_minor).contains(owed)) {
        Some(owed) => {
            let part = |order| if stands(&order) { Part::Paid } else { Part::Left };
            (owed, orders.iter().map(part).collect())
        }
        None => (0, vec![Part::Left; orders.len()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_bank_account_waits_a_week() {
        assert_eq!(payable_from(Millis(1_000)), Millis(1_000 + 604_800_000));
    }

    #[test]
    fn what_is_taken_back_is_netted() {
        for (payables, minimum, expect) in [
            (vec![-328, -100], 1, Some(428)),
            (vec![-328, 100], 1, Some(228)),
            (vec![-328, 328], 1, None),
            (vec![-328, 400], 1, None),
            (vec![-500], 500, Some(500)),
            (vec![-499], 500, None),
            (vec![0], 0, None),
            (vec![], -5, None),
            (vec![i64::MIN, i64::MIN], 1, None),
            (vec![i64::MIN, 1], 1, Some(i64::MAX)),
        ] {
            assert_eq!(line(payables.iter().copied(), minimum), expect, "{payables:?} {minimum}");
        }
    }

    #[test]
    fn never_more_than_was_approved_and_never_less_than_nothing() {
        use Part::{Left, Paid};
        for (approved, orders, expect) in [
            (428, vec![(-328, -328), (-100, -100)], (428, vec![Paid, Paid])),
            (428, vec![(-328, -328), (-100, -50)], (328, vec![Paid, Left])),
            (228, vec![(-328, -328), (100, 100)], (228, vec![Paid, Paid])),
            (228, vec![(-328, -328), (100, 0)], (0, vec![Left, Left])), // 328 was never approved
            (228, vec![(-328, 0), (100, 100)], (0, vec![Left, Left])),  // nobody is paid -100
            (228, vec![(-100, -100), (-228, -100), (100, 100)], (0, vec![Paid, Left, Paid])),
            (5, vec![(-5, 0)], (0, vec![Left])),
            (0, vec![], (0, vec![])),
            (i64::MAX, vec![(i64::MIN, i64::MIN)], (0, vec![Left])),
        ] {
            let of = |&(collected_minor, payable_minor)| Collected { collected_minor, payable_minor };
            let collected: Vec<Collected> = orders.iter().map(of).collect();
            assert_eq!(book(approved, &collected), expect, "{approved} {orders:?}");
        }
    }
}
