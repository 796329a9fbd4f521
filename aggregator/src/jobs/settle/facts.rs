//! What else decides about an order: rates, holds, and what may be a reason to look at it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::commission::RateSource;
use common::fraud::{Flag, WAVE_CLICKS};
use common::order::Line;
use common::rate::Rate;
use common::time::Millis;
use sqlx::PgConnection;

use super::order::{Order, place, settled_before};
use super::spread::COUNTED_ORDERS;
use crate::jobs::attribute::{Attributed, History};
use crate::moment::moment;

/// What is known of a batch.
pub(super) struct Facts {
    partnership_rates: BTreeMap<(i64, i64), History<i32>>,
    product_rates: BTreeMap<(i64, i64), History<Option<i32>>>,
    holds: Vec<Holds>,
    suspicions: Vec<Suspicion>,
}

/// What is known of one order.
pub(super) struct FactsOf<'a> {
    batch: &'a Facts,
    /// Flags that were raised before.
    pub(super) holds: &'a Holds,
    /// What flags are raised by.
    pub(super) suspicion: &'a Suspicion,
}

/// The flags an order has, whatever became of them.
#[derive(Debug, Default)]
pub(super) struct Holds {
    pub(super) raised: BTreeSet<Flag>,
    /// Some of them hold it still.
    pub(super) is_held: bool,
}

/// What is known about the credited affiliate and click. Zeros while nobody is credited.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    pub(super) email: Option<String>,
    pub(super) orders_with_token: u64,
    pub(super) clicks_in_hour: u64,
    pub(super) usual_clicks_an_hour: u64,
    pub(super) sharing_bank_account: u64,
}

impl Facts {
    pub(super) async fn read(
        tx: &mut PgConnection,
        orders: &[Order],
        attributed: &[Attributed],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            partnership_rates: partnership_rates(tx, orders, attributed).await?,
            product_rates: product_rates(tx, orders, attributed).await?,
            holds: holds(tx, orders).await?,
            suspicions: suspicions(tx, orders, attributed).await?,
        })
    }

    /// What is known of the order at this place of the batch.
    pub(super) fn of(&self, place: usize) -> FactsOf<'_> {
        FactsOf { batch: self, holds: &self.holds[place], suspicion: &self.suspicions[place] }
    }
}

impl FactsOf<'_> {
    /// The rate of a line of an order placed then: the product's own, or else the partnership's.
    pub(super) fn rate(
        &self,
        vendor: i64,
        affiliate: u64,
        line: &Line,
        ordered_at: Millis,
    ) -> Option<(Rate, RateSource)> {
        let at = moment(ordered_at);
        let product = line.product_id.and_then(|id| i64::try_from(id).ok());
        let of_product = product
            .and_then(|product| self.batch.product_rates.get(&(vendor, product))?.at(at).copied().flatten());
        let of_partners =
            || self.batch.partnership_rates.get(&(vendor, affiliate.cast_signed()))?.at(at).copied();
        let rate = |ppm: i32| Rate::new(u32::try_from(ppm).ok()?);
        match of_product {
            Some(ppm) => Some((rate(ppm)?, RateSource::Product)),
            None => Some((rate(of_partners()?)?, RateSource::Partnership)),
        }
    }
}

async fn partnership_rates(
    tx: &mut PgConnection,
    orders: &[Order],
    attributed: &[Attributed],
) -> anyhow::Result<BTreeMap<(i64, i64), History<i32>>> {
    let partners: BTreeSet<(i64, i64)> = orders
        .iter()
        .zip(attributed)
        .filter_map(|(order, attributed)| {
            Some((order.key.vendor, attributed.credit?.affiliate.cast_signed()))
        })
        .collect();
    if partners.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (vendors, affiliates): (Vec<i64>, Vec<i64>) = partners.into_iter().unzip();
    let rows = sqlx::query!(
        "select r.vendor_id, r.affiliate_id, r.since, r.rate_ppm
         from unnest($1::bigint[], $2::bigint[]) as asked (vendor_id, affiliate_id)
         join partnership_rate as r using (vendor_id, affiliate_id)",
        &vendors,
        &affiliates
    )
    .fetch_all(tx)
    .await
    .context("cannot read rates")?;
    Ok(History::by_key(
        rows.into_iter().map(|row| ((row.vendor_id, row.affiliate_id), row.since, row.rate_ppm)),
    ))
}

