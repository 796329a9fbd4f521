//! Numbers and times as people read them.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::markup::Amount;
use crate::report::earnings::Earnings;
use crate::report::{Granularity, Range};

/// Names in a row; more are counted.
const NAMED: usize = 2;

/// `Teapot, Tent and 3 more`.
pub(super) fn named(names: &[String]) -> String {
    let (shown, more) = names.split_at(names.len().min(NAMED));
    match more.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `1234567` → `1,234,567`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that may not be known: a dash, never 0.
pub(super) fn count_or_dash(n: Option<u64>) -> String {
    n.map_or_else(|| "–".to_owned(), count)
}

/// `part` of `whole` in percent: `12.5 %`; `< 0.1 %` for the smallest; a dash of nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    if part > 0 && share < 0.1 { "< 0.1 %".to_owned() } else { format!("{share:.1} %") }
}

/// The length of a bar: `part` of the `largest` in percent.
pub(super) fn width(part: u64, largest: u64) -> String {
    format!("{:.1}%", (part as f64 * 100.0 / largest.max(1) as f64).min(100.0))
}

/// Orders for each human click: `2.35 %`; a dash without clicks, and where orders are not known.
pub(super) fn conversion(earnings: Option<&Earnings>, human: u64) -> String {
    earnings.and_then(|earnings| earnings.conversion_ppm(human)).map_or_else(|| "–".to_owned(), ppm)
}

/// Millionths in percent, to two places: `2.35 %`.
pub(super) fn ppm(ppm: u64) -> String {
    let hundredths = (ppm + 50) / 100;
    if ppm > 0 && hundredths == 0 {
        return "< 0.01 %".to_owned();
    }
    format!("{}.{:02} %", count(hundredths / 100), hundredths % 100)
}

/// `1234.50 EUR` → `1,234.50 EUR`: the digits it begins with, in groups.
pub(super) fn grouped(amount: &str) -> String {
    let end = amount.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(amount.len());
    amount[..end].parse().map_or_else(|_| amount.to_owned(), |whole| count(whole) + &amount[end..])
}

/// Commission in each currency that has any.
pub(super) fn commission(earnings: Option<&Earnings>) -> Vec<Amount> {
    let money = earnings.map(|earnings| earnings.money.as_slice()).unwrap_or_default();
    let earned = money.iter().filter(|money| money.commission_minor != 0);
    earned.map(|money| Amount::new(money.commission_minor, &money.currency)).collect()
}

/// A bucket's time in full: `Tue 17 Nov 2026` or `Tue 17 Nov 2026, 14:00`.
pub(super) fn bucket(start: DateTime<Utc>, granularity: Granularity) -> String {
    let pattern = match granularity {
        Granularity::Day => "%a %-d %b %Y",
        Granularity::Hour => "%a %-d %b %Y, %H:%M",
        Granularity::Week => "Week of %-d %b %Y",
        Granularity::Month => "%B %Y",
    };
    start.format(pattern).to_string()
}

/// A span as people say it, its last day included: `14 – 20 Nov 2026`.
pub(super) fn span(range: &Range) -> String {
    let (first, last) = (range.from, range.to - TimeDelta::days(1));
    if first >= last {
        return first.format("%-d %B %Y").to_string();
    }
    let start = if first.year() != last.year() {
        first.format("%-d %b %Y")
    } else if first.month() != last.month() {
        first.format("%-d %b")
    } else {
        first.format("%-d")
    };
    format!("{start} – {}", last.format("%-d %b %Y"))
}

