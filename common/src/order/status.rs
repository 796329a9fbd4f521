//! The one word for how far an order is.

use super::fold::Folded;

/// How far an order is. The names are those of the console and of Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Never bought.
    Abandoned,
    /// Bought, not done.
    Pending,
    /// Done.
    Completed,
    /// Done, and its commission has been paid.
    Paid,
    /// Everything was taken back.
    Refunded,
    /// Called off.
    Cancelled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Abandoned, Self::Pending, Self::Completed, Self::Paid, Self::Refunded, Self::Cancelled];

    /// The name in Postgres and on every page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abandoned => "Abandoned",
            Self::Pending => "Pending",
            Self::Completed => "Completed",
            Self::Paid => "Paid",
            Self::Refunded => "Refunded",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// The status of an order that earns `commission_minor`, of which `paid_minor` has been paid.
///
/// The strongest word wins: called off, then all taken back, then paid. A late report of an abandoned checkout
/// changes nothing.
pub fn status(order: &Folded, commission_minor: i64, paid_minor: i64) -> Status {
    if order.is_cancelled {
        Status::Cancelled
    } else if order.net_minor > 0 && order.refunded_minor >= order.net_minor {
        Status::Refunded
    } else if paid_minor > 0 && paid_minor >= commission_minor {
        Status::Paid
    } else if order.completed_at.is_some() {
        Status::Completed
    } else if order.placed_at.is_some() {
        Status::Pending
    } else {
        Status::Abandoned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    #[test]
    fn the_strongest_word_wins() {
        let none = Folded::default();
        let placed = Folded { placed_at: Some(Millis(1)), net_minor: 100, ..none.clone() };
        let completed = Folded { completed_at: Some(Millis(2)), ..placed.clone() };
        let partly = Folded { refunded_minor: 99, ..completed.clone() };
        let refunded = Folded { refunded_minor: 100, ..completed.clone() };
        let cancelled = Folded { is_cancelled: true, ..refunded.clone() };
        let free = Folded { net_minor: 0, ..completed.clone() };
        for (order, commission, paid, expect) in [
            (&none, 0, 0, Status::Abandoned),
            (&placed, 10, 0, Status::Pending),
            (&completed, 10, 0, Status::Completed),
            (&completed, 10, 9, Status::Completed),
            (&completed, 10, 10, Status::Paid),
            (&completed, 10, 11, Status::Paid),
            (&completed, 0, 0, Status::Completed),
            (&completed, 0, -1, Status::Completed),
            (&partly, 1, 10, Status::Paid),
            (&partly, 1, 0, Status::Completed),
            (&refunded, 0, 10, Status::Refunded),
            (&cancelled, 0, 10, Status::Cancelled),
            (&free, 0, 0, Status::Completed),
        ] {
            assert_eq!(status(order, commission, paid), expect, "{order:?} {commission} {paid}");
        }
    }

    #[test]
    fn names_come_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
        assert_eq!(Status::from_name("pending"), None);
    }
}
