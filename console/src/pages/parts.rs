//! Parts that several pages have: the figures at the head, the choice of period, a link's state, the series as a table.

use chrono::{DateTime, TimeDelta, Utc};
use common::link::Standing;

use super::format;
use super::markup::{Badge, Count};
use super::period::{Period, View};
use crate::report::links::LinkReport;
use crate::report::summary::Summary;
use crate::report::visits::{MAX_PROGRAMME_SKETCHES, Union};
use crate::report::{Bucket, Granularity, Range};

/// The three numbers that are always shown side by side.
pub(super) struct Figures {
    pub(super) human: String,
    pub(super) human_note: String,
    pub(super) unique: String,
    pub(super) unique_note: String,
    pub(super) filtered: String,
    pub(super) filtered_note: String,
}

impl Figures {
    /// Of the whole programme.
    pub(super) fn of_programme(summary: &Summary, range: &Range) -> Self {
        Self::new(summary.human, summary.filtered, summary.unique, range)
    }

    /// Of one link.
    pub(super) fn of_link(report: &LinkReport, range: &Range) -> Self {
        Self::new(report.human, report.filtered, report.unique, range)
    }

    fn new(human: u64, filtered: u64, unique: Union, range: &Range) -> Self {
        Self {
            human: format::count(human),
            human_note: match unique {
                Union::People(people) if people > 0 => {
                    format!("{:.2} per visitor", human as f64 / people as f64)
                }
                _ => "people who followed a link".to_owned(),
            },
            unique: format::count_or_dash(unique.people()),
            unique_note: unique_note(unique, range),
            filtered: format::count(filtered),
            filtered_note: format!(
                "bots and previews, {} of all",
                format::percent(filtered, human + filtered)
            ),
        }
    }
}

fn unique_note(unique: Union, range: &Range) -> String {
    let (first, last) = (range.from, range.to - TimeDelta::days(1));
    match unique {
        Union::CutsADay => "known for whole days only".to_owned(),
        Union::Unreadable => "a stored sketch is damaged; the log has the cause".to_owned(),
        Union::TooMany => {
            let most = format::count(MAX_PROGRAMME_SKETCHES.unsigned_abs());
            format!("more than {most} link-days to unite; choose a shorter span")
        }
        Union::People(_)
            if last > first && first.format("%Y%m").to_string() != last.format("%Y%m").to_string() =>
        {
            "each person once a month, ± 0.81 %".to_owned()
        }
        Union::People(_) => "each person once, ± 0.81 %".to_owned(),
    }
}

/// The choice of period and of bucket size.
pub(super) struct Controls {
    /// What is shown, in words.
    pub(super) span: String,
    /// The size of buckets, for the chart.
    pub(super) by: &'static str,
    pub(super) presets: Vec<Choice>,
    pub(super) buckets: Vec<Choice>,
    /// The address of this very view, for what is kept fresh.
    pub(super) here: String,
    /// The fields of the form for other days.
    pub(super) action: String,
    pub(super) from: String,
    pub(super) through: String,
    pub(super) is_custom: bool,
    pub(super) hidden: Vec<(&'static str, String)>,
}

/// One of several ways to look; `is_current` is the one in use.
pub(super) struct Choice {
    pub(super) label: &'static str,
    pub(super) address: String,
    pub(super) is_current: bool,
}

impl Controls {
    /// The choices of a page at `path`.
    pub(super) fn new(view: &View, range: &Range, path: &str) -> Self {
        let presets = Period::PRESETS.iter().map(|(period, _, label)| Choice {
            label,
            // A preset opens with the buckets that suit it.
            address: view.with_period(*period).address(path),
            is_current: view.period == *period,
        });
        let fits = |by: &Granularity| by.suits(range) || *by == view.by;
        let buckets = Granularity::ALL.into_iter().filter(fits).map(|by| Choice {
            label: bucket_label(by),
            address: view.with_buckets(by).address(path),
            is_current: view.by == by,
        });
        Self {
            span: format::span(range),
            by: view.by.name(),
            presets: presets.collect(),
            buckets: buckets.collect(),
            here: view.address(path),
            action: path.to_owned(),
            from: range.from.date_naive().to_string(),
            through: (range.to - TimeDelta::seconds(1)).date_naive().to_string(),
            is_custom: matches!(view.period, Period::Days(..)),
            hidden: view.hidden_pairs(&["range", "from", "through", "by"]),
        }
    }
}

fn bucket_label(by: Granularity) -> &'static str {
    match by {
        Granularity::Hour => "By hour",
        Granularity::Day => "By day",
        Granularity::Week => "By week",
        Granularity::Month => "By month",
    }
}

/// Whether a link's clicks count: active is green, expired amber, paused grey.
pub(super) fn standing(standing: Standing) -> Badge {
    Badge::of(match standing {
        Standing::Active => "active",
        Standing::Paused => "paused",
        Standing::Expired => "expired",
    })
}

/// One row of the table that says what the chart shows.
pub(super) struct SeriesRow {
    pub(super) start: String,
    pub(super) machine: String,
    pub(super) human: Count,
    /// Only where days are known.
    pub(super) unique: Option<Count>,
    pub(super) filtered: Count,
}

/// The buckets as rows, newest first.
pub(super) fn series(buckets: &[Bucket], granularity: Granularity) -> Vec<SeriesRow> {
    let row = |bucket: &Bucket| SeriesRow {
        start: format::bucket(bucket.start, granularity),
        machine: machine_time(bucket.start),
        human: Count(bucket.human),
        unique: bucket.unique.map(Count),
        filtered: Count(bucket.filtered),
    };
    buckets.iter().rev().map(row).collect()
}

/// For the `datetime` of a `<time>`.
pub(super) fn machine_time(instant: DateTime<Utc>) -> String {
    instant.format("%FT%TZ").to_string()
}
