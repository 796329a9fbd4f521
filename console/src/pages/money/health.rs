//! Whether everything works, from what Postgres knows: what the aggregator wrote down last, and what still waits for it.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::pages::format;
use crate::pages::markup::Badge;
use crate::report::books::Books;

/// A flush runs every few seconds while there are clicks.
const FLUSH_QUIET: TimeDelta = TimeDelta::minutes(5);

/// An order is looked at within a second of its report; this long after it the aggregator is away or far behind.
const SETTLE_LATE: TimeDelta = TimeDelta::minutes(1);

/// One thing that must hold.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) badge: Badge,
    pub(crate) words: String,
}

const GOOD: Badge = Badge { word: "Good", class: "good" };
const LOOK: Badge = Badge { word: "Look", class: "wait" };
const WRONG: Badge = Badge { word: "Wrong", class: "bad" };

/// What waits for the aggregator, and for people.
pub(crate) struct Backlog {
    pub(crate) orders: i64,
    pub(crate) oldest: Option<DateTime<Utc>>,
    pub(crate) parked: i64,
    pub(crate) unbalanced: i64,
}

/// Reads what waits. The ledger is checked over its newest bookings: each transaction is checked when it is written, so
/// this finds damage, not mistakes.
pub(crate) async fn backlog(conn: &mut PgConnection) -> sqlx::Result<Backlog> {
    sqlx::query_as!(
        Backlog,
        r#"select
             (select count(*) from order_due) as "orders!",
             (select min(queued_at) from order_due) as oldest,
             (select count(*) from order_event where parked is not null) as "parked!",
             (select count(*) from (select from ledger_entry
                                    where ledger_tx_id > (select coalesce(max(ledger_tx_id), 0) - 1000 from ledger_tx)
                                    group by ledger_tx_id, currency having sum(amount_minor) <> 0) t) as "unbalanced!""#
    )
    .fetch_one(conn)
    .await
}

/// Every check in one list.
pub(crate) fn checks(books: &Books, backlog: &Backlog, now: DateTime<Utc>) -> Vec<Check> {
    vec![
        conservation(books),
        flush(books.last_flush(), now),
        settling(backlog, now),
        ledger(backlog),
        parked(backlog),
    ]
}

fn conservation(books: &Books) -> Check {
    let (name, difference) = ("Clicks handed over are clicks counted", books.difference());
    match difference {
        0 => Check {
            name,
            badge: GOOD,
            words: format!("{} both ways, difference 0", format::count(books.clicks())),
        },
        off => {
            Check { name, badge: WRONG, words: format!("difference {}; see the runbook", format::count(off)) }
        }
    }
}

fn flush(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Check {
    let name = "Counts arrive";
    match last {
        None => Check { name, badge: GOOD, words: "no click was counted yet".to_owned() },
        Some(then) if now - then > FLUSH_QUIET => {
            let words = format!(
                "last {}; if shoppers are clicking now, look at the aggregator",
                format::ago(then, now)
            );
            Check { name, badge: LOOK, words }
        }
        Some(then) => Check { name, badge: GOOD, words: format!("last {}", format::ago(then, now)) },
    }
}

fn settling(backlog: &Backlog, now: DateTime<Utc>) -> Check {
    let name = "Orders are worked out";
    match backlog.oldest {
        Some(oldest) if now - oldest > SETTLE_LATE => {
            let waiting = format::count(backlog.orders.unsigned_abs());
            let words = format!("{waiting} wait, the oldest since {}", format::ago(oldest, now));
            Check { name, badge: LOOK, words }
        }
        Some(_) => Check { name, badge: GOOD, words: "a few are being looked at".to_owned() },
        None => Check { name, badge: GOOD, words: "none waits".to_owned() },
    }
}

fn ledger(backlog: &Backlog) -> Check {
    let name = "Every booking adds up to zero";
    match backlog.unbalanced {
        0 => Check { name, badge: GOOD, words: "the newest 1,000 do".to_owned() },
        off => Check { name, badge: WRONG, words: format!("{off} do not; see the runbook") },
    }
}

fn parked(backlog: &Backlog) -> Check {
    let name = "Shops report in time";
    match backlog.parked {
        0 => Check { name, badge: GOOD, words: "no event is parked".to_owned() },
        1 => Check { name, badge: LOOK, words: "1 event is parked until somebody looks at it".to_owned() },
        many => Check {
            name,
            badge: LOOK,
            words: format!("{many} events are parked until somebody looks at them"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_or_wrong_is_said() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let backlog =
            |oldest: Option<DateTime<Utc>>, unbalanced| Backlog { orders: 3, oldest, parked: 0, unbalanced };
        let words = |backlog: &Backlog| -> Vec<&str> {
            checks(&Books::default(), backlog, now).iter().map(|check| check.badge.word).collect()
        };
        assert_eq!(words(&backlog(None, 0)), ["Good"; 5]);
        assert_eq!(
            words(&backlog(Some(now - TimeDelta::hours(1)), 1)),
            ["Good", "Good", "Look", "Wrong", "Good"]
        );
        assert_eq!(flush(Some(now - TimeDelta::hours(1)), now).badge.word, "Look");
    }
}
