//! Reports for the whole programme: each is kept whole, and every vendor of its order is told its part, whenever the
//! report or the vendor becomes known.
//!
//! Reports of one order wait for each other, so each of them sees what the others made known. Locks are taken before
//! names, names before rows, each kind sorted: nobody waits in a circle.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use common::order::{Split, Whole};
use common::time::Millis;
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection};

use super::assign::{Directory, Report, unsplit};
use super::door::Fate;
use super::draft::Draft;
use super::write::{Hash, Origin, Row, Source, Written, hash, hashes, insert, instant};
use crate::problem::Failure;

/// Which of Postgres' advisory locks are for orders: "orde" in ASCII, with an order's own number beside it.
const LOCK_SPACE: i32 = 0x6f72_6465;

/// Numbers that orders are locked by; two orders of one number wait for each other for no reason. A transaction holds at
/// most so many, a sixth of what Postgres has room for as it comes.
const LOCKS: u32 = 1_024;

/// Writes reports down, each with all its parts or not at all. On return they are committed.
pub(super) async fn take_in(
    conn: &mut PgConnection,
    source: Source,
    drafts: Vec<Result<Draft, Failure>>,
    now: Millis,
) -> sqlx::Result<Vec<Fate>> {
    let good: Vec<&Draft> = drafts.iter().flatten().collect();
    let mut fates = match good.as_slice() {
        [] => Vec::new(),
        good => whole(conn, source, good, now).await?,
    }
    .into_iter();
    let fate =
        |draft: Result<Draft, Failure>| draft.and_then(|_| fates.next().expect("one for each good draft"));
    Ok(drafts.into_iter().map(fate).collect())
}

/// Where a part stands under the name of another event already, the transaction is taken back and tried again without
/// the report that it would be told because of.
async fn whole(
    conn: &mut PgConnection,
    source: Source,
    drafts: &[&Draft],
    now: Millis,
) -> sqlx::Result<Vec<Fate>> {
    let mut barred = Barred::new();
    loop {
        let mut tx = conn.begin().await?;
        lock(&mut tx, drafts).await?;
        let mut desk = Desk::read(&mut tx, drafts).await?;
        let fates: Vec<Fate> = drafts.iter().map(|draft| desk.take(draft, &barred, source, now)).collect();
        if desk.name(&mut tx, source, now).await? == Names::Free {
            let more = desk.tell(&mut tx).await?;
            if more.is_empty() {
                tx.commit().await?;
                return Ok(fates);
            }
            barred.extend(more);
        }
        tx.rollback().await?;
    }
}

/// Reports that cannot be told to a vendor, by name, and which event of the vendor's own is in the way.
type Barred = BTreeMap<String, (i64, String)>;

/// Whether all names were free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Free,
    /// One was taken meanwhile, by a report of another order.
    Taken,
}

/// What is known of the reports' orders, and what is to be written down.
struct Desk {
    directory: Directory,
    /// What stands under a name.
    named: BTreeMap<String, Hash>,
    orders: BTreeMap<String, Order>,
    new: Vec<(Whole<i64>, Origin)>,
    /// What is to be told, and because of which report.
    told: Vec<(String, Row<'static>)>,
}

#[derive(Default)]
struct Order {
    split: Split<i64>,
    /// Of each report, by its number in the split.
    origins: Vec<Origin>,
}

impl Order {
    fn add(&mut self, whole: Whole<i64>, origin: Origin) -> Vec<(i64, usize)> {
        self.origins.push(origin);
        self.split.add(whole)
    }
}

impl Desk {
    async fn read(conn: &mut PgConnection, drafts: &[&Draft]) -> sqlx::Result<Self> {
        let named = names(conn, drafts).await?;
        let is_new = |draft: &&&Draft| !named.contains_key(&draft.event.event_id);
        let new: Vec<&Draft> = drafts.iter().filter(is_new).copied().collect();
        Ok(Self {
            directory: Directory::read(conn, new.iter().copied()).await?,
            orders: orders(conn, &new).await?,
            named,
            new: Vec::new(),
            told: Vec::new(),
        })
    }

    /// What becomes of a draft. The first of a name speaks; later ones are compared with it.
    fn take(&mut self, draft: &Draft, barred: &Barred, source: Source, now: Millis) -> Fate {
        let report = Report::of_programme(draft, now);
        let event_id = &report.event.event_id;
        if let Some(hash) = self.named.get(event_id) {
            let written = if *hash == report.hash { Written::Duplicate } else { Written::Reused };
            return Ok((report, written));
        }
        if let Some((vendor, taken)) = barred.get(event_id) {
            return if taken == event_id {
                Ok((report, Written::Reused))
            } else {
                Err(in_the_way(event_id, *vendor, taken))
            };
        }
        let whole = self.directory.whole(draft, report.event.clone())?;
        let order = self.orders.entry(report.event.order_ref.clone()).or_default();
        let whole = order.split.place(whole).map_err(|why| unsplit(&report.event, &why))?;
        let origin = Origin::of(&report, source, now);
        self.named.insert(event_id.clone(), report.hash);
        self.new.push((whole.clone(), origin.clone()));
        for (vendor, number) in order.add(whole, origin) {
            let event = Cow::Owned(order.split.part(vendor, number));
            let row = Row { vendor, event, origin: order.origins[number].clone() };
            self.told.push((event_id.clone(), row));
        }
        let written = Written::from(report.parked);
        Ok((report, written))
    }

