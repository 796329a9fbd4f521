//! What an order earns: a share of what remains of each line, rounded once for each.
//!
//! Never a share of what was taken back: several small refunds and one large one must leave the same, and a full
//! refund nothing.

use crate::order::{Folded, Line};
use crate::rate::Rate;

/// Where a line's rate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateSource {
    /// What vendor and affiliate agreed on.
    Partnership,
    /// The product's own rate, which goes before.
    Product,
}

impl RateSource {
    /// The name in Postgres.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partnership => "partnership",
            Self::Product => "product",
        }
    }

    /// The source with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Partnership, Self::Product].into_iter().find(|source| source.name() == name)
    }
}

/// The commission on what remains of a line. Nothing without a rate.
pub fn commission(remaining_minor: i64, rate: Option<Rate>) -> i64 {
    rate.map_or(0, |rate| rate.of(remaining_minor.max(0)))
}

/// The commission of each line of an order, given each line's rate. The order's is their sum.
///
/// Nothing while it is not ordered, and nothing any more when it is called off.
pub fn of_lines(order: &Folded, rate: impl Fn(&Line) -> Option<Rate>) -> Vec<i64> {
    let earns = order.ordered_at().is_some() && !order.is_cancelled;
    let of_line = |line: &Line| commission(line.remaining(), rate(line).filter(|_| earns));
    order.lines.iter().map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    fn line(item_id: &str, net_minor: i64, refunded_minor: i64) -> Line {
        Line {
            item_id: item_id.to_owned(),
            product_id: None,
            name: None,
            quantity: 1,
            net_minor,
            refunded_quantity: 0,
            refunded_minor,
        }
    }

    #[test]
    fn a_share_of_what_remains() {
        let rate = Rate::new(50_000);
        for (remaining, rate, expect) in
            [(6_568, rate, 328), (0, rate, 0), (-500, rate, 0), (6_568, None, 0), (10, rate, 1), (9, rate, 0)]
        {
            assert_eq!(commission(remaining, rate), expect, "{remaining} {rate:?}");
        }
    }

    #[test]
    fn each_line_is_rounded_once_and_only_an_order_earns() {
        let lines = vec![line("1", 10, 0), line("2", 10, 0), line("3", 15, 5), line("4", 10, 10)];
        let placed = Folded { placed_at: Some(Millis(1)), lines, ..Folded::default() };
        let five = |_: &Line| Rate::new(50_000);
        assert_eq!(of_lines(&placed, five), [1, 1, 1, 0], "not 2, which is 5 % of 30");
        let own = |line: &Line| Rate::new(if line.item_id == "2" { 500_000 } else { 50_000 });
        assert_eq!(of_lines(&placed, own), [1, 5, 1, 0]);
        assert_eq!(of_lines(&Folded { is_cancelled: true, ..placed.clone() }, five), [0; 4]);
        assert_eq!(of_lines(&Folded { placed_at: None, ..placed.clone() }, five), [0; 4]);
        let done = Folded { placed_at: None, completed_at: Some(Millis(1)), ..placed };
        assert_eq!(of_lines(&done, five), [1, 1, 1, 0]);
    }

    #[test]
    fn names_come_back() {
        for source in [RateSource::Partnership, RateSource::Product] {
            assert_eq!(RateSource::from_name(source.name()), Some(source));
        }
    }
}
