//! Candidates: the click tokens and coupons of orders, those that were seen before and those that are new.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::attribution::Verdict;
use common::ids::{Lane, LinkId, Seq};
use common::time::Millis;
use common::token::{Click, Keyring, Refused};
use sqlx::PgConnection;

use crate::jobs::settle::order::{Order, place, settled_before};
use crate::moment::{millis, moment};

/// A token or coupon of an order.
#[derive(Debug)]
pub(super) struct Found {
    /// As it came; coupons in capitals.
    pub(super) text: String,
    /// What it is.
    pub(super) seen: Seen,
    /// The verdict that is kept in Postgres. `None`: it is new.
    pub(super) kept: Option<Verdict>,
    /// The verdict now.
    pub(super) verdict: Verdict,
}

/// What a candidate is, before it is judged.
#[derive(Debug)]
pub(super) enum Seen {
    /// A token whose signature was not believed when it was first seen.
    Refused(Refused),
    /// A token that was believed.
    Click(Click),
    /// A coupon, and whom it stands for.
    Coupon(Option<Coupon>),
}

/// A row of the table `coupon`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coupon {
    pub(super) link: LinkId,
    pub(super) since: Millis,
    pub(super) until: Option<Millis>,
}

/// Every candidate of every order. Within an order, coupons come sorted, as the rule about them wants it.
///
/// Nothing is looked at of what is no order yet: its tokens are first seen when it becomes one.
pub(super) async fn find(
    tx: &mut PgConnection,
    keyring: &Keyring,
    orders: &[Order],
) -> anyhow::Result<Vec<Vec<Found>>> {
    let mut kept = kept(tx, orders).await?;
    let coupons = coupons(tx, orders).await?;
    let find_one = |(order, kept): (&Order, &mut Kept)| {
        if order.ordered_at().is_none() {
            return Vec::new();
        }
        let clicks = order.folded.click_ids.iter().map(|token| match kept.remove(token) {
            Some((seen, verdict)) => Found { text: token.clone(), seen, kept: Some(verdict), verdict },
            None => first_seen(keyring, token),
        });
        let mut found: Vec<Found> = clicks.collect();
        for code in order.folded.coupons.difference(&order.folded.click_ids) {
            let verdict = kept.remove(code).map(|(_, verdict)| verdict);
            let coupon = coupons.get(&(order.key.vendor, code.clone())).copied();
            found.push(Found {
                text: code.clone(),
                seen: Seen::Coupon(coupon),
                kept: verdict,
                verdict: verdict.unwrap_or(Verdict::UnknownCoupon),
            });
        }
        found
    };
    Ok(orders.iter().zip(&mut kept).map(find_one).collect())
}

/// The one moment a signature is looked at.
fn first_seen(keyring: &Keyring, token: &str) -> Found {
    let (seen, verdict) = match keyring.verify(token.as_bytes()) {
        Ok(click) => (Seen::Click(click), Verdict::UnknownLink),
        Err(refused) => (Seen::Refused(refused), Verdict::Forged(refused)),
    };
    Found { text: token.to_owned(), seen, kept: None, verdict }
}

/// What is kept of an order's candidates, by their text.
type Kept = BTreeMap<String, (Seen, Verdict)>;

async fn kept(tx: &mut PgConnection, orders: &[Order]) -> anyhow::Result<Vec<Kept>> {
    let mut kept: Vec<Kept> = orders.iter().map(|_| Kept::new()).collect();
    let (places, keys) = settled_before(orders);
    if places.is_empty() {
        return Ok(kept);
    }
    let rows = sqlx::query_file_as!(Row, "src/jobs/attribute/kept_candidates.sql", &keys.vendors, &keys.refs)
        .fetch_all(tx)
        .await
        .context("cannot read candidates")?;
    for row in rows {
        let order = &mut kept[places[place(row.place)]];
        let (text, seen, verdict) = row.read()?;
        order.insert(text, (seen, verdict));
    }
    Ok(kept)
}

struct Row {
    place: i64,
    candidate: String,
    kind: String,
    refused: Option<String>,
    link_id: Option<i64>,
    click_at: Option<DateTime<Utc>>,
    visitor: Option<i64>,
    channel: Option<i16>,
    lane: Option<i32>,
    seq: Option<i64>,
    verdict: String,
}

impl Row {
    fn read(self) -> anyhow::Result<(String, Seen, Verdict)> {
        let unknown = || format!("candidate {:?} was kept by another version", self.candidate);
        let verdict = Verdict::from_code(&self.verdict).with_context(unknown)?;
        let seen = match (self.kind.as_str(), self.refused.as_deref()) {
            ("click", Some(code)) => Seen::Refused(Refused::from_code(code).with_context(unknown)?),
            ("click", None) => Seen::Click(self.click().with_context(unknown)?),
            _ => Seen::Coupon(None), // looked up anew
        };
        Ok((self.candidate, seen, verdict))
    }

