//! Geometry of the charts: numbers to positions. The markup is in the templates, colours are in the style sheet.
//!
//! Horizontal positions are percentages and vertical ones pixels, so a chart fills any width without its lettering
//! being stretched.

use std::fmt::Write as _;

use chrono::{DateTime, Timelike as _, Utc};

use super::format;
use crate::report::{Bucket, Granularity, Range};

/// Where the highest grid line is, in pixels from the top: half a line of lettering.
const TOP: f64 = 6.0;
/// Where the base line is.
const BASE: f64 = 196.0;
/// Labels under the base line at most; more would touch each other on a wide screen.
const MAX_LABELS: usize = 8;
/// The part of a bucket's width that its bar takes.
const BAR_SHARE: f64 = 0.74;
/// Up to so many bars stand apart, slim, with their number on top.
const MAX_NUMBERED: usize = 10;
/// What a numbered bar takes of its bucket's width.
const NUMBERED_SHARE: f64 = 0.44;

/// Bars over time, people below and programs on top.
#[derive(Debug, Default)]
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    pub(super) labels: Vec<Label>,
    /// From the highest to the base line.
    pub(super) grid: Vec<GridLine>,
}

#[derive(Debug)]
pub(super) struct Bar {
    /// Left edge and width, percent.
    pub(super) x: String,
    pub(super) width: String,
    /// Left edge and width of the whole bucket, where the pointer finds it.
    pub(super) slot_x: String,
    pub(super) slot_width: String,
    /// Top and height, pixels.
    pub(super) human_y: String,
    pub(super) human_height: String,
    pub(super) filtered_y: String,
    pub(super) filtered_height: String,
    /// The number on top of the bar and its base line; `None` where it would not fit.
    pub(super) number: Option<Number>,
    /// What the bar says in words.
    pub(super) words: String,
    /// Whether its time is not over.
    pub(super) is_running: bool,
}

#[derive(Debug)]
pub(super) struct Number {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Label {
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) text: String,
    /// Left out on a narrow screen.
    pub(super) is_minor: bool,
}

#[derive(Debug)]
pub(super) struct GridLine {
    pub(super) y: f64,
    pub(super) text: String,
}

impl Chart {
    /// `buckets` are all buckets of `range`, in order.
    pub(super) fn new(buckets: &[Bucket], range: &Range, now: DateTime<Utc>) -> Self {
        let highest = buckets.iter().map(|bucket| bucket.human + bucket.filtered).max().unwrap_or_default();
        let is_numbered = buckets.len() <= MAX_NUMBERED;
        let scale = Scale {
            // Numbers on top need some air above the highest bar.
            top: nice_ceiling(if is_numbered { highest + highest / 12 } else { highest }),
            slot: 100.0 / buckets.len().max(1) as f64,
            share: if is_numbered { NUMBERED_SHARE } else { BAR_SHARE },
        };
        let bars =
            buckets.iter().enumerate().map(|(at, bucket)| scale.bar(at, bucket, range.granularity, now));
        let grid = [scale.top, scale.top / 2, 0].into_iter();
        Self {
            bars: bars.collect(),
            labels: labels(buckets, range, scale.slot),
            grid: grid.map(|n| GridLine { y: BASE - scale.height(n), text: format::count(n) }).collect(),
        }
    }
}

struct Scale {
    /// The number at the highest grid line.
    top: u64,
    /// The width of a bucket, percent.
    slot: f64,
    /// The part of it that a bar takes.
    share: f64,
}

impl Scale {
    fn height(&self, n: u64) -> f64 {
        n as f64 / self.top as f64 * (BASE - TOP)
    }

    fn bar(&self, at: usize, bucket: &Bucket, granularity: Granularity, now: DateTime<Utc>) -> Bar {
        let (human, filtered) = (self.height(bucket.human), self.height(bucket.filtered));
        let slot_x = at as f64 * self.slot;
        let end = bucket.start + granularity.step();
        let is_running = bucket.start <= now && now < end;
        let so_far = if is_running { " so far" } else { "" };
        let words = format!(
            "{}{so_far}: {} human, {} filtered",
            format::bucket(bucket.start, granularity),
            format::count(bucket.human),
            format::count(bucket.filtered)
        );
        Bar {
            x: format!("{:.3}%", slot_x + self.slot * (1.0 - self.share) / 2.0),
            width: format!("{:.3}%", self.slot * self.share),
            slot_x: format!("{slot_x:.3}%"),
            slot_width: format!("{:.3}%", self.slot),
            human_y: format!("{:.1}", BASE - human),
            human_height: format!("{human:.1}"),
            filtered_y: format!("{:.1}", BASE - human - filtered),
            filtered_height: format!("{filtered:.1}"),
            number: (self.share == NUMBERED_SHARE && bucket.human > 0).then(|| Number {
                x: format!("{:.3}%", slot_x + self.slot / 2.0),
                y: format!("{:.1}", BASE - human - filtered - 6.0),
                text: format::count(bucket.human),
            }),
            words,
            is_running,
        }
    }
}