    /// Takes the reports' names.
    async fn name(&self, conn: &mut PgConnection, source: Source, now: Millis) -> sqlx::Result<Names> {
        if self.new.is_empty() {
            return Ok(Names::Free);
        }
        let json = |of: &dyn Fn(&Whole<i64>) -> serde_json::Result<String>| -> Vec<String> {
            self.new.iter().map(|(whole, _)| of(whole).expect("it is JSON")).collect()
        };
        let event_ids: Vec<String> = self.new.iter().map(|(whole, _)| whole.event.event_id.clone()).collect();
        let order_refs: Vec<String> =
            self.new.iter().map(|(whole, _)| whole.event.order_ref.clone()).collect();
        let addressees: Vec<Option<i64>> = self.new.iter().map(|(whole, _)| whole.addressee).collect();
        let hashes: Vec<Vec<u8>> = self.new.iter().map(|(_, origin)| origin.hash.to_vec()).collect();
        let parked: Vec<Option<String>> = self.new.iter().map(|(_, origin)| origin.parked.clone()).collect();
        let free = sqlx::query_file!(
            "src/intake/name.sql",
            &event_ids,
            &order_refs,
            &json(&|whole| serde_json::to_string(&whole.event)),
            &json(&|whole| serde_json::to_string(&whole.owners)),
            &json(&|whole| serde_json::to_string(&whole.inferred)),
            &addressees as &[Option<i64>],
            &hashes,
            &parked as &[Option<String>],
            source.name(),
            instant(now)
        );
        let free = free.fetch_all(conn).await?.len();
        Ok(if free == self.new.len() { Names::Free } else { Names::Taken })
    }

    /// Tells every vendor its parts. Returns what stands in the way of which report.
    async fn tell(&self, conn: &mut PgConnection) -> sqlx::Result<Barred> {
        let rows: Vec<Row<'_>> = self.told.iter().map(|(_, row)| row.lent()).collect();
        let inserted = insert(conn, &rows).await?;
        let old: Vec<&(String, Row<'static>)> =
            self.told.iter().filter(|(_, row)| !inserted.contains(&row.key())).collect();
        let before = hashes(conn, &old.iter().map(|(_, row)| row).collect::<Vec<_>>()).await?;
        // A vendor that has reported the very same by itself was told.
        let differs =
            |told: &&&(String, Row<'static>)| before.get(&told.1.key()) != Some(&told.1.origin.hash);
        Ok(old.iter().filter(differs).map(|(cause, row)| (cause.clone(), row.key())).collect())
    }
}

/// Reports of one order wait for each other, until the transaction ends.
async fn lock(conn: &mut PgConnection, drafts: &[&Draft]) -> sqlx::Result<()> {
    let locks: BTreeSet<i32> = drafts.iter().map(|draft| lock_of(&draft.event.order_ref)).collect();
    let locks: Vec<i32> = locks.into_iter().collect();
    sqlx::query!(
        "select pg_advisory_xact_lock($1, lock) from unnest($2::integer[]) as lock",
        LOCK_SPACE,
        &locks
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

fn lock_of(order_ref: &str) -> i32 {
    let hash: [u8; 32] = Sha256::digest(order_ref).into();
    (u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % LOCKS).cast_signed()
}

async fn names(conn: &mut PgConnection, drafts: &[&Draft]) -> sqlx::Result<BTreeMap<String, Hash>> {
    let names: Vec<String> = drafts.iter().map(|draft| draft.event.event_id.clone()).collect();
    let rows =
        sqlx::query!("select event_id, body_sha256 from programme_event where event_id = any($1)", &names)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(|row| (row.event_id, hash(row.body_sha256))).collect())
}

/// What the drafts' orders are so far.
async fn orders(conn: &mut PgConnection, drafts: &[&Draft]) -> sqlx::Result<BTreeMap<String, Order>> {
    let mut orders = BTreeMap::<String, Order>::new();
    let refs: BTreeSet<&str> = drafts.iter().map(|draft| draft.event.order_ref.as_str()).collect();
    if refs.is_empty() {
        return Ok(orders);
    }
    let refs: Vec<String> = refs.into_iter().map(str::to_owned).collect();
    for row in sqlx::query_file!("src/intake/told.sql", &refs).fetch_all(conn).await? {
        let odd = |error: serde_json::Error| sqlx::Error::Decode(error.into());
        let whole = Whole {
            event: serde_json::from_str(&row.body).map_err(odd)?,
            owners: serde_json::from_str(&row.owners).map_err(odd)?,
            inferred: serde_json::from_str(&row.inferred).map_err(odd)?,
            addressee: row.addressee,
        };
        let source = Source::from_name(&row.source).ok_or_else(|| sqlx::Error::Decode("source".into()))?;
        let (hash, parked, received_at) = (hash(row.body_sha256), row.parked, row.received_at);
        orders.entry(row.order_ref).or_default().add(whole, Origin { hash, parked, source, received_at });
    }
    Ok(orders)
}

fn in_the_way(event_id: &str, vendor: i64, taken: &str) -> Failure {
    let detail = format!(
        "with {event_id:?} vendor {vendor} becomes part of the order, but cannot be told its earlier event {taken:?}: the \
         vendor has reported something else under that event id itself; nothing was changed"
    );
    Failure::Conflict("event_id_reused", detail)
}
