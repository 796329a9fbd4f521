//! What an affiliate's dashboard has beside the figures: the own money, the newest sales, and what to do next.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::orders::list::Row;
use crate::pages::markup::{Amount, Instant};
use crate::report::accounts::{self, Balance};
use crate::report::news;
use crate::report::orders::{self, Filter, OrderFacts};

/// Sales on the dashboard: the rest has a page of its own.
const SALES: i64 = 6;

pub(crate) struct Dashboard {
    /// What happened and was not marked as read.
    pub(crate) unread: Option<String>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) sales: Vec<Row>,
    pub(crate) steps: Vec<Step>,
}

/// The money of one currency.
pub(crate) struct Account {
    pub(crate) pending: Amount,
    pub(crate) payable: Amount,
    pub(crate) paid: Amount,
    /// When more becomes payable.
    pub(crate) next: Option<Instant>,
}

/// Something to do before there can be sales.
pub(crate) struct Step {
    pub(crate) title: &'static str,
    pub(crate) words: &'static str,
    pub(crate) address: &'static str,
    pub(crate) is_done: bool,
}

/// How far an affiliate has come.
struct Progress {
    status: String,
    has_vendor: bool,
    has_link: bool,
    has_account: bool,
}

/// The dashboard of an affiliate, inside its own snapshot. Whoever looks has read what happened until `read`.
pub(super) async fn of(
    conn: &mut PgConnection,
    affiliate_id: i64,
    read: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> sqlx::Result<Dashboard> {
    let news = news::of_affiliate(&mut *conn, affiliate_id).await?;
    let accounts =
        accounts::balances(&mut *conn, affiliate_id).await?.into_iter().map(Account::from).collect();
    let filter = Filter { affiliate_id: Some(affiliate_id), ..Filter::default() };
    let sales = orders::list(&mut *conn, &filter, None, SALES).await?;
    let names = orders::products(&mut *conn, sales.iter().map(OrderFacts::key)).await?;
    let progress = progress(conn, affiliate_id).await?;
    Ok(Dashboard {
        unread: news::unread(news.iter().filter(|event| news::is_new(event.at, read, now)).count()),
        accounts,
        sales: sales.into_iter().map(|order| Row::new(order, &names)).collect(),
        steps: progress.steps(),
    })
}

async fn progress(conn: &mut PgConnection, affiliate_id: i64) -> sqlx::Result<Progress> {
    sqlx::query_as!(
        Progress,
        r#"select status,
                  exists (select from partnership p where p.affiliate_id = $1 and p.status = 'active') as "has_vendor!",
                  exists (select from link l where l.affiliate_id = $1) as "has_link!",
                  exists (select from bank_account b where b.affiliate_id = $1) as "has_account!"
           from affiliate where affiliate_id = $1"#,
        affiliate_id
    )
    .fetch_one(conn)
    .await
}

impl Progress {
    /// Everything there is to do once, in its order; none when all of it is done.
    fn steps(&self) -> Vec<Step> {
        let steps = [
            Step {
                title: "Be approved",
                words: "The programme looks at your application. You are told by mail.",
                address: "/profile",
                is_done: self.status == "approved",
            },
            Step {
                title: "Find a vendor",
                words: "Ask a vendor to work with you. Each agrees a rate of its own.",
                address: "/partnerships",
                is_done: self.has_vendor,
            },
            Step {
                title: "Make a link",
                words: "Share it: every order that comes through it earns you commission.",
                address: "/links",
                is_done: self.has_link,
            },
            Step {
                title: "Say where you are paid",
                words: "A bank account is needed before the first payout.",
                address: "/profile",
                is_done: self.has_account,
            },
        ];
        if steps.iter().all(|step| step.is_done) { Vec::new() } else { steps.into() }
    }
}

impl From<Balance> for Account {
    fn from(balance: Balance) -> Self {
        let amount = |minor| Amount::new(minor, &balance.currency);
        Self {
            pending: amount(balance.pending_minor),
            payable: amount(balance.payable_minor),
            paid: amount(balance.paid_minor),
            next: balance.next_at.map(Instant),
        }
    }
}
