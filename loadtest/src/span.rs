//! Lengths of time as people type them: `2`, `2s`, `700ms`.

use std::time::Duration;

use runtime::Problems;

/// A length of time above zero and up to `longest`. Without a unit it is in seconds.
pub fn parse(problems: &mut Problems, flag: &'static str, text: &str, longest: Duration) -> Option<Duration> {
    problems.check(flag, read(text, longest))
}

fn read(text: &str, longest: Duration) -> Result<Duration, String> {
    let text = text.trim();
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * scale);
    let fits = |seconds: &f64| *seconds > 0.0 && *seconds <= longest.as_secs_f64();
    seconds.filter(fits).map(Duration::from_secs_f64).ok_or_else(|| {
        format!("cannot use {text:?}: write seconds or milliseconds, like 2s or 700ms, up to {longest:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_limits() {
        let hour = Duration::from_hours(1);
        for (text, milliseconds) in
            [("2", 2_000), ("2s", 2_000), ("700ms", 700), ("0.5", 500), ("3600", 3_600_000)]
        {
            assert_eq!(read(text, hour), Ok(Duration::from_millis(milliseconds)));
        }
        for bad in ["", "s", "0", "-1", "NaN", "inf", "3601", "2m", "1h"] {
            assert!(read(bad, hour).is_err(), "{bad}");
        }
    }
}