    fn click(&self) -> Option<Click> {
        Some(Click {
            flags: 0, // not kept: nothing is judged by them
            ts_ms: millis(self.click_at?).0,
            link: LinkId(self.link_id?.cast_unsigned()),
            visitor: self.visitor?.cast_unsigned(),
            channel: self.channel?.cast_unsigned(),
            lane: Lane(u16::try_from(self.lane?).ok()?),
            seq: Seq(self.seq?.cast_unsigned()),
        })
    }
}

/// The coupons that the orders came with, as far as they stand for somebody.
async fn coupons(tx: &mut PgConnection, orders: &[Order]) -> anyhow::Result<BTreeMap<(i64, String), Coupon>> {
    let asked: BTreeSet<(i64, &String)> = orders
        .iter()
        .flat_map(|order| order.folded.coupons.iter().map(|code| (order.key.vendor, code)))
        .collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (vendors, codes): (Vec<i64>, Vec<String>) =
        asked.into_iter().map(|(vendor, code)| (vendor, code.clone())).unzip();
    let rows = sqlx::query!(
        "select c.vendor_id, c.coupon_code, c.link_id, c.since, c.until
         from unnest($1::bigint[], $2::text[]) as asked (vendor_id, coupon_code)
         join coupon as c using (vendor_id, coupon_code)",
        &vendors,
        &codes
    )
    .fetch_all(tx)
    .await
    .context("cannot read coupons")?;
    let coupon = |link_id: i64, since, until: Option<_>| Coupon {
        link: LinkId(link_id.cast_unsigned()),
        since: millis(since),
        until: until.map(millis),
    };
    Ok(rows
        .into_iter()
        .map(|row| ((row.vendor_id, row.coupon_code), coupon(row.link_id, row.since, row.until)))
        .collect())
}

/// Columns of `keep_candidates.sql`.
#[derive(Default)]
struct Columns {
    vendors: Vec<i64>,
    refs: Vec<String>,
    texts: Vec<String>,
    kinds: Vec<String>,
    refused: Vec<Option<String>>,
    links: Vec<Option<i64>>,
    click_at: Vec<Option<DateTime<Utc>>>,
    visitors: Vec<Option<i64>>,
    channels: Vec<Option<i16>>,
    lanes: Vec<Option<i32>>,
    seqs: Vec<Option<i64>>,
    verdicts: Vec<String>,
}

/// Keeps candidates that are new, and verdicts that changed.
pub(super) async fn keep(
    tx: &mut PgConnection,
    orders: &[Order],
    found: &[Vec<Found>],
) -> anyhow::Result<()> {
    let mut columns = Columns::default();
    for (order, found) in orders.iter().zip(found) {
        for found in found.iter().filter(|found| found.kept != Some(found.verdict)) {
            columns.push(order, found);
        }
    }
    if columns.texts.is_empty() {
        return Ok(());
    }
    sqlx::query_file!(
        "src/jobs/attribute/keep_candidates.sql",
        &columns.vendors,
        &columns.refs,
        &columns.texts,
        &columns.kinds,
        &columns.refused as &[Option<String>],
        &columns.links as &[Option<i64>],
        &columns.click_at as &[Option<DateTime<Utc>>],
        &columns.visitors as &[Option<i64>],
        &columns.channels as &[Option<i16>],
        &columns.lanes as &[Option<i32>],
        &columns.seqs as &[Option<i64>],
        &columns.verdicts
    )
    .execute(tx)
    .await
    .context("cannot keep candidates")?;
    Ok(())
}

impl Columns {
    fn push(&mut self, order: &Order, found: &Found) {
        let click = match found.seen {
            Seen::Click(click) => Some(click),
            _ => None,
        };
        let link = match &found.seen {
            Seen::Click(click) => Some(click.link),
            Seen::Coupon(coupon) => coupon.map(|coupon| coupon.link),
            Seen::Refused(_) => None,
        };
        let refused = match found.seen {
            Seen::Refused(refused) => Some(refused.code().to_owned()),
            _ => None,
        };
        let kind = if matches!(found.seen, Seen::Coupon(_)) { "coupon" } else { "click" };
        self.vendors.push(order.key.vendor);
        self.refs.push(order.key.order_ref.clone());
        self.texts.push(found.text.clone());
        self.kinds.push(kind.to_owned());
        self.refused.push(refused);
        self.links.push(link.map(|link| link.0.cast_signed()));
        self.click_at.push(click.map(|click| moment(Millis(click.ts_ms))));
        self.visitors.push(click.map(|click| click.visitor.cast_signed()));
        self.channels.push(click.map(|click| click.channel.cast_signed()));
        self.lanes.push(click.map(|click| i32::from(click.lane.0)));
        self.seqs.push(click.map(|click| click.seq.0.cast_signed()));
        self.verdicts.push(found.verdict.code().to_owned());
    }
}
