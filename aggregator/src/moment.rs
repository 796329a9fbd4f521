//! Instants as Postgres keeps them and as the rules read them.

use chrono::{DateTime, Utc};
use common::time::Millis;

/// The instant for Postgres. One that no calendar reaches is its last.
pub(crate) fn moment(at: Millis) -> DateTime<Utc> {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The millisecond an instant lies in. Before 1970 is 1970.
pub(crate) fn millis(at: DateTime<Utc>) -> Millis {
    Millis(at.timestamp_millis().max(0).cast_unsigned())
}
