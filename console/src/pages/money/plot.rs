//! A series over time as a table, from which the chart is drawn: one column for each line, the period before among them.

use super::figure::Value;
use crate::pages::format;
use crate::pages::markup::{Amount, Count};
use crate::pages::parts::machine_time;
use crate::report::earnings::{EarnedIn, Money};
use crate::report::{Bucket, Range};

/// What the chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Clicks,
    Orders,
    Revenue,
    Commission,
}

impl Shown {
    /// Each with its name in addresses (the first needs none) and on the page.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Clicks, "", "Clicks"),
        (Self::Orders, "orders", "Orders"),
        (Self::Revenue, "revenue", "Revenue"),
        (Self::Commission, "commission", "Commission"),
    ];

    /// What the address says; clicks where it says nothing sensible.
    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map_or(Self::Clicks, |(shown, ..)| *shown)
    }

    /// As the page calls it.
    pub(crate) fn label(self) -> &'static str {
        Self::ALL.iter().find(|(shown, ..)| *shown == self).map_or("Clicks", |(_, _, label)| label)
    }

    fn of(self, money: &Money) -> i64 {
        match self {
            Self::Clicks | Self::Orders => i64::try_from(money.orders).unwrap_or(i64::MAX),
            Self::Revenue => money.revenue_minor,
            Self::Commission => money.commission_minor,
        }
    }
}

/// The table and its lines.
pub(crate) struct Plot {
    pub(crate) columns: Vec<Column>,
    /// Newest first.
    pub(crate) rows: Vec<PlotRow>,
    pub(crate) label: &'static str,
}

/// One line.
pub(crate) struct Column {
    pub(crate) label: String,
    /// `human`, `filtered`, `money` or `before`: how it is drawn.
    pub(crate) kind: &'static str,
    pub(crate) currency: String,
}

pub(crate) struct PlotRow {
    pub(crate) start: String,
    pub(crate) machine: String,
    pub(crate) cells: Vec<Value>,
}

impl Plot {
    /// Clicks, with those of the period before. The two have as many buckets.
    pub(crate) fn of_clicks(range: &Range, now: &[Bucket], before: &[Bucket]) -> Self {
        let column = |label: &str, kind| Column { label: label.to_owned(), kind, currency: String::new() };
        let count = |clicks: u64| Value::Count(Count(clicks));
        let rows = now.iter().zip(before).map(|(bucket, before)| PlotRow {
            start: format::bucket(bucket.start, range.granularity),
            machine: machine_time(bucket.start),
            cells: vec![count(bucket.human), count(before.human), count(bucket.filtered)],
        });
        Self {
            columns: vec![
                column("Human", "human"),
                column("Human before", "before"),
                column("Filtered", "filtered"),
            ],
            rows: rows.rev().collect(),
            label: "Clicks",
        }
    }

    /// Orders of all currencies, or money in one, with those of the period before.
    pub(crate) fn of_earnings(
        shown: Shown,
        currency: &str,
        (range, now): (&Range, &[EarnedIn]),
        (range_before, before): (&Range, &[EarnedIn]),
    ) -> Self {
        let is_money = shown != Shown::Orders;
        let fits = |earned: &&EarnedIn| !is_money || earned.money.currency == currency;
        let sum = |earned: &[EarnedIn], start| -> i64 {
            earned
                .iter()
                .filter(fits)
                .filter(|earned| earned.start == start)
                .map(|earned| shown.of(&earned.money))
                .sum()
        };
        let value = |n: i64| {
            if is_money {
                Value::Amount(Amount::new(n, currency))
            } else {
                Value::Count(Count(n.unsigned_abs()))
            }
        };
        let rows =
            range.bucket_starts().zip(range_before.bucket_starts()).map(|(start, start_before)| PlotRow {
                start: format::bucket(start, range.granularity),
                machine: machine_time(start),
                cells: vec![value(sum(now, start)), value(sum(before, start_before))],
            });
        let currency = if is_money { currency } else { "" };
        let column = |label: String, kind| Column { label, kind, currency: currency.to_owned() };
        let label = shown.label();
        Self {
            columns: vec![
                column(label.to_owned(), if is_money { "money" } else { "human" }),
                column(format!("{label} before"), "before"),
            ],
            rows: rows.collect::<Vec<_>>().into_iter().rev().collect(),
            label,
        }
    }
}