async fn product_rates(
    tx: &mut PgConnection,
    orders: &[Order],
    attributed: &[Attributed],
) -> anyhow::Result<BTreeMap<(i64, i64), History<Option<i32>>>> {
    let products: BTreeSet<(i64, i64)> = orders
        .iter()
        .zip(attributed)
        .filter(|(_, attributed)| attributed.credit.is_some())
        .flat_map(|(order, _)| {
            let products = order.folded.lines.iter().filter_map(|line| line.product_id);
            products.filter_map(|id| Some((order.key.vendor, i64::try_from(id).ok()?)))
        })
        .collect();
    if products.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (vendors, products): (Vec<i64>, Vec<i64>) = products.into_iter().unzip();
    let rows = sqlx::query!(
        "select r.vendor_id, r.product_id, r.since, r.rate_ppm
         from unnest($1::bigint[], $2::bigint[]) as asked (vendor_id, product_id)
         join product_rate as r using (vendor_id, product_id)",
        &vendors,
        &products
    )
    .fetch_all(tx)
    .await
    .context("cannot read products' rates")?;
    Ok(History::by_key(
        rows.into_iter().map(|row| ((row.vendor_id, row.product_id), row.since, row.rate_ppm)),
    ))
}

async fn holds(tx: &mut PgConnection, orders: &[Order]) -> anyhow::Result<Vec<Holds>> {
    let mut holds: Vec<Holds> = orders.iter().map(|_| Holds::default()).collect();
    let (places, keys) = settled_before(orders);
    if places.is_empty() {
        return Ok(holds);
    }
    let rows = sqlx::query!(
        r#"select named.place as "place!", h.flag, h.state <> 'released' as "is_held!"
           from unnest($1::bigint[], $2::text[]) with ordinality as named (vendor_id, order_ref, place)
           join hold as h using (vendor_id, order_ref)"#,
        &keys.vendors,
        &keys.refs
    )
    .fetch_all(tx)
    .await
    .context("cannot read holds")?;
    for row in rows {
        let holds = &mut holds[places[place(row.place)]];
        holds.raised.extend(Flag::from_name(&row.flag));
        holds.is_held |= row.is_held;
    }
    Ok(holds)
}

/// Columns of `suspicions.sql`: a row for each credited order.
#[derive(Default)]
struct Asked {
    places: Vec<i64>,
    affiliates: Vec<i64>,
    links: Vec<i64>,
    click_at: Vec<Option<DateTime<Utc>>>,
    lanes: Vec<Option<i32>>,
    seqs: Vec<Option<i64>>,
}

async fn suspicions(
    tx: &mut PgConnection,
    orders: &[Order],
    attributed: &[Attributed],
) -> anyhow::Result<Vec<Suspicion>> {
    let mut suspicions: Vec<Suspicion> = orders.iter().map(|_| Suspicion::default()).collect();
    let mut asked = Asked::default();
    for (place, attributed) in attributed.iter().enumerate() {
        let Some(credit) = attributed.credit else { continue };
        asked.places.push(place as i64);
        asked.affiliates.push(credit.affiliate.cast_signed());
        asked.links.push(credit.link.0.cast_signed());
        asked.click_at.push(credit.click.map(|click| moment(Millis(click.ts_ms))));
        asked.lanes.push(credit.click.map(|click| i32::from(click.lane.0)));
        asked.seqs.push(credit.click.map(|click| click.seq.0.cast_signed()));
    }
    if asked.places.is_empty() {
        return Ok(suspicions);
    }
    let rows = sqlx::query_file!(
        "src/jobs/settle/suspicions.sql",
        &asked.places,
        &asked.affiliates,
        &asked.links,
        &asked.click_at as &[Option<DateTime<Utc>>],
        &asked.lanes as &[Option<i32>],
        &asked.seqs as &[Option<i64>],
        WAVE_CLICKS.cast_signed(),
        COUNTED_ORDERS
    )
    .fetch_all(tx)
    .await
    .context("cannot read what may be a reason to look at orders")?;
    for row in rows {
        suspicions[row.place as usize] = Suspicion {
            email: row.email,
            orders_with_token: row.orders_with_token.cast_unsigned(),
            clicks_in_hour: row.clicks_in_hour.cast_unsigned(),
            usual_clicks_an_hour: row.usual_clicks_an_hour.cast_unsigned(),
            sharing_bank_account: row.sharing_bank_account.cast_unsigned(),
        };
    }
    Ok(suspicions)
}
