//! An order as a batch works on it: how it was left the last time, and what all its events together say now.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::ids::{LinkId, VendorId};
use common::ledger::{Account, Position};
use common::order::{Event, Folded, fold};
use common::time::Millis;
use sqlx::PgConnection;

/// An order's name: the shop's, within its vendor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Whose shop took it.
    pub vendor: i64,
    /// What that shop calls it.
    pub order_ref: String,
}

/// Names as the two columns that queries take them in.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) vendors: Vec<i64>,
    pub(crate) refs: Vec<String>,
}

impl<'a> FromIterator<&'a Key> for Keys {
    fn from_iter<T: IntoIterator<Item = &'a Key>>(keys: T) -> Self {
        let mut columns = Self::default();
        for key in keys {
            columns.vendors.push(key.vendor);
            columns.refs.push(key.order_ref.clone());
        }
        columns
    }
}

/// An order whose lock the transaction holds.
pub(crate) struct Order {
    pub(crate) key: Key,
    pub(crate) before: Before,
    pub(crate) folded: Folded,
    /// Events that were folded.
    pub(crate) event_count: usize,
    /// What is booked for it.
    pub(crate) posted: BTreeMap<Position, i64>,
}

impl Order {
    /// Whose it is.
    pub(crate) fn vendor(&self) -> VendorId {
        VendorId(u32::try_from(self.key.vendor).unwrap_or(u32::MAX))
    }

    /// When it became an order. `None`: it is none yet.
    pub(crate) fn ordered_at(&self) -> Option<Millis> {
        self.folded.ordered_at()
    }

    /// Whether commission was ever paid for it: whoever is credited stays credited.
    pub(crate) fn is_frozen(&self) -> bool {
        self.posted.keys().any(|position| position.account == Account::Cash)
    }
}

/// How an order was left when it was settled the last time. A row of `lock.sql`.
pub(crate) struct Before {
    pub(crate) vendor_id: i64,
    pub(crate) order_ref: String,
    pub(crate) status: String,
    pub(crate) currency: Option<String>,
    pub(crate) net_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) commission_minor: i64,
    pub(crate) link_id: Option<i64>,
    pub(crate) affiliate_id: Option<i64>,
    pub(crate) credited_by: Option<String>,
    pub(crate) not_credited: Option<String>,
    pub(crate) placed_at: Option<DateTime<Utc>>,
    pub(crate) completed_at: Option<DateTime<Utc>>,
    pub(crate) ledger_tx_count: i32,
    pub(crate) settled_at: Option<DateTime<Utc>>,
}

impl Before {
    /// Whether there is nothing of it yet but its name: no line, candidate, hold or entry.
    pub(crate) fn is_new(&self) -> bool {
        self.settled_at.is_none()
    }
}

/// What could be read of a batch, and what could not.
pub(crate) struct Read {
    pub(crate) orders: Vec<Order>,
    pub(crate) unreadable: Vec<(Key, anyhow::Error)>,
}

/// Opens orders that are new, locks all of them in the order of their keys, and reads what is known of them.
pub(crate) async fn read(tx: &mut PgConnection, keys: &BTreeSet<Key>) -> anyhow::Result<Read> {
    let keys: Keys = keys.iter().collect();
    sqlx::query_file!("src/jobs/settle/open.sql", &keys.vendors, &keys.refs)
        .execute(&mut *tx)
        .await
        .context("cannot open orders")?;
    let locked = sqlx::query_file_as!(Before, "src/jobs/settle/lock.sql", &keys.vendors, &keys.refs)
        .fetch_all(&mut *tx)
        .await
        .context("cannot lock orders")?;
    let keys = locked
        .iter()
        .map(|order| Key { vendor: order.vendor_id, order_ref: order.order_ref.clone() })
        .collect::<Vec<_>>();
    let events = events(tx, &keys.iter().collect()).await?;
    let mut read = Read { orders: Vec::with_capacity(keys.len()), unreadable: Vec::new() };
    for ((key, before), events) in keys.into_iter().zip(locked).zip(events) {
        match events {
            Ok(events) => read.orders.push(Order {
                key,
                before,
                folded: fold(&events),
                event_count: events.len(),
                posted: BTreeMap::new(),
            }),
            Err(error) => read.unreadable.push((key, error)),
        }
    }
    posted(tx, &mut read.orders).await?;
    Ok(read)
}

/// Every order's events but parked ones. One that cannot be read spoils its order, not the others.
async fn events(tx: &mut PgConnection, keys: &Keys) -> anyhow::Result<Vec<anyhow::Result<Vec<Event>>>> {
    let rows = sqlx::query_file!("src/jobs/settle/events.sql", &keys.vendors, &keys.refs)
        .fetch_all(tx)
        .await
        .context("cannot read events")?;
    let mut events: Vec<_> = keys.refs.iter().map(|_| Ok(Vec::new())).collect();
    for row in rows {
        let slot = &mut events[place(row.place)];
        let event = serde_json::from_str(&row.body).with_context(|| format!("event {:?}", row.event_id));
        match (slot.as_mut(), event) {
            (Ok(events), Ok(event)) => events.push(event),
            (Ok(_), Err(error)) => *slot = Err(error),
            (Err(_), _) => {}
        }
    }
    Ok(events)
}

/// Fills in what is booked for orders that were settled before.
async fn posted(tx: &mut PgConnection, orders: &mut [Order]) -> anyhow::Result<()> {
    let (places, keys) = settled_before(orders);
    if places.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query_file!("src/jobs/settle/posted.sql", &keys.vendors, &keys.refs)
        .fetch_all(tx)
        .await
        .context("cannot read what is booked")?;
    for row in rows {
        let position = Position {
            affiliate: row.affiliate_id.cast_unsigned(),
            link: LinkId(row.link_id.cast_unsigned()),
            currency: row.currency.parse().context("the ledger's currency")?,
            account: Account::from_name(&row.account).context("an account that is not known")?,
        };
        orders[places[place(row.place)]].posted.insert(position, row.amount_minor);
    }
    Ok(())
}

/// The orders that were settled before: their places in the batch, and their names.
pub(crate) fn settled_before(orders: &[Order]) -> (Vec<usize>, Keys) {
    let known = orders.iter().enumerate().filter(|(_, order)| !order.before.is_new());
    let (places, keys): (Vec<_>, Vec<_>) = known.map(|(place, order)| (place, &order.key)).unzip();
    (places, keys.into_iter().collect())
}

/// The index of a row's `with ordinality`, which counts from 1.
pub(crate) fn place(ordinality: i64) -> usize {
    usize::try_from(ordinality).map_or(0, |ordinality| ordinality.saturating_sub(1))
}