/// How long ago: `just now`, `12 s ago`, `5 min ago`, `3 h ago`, `4 days ago`.
pub(super) fn ago(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - then).num_seconds();
    match seconds {
        ..=1 => "just now".to_owned(),
        2..=99 => format!("{seconds} s ago"),
        100..=5_999 => format!("{} min ago", seconds / 60),
        6_000..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A word of our vocabularies as people write it: `instagram_app` → `Instagram app`.
pub(super) fn word(name: &str) -> String {
    /// Names that are not simply a capital and small letters.
    const SPELLED: [(&str, &str); 9] = [
        ("ios", "iOS"),
        ("ipados", "iPadOS"),
        ("macos", "macOS"),
        ("chromeos", "ChromeOS"),
        ("tv", "TV"),
        ("duckduckgo", "DuckDuckGo"),
        ("uc", "UC Browser"),
        ("linkedin_app", "LinkedIn app"),
        ("tiktok_app", "TikTok app"),
    ];
    if let Some((_, spelled)) = SPELLED.iter().find(|(known, _)| *known == name) {
        return (*spelled).to_owned();
    }
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|letter| if letter == '_' { ' ' } else { letter })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::earnings::Money;

    #[test]
    fn conversions_are_rounded_and_unknown_ones_are_dashes() {
        let earned = |orders| {
            let money =
                Money { currency: "EUR".to_owned(), orders, revenue_minor: 0, commission_minor: 1_250 };
            Earnings { money: vec![money] }
        };
        for (orders, human, text) in [
            (1, 8, "12.50 %"),
            (1, 3, "33.33 %"),
            (0, 5, "0.00 %"),
            (1, 1_000_000, "< 0.01 %"),
            (20, 1, "2,000.00 %"),
            (4, 0, "–"),
        ] {
            assert_eq!(conversion(Some(&earned(orders)), human), text);
        }
        assert_eq!((conversion(None, 9), commission(None)), ("–".to_owned(), Vec::new()));
        assert_eq!(commission(Some(&earned(1))), [Amount::new(1_250, "EUR")]);
        for (amount, text) in [
            ("1234567.05 EUR", "1,234,567.05 EUR"),
            ("100 JPY", "100 JPY"),
            ("0.30 EUR", "0.30 EUR"),
            ("-1.00 EUR", "-1.00 EUR"),
        ] {
            assert_eq!(grouped(amount), text);
        }
    }

    #[test]
    fn products_are_named_and_counted() {
        let names = |count: usize| -> Vec<String> { (1..=count).map(|n| format!("Item {n}")).collect() };
        for (count, words) in
            [(0, ""), (1, "Item 1"), (2, "Item 1, Item 2"), (5, "Item 1, Item 2 and 3 more")]
        {
            assert_eq!(named(&names(count)), words);
        }
    }

    #[test]
    fn numbers_are_grouped_and_unknown_ones_are_dashes() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(count_or_dash(None), "–");
        assert_eq!(
            (percent(0, 0), percent(1, 8), percent(1, 9_999)),
            ("–".into(), "12.5 %".into(), "< 0.1 %".into())
        );
    }

    #[test]
    fn words_are_spelled() {
        for (name, spelled) in
            [("ios", "iOS"), ("instagram_app", "Instagram app"), ("SE", "SE"), ("unknown", "Unknown")]
        {
            assert_eq!(word(name), spelled);
        }
    }

    #[test]
    fn spans_read_naturally() {
        let span_of = |from: &str, to: &str| {
            let at = |text: &str| format!("{text}T00:00:00Z").parse().expect("a timestamp");
            span(&Range { from: at(from), to: at(to), granularity: Granularity::Day })
        };
        assert_eq!(span_of("2026-11-20", "2026-11-21"), "20 November 2026");
        assert_eq!(span_of("2026-11-14", "2026-11-21"), "14 – 20 Nov 2026");
        assert_eq!(span_of("2026-10-22", "2026-11-21"), "22 Oct – 20 Nov 2026");
        assert_eq!(span_of("2025-12-30", "2026-01-03"), "30 Dec 2025 – 2 Jan 2026");
    }

    #[test]
    fn times_past_are_rounded_to_one_unit() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        for (seconds, text) in [
            (-5, "just now"),
            (12, "12 s ago"),
            (300, "5 min ago"),
            (10_800, "3 h ago"),
            (345_600, "4 days ago"),
        ] {
            assert_eq!(ago(now - TimeDelta::seconds(seconds), now), text);
        }
    }
}
