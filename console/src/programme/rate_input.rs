//! A commission rate as it is written down, and when it may begin.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use common::rate::Rate;

use crate::auth::Tenant;
use crate::problem::{Failure, unusable};

/// How long before a lower rate begins its affiliates must be told, unless an operator sets it: long enough to take down
/// what they pay for themselves.
pub(crate) const NOTICE: TimeDelta = TimeDelta::days(7);
/// How far ahead a rate may be agreed.
const AHEAD: TimeDelta = TimeDelta::days(366);
/// How long a request may be under way: `since` is not in the past if it was not when it was written.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(1);

/// `rate_ppm` or `rate`, as people send either.
#[derive(Debug, Clone, Default)]
pub(super) struct RateInput {
    /// Millionths: 125000.
    pub(super) rate_ppm: Option<u32>,
    /// In per cent: `"12.5%"`.
    pub(super) rate: Option<String>,
}

impl RateInput {
    /// The rate, if one was given.
    pub(super) fn read(&self) -> Result<Option<Rate>, Failure> {
        match (self.rate_ppm, &self.rate) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(unusable("rate", "repeated_field", "give `rate` or `rate_ppm`, not both"))
            }
            (Some(ppm), None) => Rate::new(ppm).map(Some).ok_or_else(|| {
                let detail = format!("`rate_ppm` must be a whole number from 0 to {}", Rate::WHOLE_PPM);
                unusable("rate_ppm", "invalid_rate", detail)
            }),
            (None, Some(text)) => per_cent(text).map(Some).ok_or_else(|| {
                let detail =
                    "`rate` must be a percentage from 0% to 100% with at most four places, such as \"12.5%\"";
                unusable("rate", "invalid_rate", detail)
            }),
        }
    }

    /// The rate, which is needed.
    pub(super) fn need(&self) -> Result<Rate, Failure> {
        let missing = || {
            unusable(
                "rate",
                "missing_field",
                "say the commission as `rate` (\"12.5%\") or `rate_ppm` (125000)",
            )
        };
        self.read()?.ok_or_else(missing)
    }
}

/// A stored rate as people say it, and as it may be sent back: `12.5%`.
pub(crate) fn in_per_cent(ppm: Option<i32>) -> Option<String> {
    let rate = Rate::new(u32::try_from(ppm?).ok()?)?;
    Some(rate.to_string().replace(' ', ""))
}

/// `12.5%` or `12.5 %`, exactly or not at all.
fn per_cent(text: &str) -> Option<Rate> {
    /// Places behind the point of a percentage in millionths.
    const PLACES: usize = 4;
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.len() > 3 || fraction.len() > PLACES {
        return None;
    }
    format!("{whole}{fraction:0<PLACES$}").parse().ok().and_then(Rate::new)
}

/// When a rate begins: with notice if it takes something away.
pub(super) fn begins(
    tenant: Tenant,
    wanted: Option<DateTime<Utc>>,
    (before, after): (Option<Rate>, Option<Rate>),
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Failure> {
    let since = start(wanted, now)?;
    if before.is_some_and(|before| after.is_none_or(|after| after < before)) {
        noticed(tenant, since, now, "a lower rate needs")?;
    }
    Ok(since)
}

/// When what is agreed begins: now unless said otherwise, and never in the past.
pub(super) fn start(wanted: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let since = wanted.unwrap_or(now);
    if since < now - UNDER_WAY {
        let detail = "`since` must not be in the past: orders keep what was agreed when they were placed";
        return Err(unusable("since", "in_the_past", detail));
    }
    if since > now + AHEAD {
        return Err(unusable("since", "too_far_ahead", "`since` must be within a year"));
    }
    // Postgres keeps microseconds, and what is shown is what was stored.
    Ok(since.max(now).trunc_subsecs(6))
}

/// Refuses what takes something from affiliates and begins before they were told long enough, unless an operator sets it.
pub(super) fn noticed(
    tenant: Tenant,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    what_needs: &str,
) -> Result<(), Failure> {
    if tenant == Tenant::Programme || since >= now + NOTICE - UNDER_WAY {
        return Ok(());
    }
    let days = NOTICE.num_days();
    let detail = format!("{what_needs} {days} days' notice: set `since` at least {days} days ahead");
    Err(unusable("since", "notice_needed", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_exactly_or_not_at_all() {
        for (text, ppm) in [
            ("12.5%", 125_000),
            ("12.5 %", 125_000),
            ("0%", 0),
            ("100%", 1_000_000),
            ("0.0001%", 1),
            ("007%", 70_000),
        ] {
            assert_eq!(per_cent(text).map(Rate::ppm), Some(ppm), "{text}");
        }
        for bad in [
            "12.5",
            "%",
            "12,5%",
            "-1%",
            "+1%",
            "100.0001%",
            "101%",
            "0.00001%",
            ".5%",
            "5.%",
            "1e1%",
            " 5%",
            "5%%",
            "１%",
        ] {
            assert_eq!(per_cent(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_way_of_saying_it_is_enough() {
        let input = |rate_ppm, rate: Option<&str>| RateInput { rate_ppm, rate: rate.map(str::to_owned) };
        assert_eq!(input(Some(5), None).need().map(Rate::ppm).ok(), Some(5));
        assert!(input(None, None).read().is_ok_and(|rate| rate.is_none()));
        for bad in [
            input(None, None),
            input(Some(1), Some("1%")),
            input(Some(1_000_001), None),
            input(None, Some("x")),
        ] {
            assert!(bad.need().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_cut_needs_notice_and_nothing_begins_in_the_past() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).expect("an instant");
        let rate = |ppm| Rate::new(ppm);
        let at = |tenant, ahead: i64, before, after| {
            let code = |failure: Failure| failure.kind().1;
            begins(tenant, Some(now + TimeDelta::seconds(ahead)), (before, after), now)
                .map(|_| ())
                .map_err(code)
        };
        let (week, vendor) = (7 * 86_400, Tenant::Vendor(1));
        for (tenant, ahead, before, after, verdict) in [
            (vendor, 0, rate(5), rate(6), Ok(())),
            (vendor, 0, None, rate(1), Ok(())),
            (vendor, 0, rate(5), rate(5), Ok(())),
            (vendor, 0, rate(5), rate(4), Err("notice_needed")),
            (vendor, week - 120, rate(5), rate(4), Err("notice_needed")),
            (vendor, week, rate(5), rate(4), Ok(())),
            (vendor, 0, rate(5), None, Err("notice_needed")),
            (Tenant::Programme, 0, rate(5), rate(4), Ok(())),
            (Tenant::Programme, -120, rate(5), rate(6), Err("in_the_past")),
            (Tenant::Programme, -30, rate(5), rate(6), Ok(())),
            (vendor, 367 * 86_400, rate(5), rate(6), Err("too_far_ahead")),
        ] {
            assert_eq!(at(tenant, ahead, before, after), verdict, "{tenant:?} {ahead} {before:?} {after:?}");
        }
        assert_eq!(begins(vendor, Some(now - TimeDelta::seconds(30)), (None, rate(1)), now).ok(), Some(now));
    }
}