/// The smallest number at or above `n` that reads well and whose half does too.
fn nice_ceiling(n: u64) -> u64 {
    const STEPS: [u64; 10] = [10, 12, 16, 20, 24, 30, 40, 50, 60, 80];
    if n <= 8 {
        return n.max(1).next_multiple_of(2);
    }
    let mut magnitude = 1_u64;
    loop {
        if let Some(step) = STEPS.iter().map(|step| step * magnitude).find(|step| *step >= n) {
            return step;
        }
        magnitude = magnitude.saturating_mul(10);
    }
}

/// A label at the middle of every so many buckets.
fn labels(buckets: &[Bucket], range: &Range, slot: f64) -> Vec<Label> {
    let is_one_day = range.to - range.from <= chrono::TimeDelta::days(1);
    let is_labelled = |bucket: &&(usize, &Bucket)| is_one_day || bucket.1.start.hour() == 0;
    let candidates: Vec<(usize, &Bucket)> = buckets.iter().enumerate().collect();
    let candidates: Vec<&(usize, &Bucket)> = candidates.iter().filter(is_labelled).collect();
    let step = candidates.len().div_ceil(MAX_LABELS).max(1);
    let chosen = candidates.iter().step_by(step).enumerate();
    let label = |(nth, (at, bucket)): (usize, &&(usize, &Bucket))| {
        let pattern = if is_one_day { "%H:%M" } else { "%-d %b" };
        let is_first_by_hour = *at == 0 && range.granularity == Granularity::Hour;
        Label {
            x: if is_first_by_hour { "0%".to_owned() } else { format!("{:.3}%", (*at as f64 + 0.5) * slot) },
            anchor: if is_first_by_hour { "start" } else { "middle" },
            text: bucket.start.format(pattern).to_string(),
            is_minor: nth % 2 == 1,
        }
    };
    chosen.map(label).collect()
}

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
    use super::*;

    #[test]
    fn ceilings_read_well() {
        for (n, ceiling) in
            [(0, 2), (1, 2), (3, 4), (8, 8), (9, 10), (11, 12), (81, 100), (1_234, 1_600), (50_001, 60_000)]
        {
            assert_eq!(nice_ceiling(n), ceiling, "{n}");
        }
        assert!(nice_ceiling(u64::MAX / 2) >= u64::MAX / 2);
    }

    #[test]
    fn bars_stack_and_name_the_running_bucket() {
        let now: DateTime<Utc> = "2026-11-20T14:10:00Z".parse().expect("a timestamp");
        let range = Range::last_days(2, Granularity::Day, now);
        let bucket = |start| Bucket { start, human: 6, filtered: 2, unique: None };
        let buckets: Vec<Bucket> = range.bucket_starts().map(bucket).collect();
        let chart = Chart::new(&buckets, &range, now);
        let last = &chart.bars[1];
        assert_eq!((last.filtered_y.as_str(), last.human_y.as_str()), ("6.0", "53.5"));
        assert_eq!(last.number.as_ref().map(|number| number.text.as_str()), Some("6"));
        assert_eq!(last.words, "Fri 20 Nov 2026 so far: 6 human, 2 filtered");
        assert!(last.is_running && !chart.bars[0].is_running);
        assert_eq!(chart.labels.len(), 2);
    }

    #[test]
    fn a_sparkline_skips_what_is_empty() {
        let now: DateTime<Utc> = "2026-11-20T14:10:00Z".parse().expect("a timestamp");
        let range = Range::last_days(4, Granularity::Day, now);
        let one = Bucket { start: range.from, human: 3, filtered: 0, unique: None };
        assert_eq!(sparkline(&[one], &range).as_deref(), Some("M3.25 24V0.00H21.75V24Z"));
        assert_eq!(sparkline(&[], &range), None);
    }
}
