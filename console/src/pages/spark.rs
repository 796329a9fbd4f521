//! Small charts inside a line of a table: numbers to a path. Colours are in the style sheet; big charts are drawn in the
//! browser from the table below them.

use std::fmt::Write as _;

use crate::report::{Bucket, Range};

/// The part of a bucket's width that its bar takes.
const BAR_SHARE: f64 = 0.74;

/// A small chart of human clicks as one filled path in a box of 100 by 24. `None` when there is nothing to draw.
pub(super) fn sparkline(buckets: &[Bucket], range: &Range) -> Option<String> {
    let highest = buckets.iter().map(|bucket| bucket.human).max().filter(|highest| *highest > 0)?;
    let starts: Vec<_> = range.bucket_starts().collect();
    let slot = 100.0 / starts.len() as f64;
    // Beyond some 40 bars the gaps would be finer than a pixel.
    let gap = if starts.len() > 40 { 0.0 } else { slot * (1.0 - BAR_SHARE) };
    let mut path = String::new();
    let mut counted = buckets.iter().peekable();
    for (at, start) in starts.iter().enumerate() {
        let Some(bucket) = counted.next_if(|bucket| bucket.start == *start) else { continue };
        let height =
            (bucket.human as f64 / highest as f64 * 24.0).max(if bucket.human > 0 { 1.0 } else { 0.0 });
        let (left, right) = (at as f64 * slot + gap / 2.0, (at + 1) as f64 * slot - gap / 2.0);
        let _infallible = write!(path, "M{left:.2} 24V{:.2}H{right:.2}V24Z", 24.0 - height);
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::report::Granularity;

    #[test]
    fn a_sparkline_skips_what_is_empty() {
        let now: DateTime<Utc> = "2026-11-20T14:10:00Z".parse().expect("a timestamp");
        let range = Range::last_days(4, Granularity::Day, now);
        let one = Bucket { start: range.from, human: 3, filtered: 0, unique: None };
        assert_eq!(sparkline(&[one], &range).as_deref(), Some("M3.25 24V0.00H21.75V24Z"));
        assert_eq!(sparkline(&[], &range), None);
    }
}
