//! What happened to an affiliate, as the rows that say so are: nothing is written down twice to be told.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) at: DateTime<Utc>,
    /// `application_approved`, `document_approved`, `document_rejected`, `request_approved`, `request_rejected`, `rate`,
    /// `credited`, `reversed` or `paid`.
    pub(crate) kind: String,
    /// The document's type, the vendor's name, or the order.
    pub(crate) subject: Option<String>,
    /// A reason, an answer, or whose order it was.
    pub(crate) note: Option<String>,
    /// Minor units, or the millionths of a rate.
    pub(crate) amount: Option<i64>,
    pub(crate) currency: Option<String>,
}

/// Events that are told: a busy week. All that is about money stands in the statement.
const TOLD: i64 = 60;

/// The newest of it.
pub(crate) async fn of_affiliate(conn: &mut PgConnection, affiliate_id: i64) -> sqlx::Result<Vec<Event>> {
    sqlx::query_file_as!(Event, "src/report/news.sql", affiliate_id, TOLD).fetch_all(conn).await
}

/// Until when somebody has read what happened. `None`: nothing was marked as read yet.
pub(crate) async fn read_until(accounts: &PgPool, account_id: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!("select news_read_at from account where account_id = $1", account_id)
        .fetch_one(accounts)
        .await
}

/// Marks what happened until `seen` as read. What was read once stays so, and nothing that is to come is.
pub(crate) async fn mark_read(
    accounts: &PgPool,
    account_id: &str,
    seen: DateTime<Utc>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update account set news_read_at = greatest(news_read_at, $2) where account_id = $1",
        account_id,
        seen.min(now)
    )
    .execute(accounts)
    .await
    .map(drop)
}

/// How many events are news, in words. `None`: none is.
pub(crate) fn unread(count: usize) -> Option<String> {
    Some(match count {
        0 => return None,
        1 => "1 new notification".to_owned(),
        _ if count as i64 >= TOLD => format!("{TOLD} or more new notifications"),
        _ => format!("{count} new notifications"),
    })
}

/// Whether it is news to somebody who has read until `read`. What holds from a later day on is news on that day.
pub(crate) fn is_new(at: DateTime<Utc>, read: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    at <= now && read.is_none_or(|read| at > read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_counted_in_words() {
        let words = [0, 1, 2, 59, 60].map(|count| unread(count).unwrap_or_default());
        let expected = [
            "",
            "1 new notification",
            "2 new notifications",
            "59 new notifications",
            "60 or more new notifications",
        ];
        assert_eq!(words, expected);
    }
}
