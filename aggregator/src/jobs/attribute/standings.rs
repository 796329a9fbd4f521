//! What stood when: links, and the vendors, affiliates and partnerships they hang on, at any moment of the past.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::attribution::{Candidate, Standings};
use common::ids::{LinkId, VendorId};
use common::time::Millis;
use sqlx::PgConnection;

use super::History;
use super::candidate::{Found, Seen};
use crate::moment::{millis, moment};

/// Everything that the candidates of a batch hang on.
#[derive(Default)]
pub(super) struct Standing {
    /// Vendor and affiliate of each link.
    owners: BTreeMap<i64, (i64, i64)>,
    links: BTreeMap<i64, History<Link>>,
    vendors: BTreeMap<i64, History<bool>>,
    affiliates: BTreeMap<i64, History<Affiliate>>,
    partnerships: BTreeMap<(i64, i64), History<bool>>,
}

#[derive(Clone, Copy)]
struct Link {
    is_active: bool,
    expires: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy)]
struct Affiliate {
    is_approved: bool,
    is_active: bool,
}

impl Standing {
    pub(super) async fn read(tx: &mut PgConnection, found: &[Vec<Found>]) -> anyhow::Result<Self> {
        let named: BTreeSet<i64> = found.iter().flatten().filter_map(link_of).collect();
        if named.is_empty() {
            return Ok(Self::default());
        }
        let owners = owners(tx, named.into_iter().collect()).await?;
        let links: Vec<i64> = owners.keys().copied().collect();
        let partners: BTreeSet<(i64, i64)> = owners.values().copied().collect();
        let vendors: BTreeSet<i64> = partners.iter().map(|(vendor, _)| *vendor).collect();
        let affiliates: BTreeSet<i64> = partners.iter().map(|(_, affiliate)| *affiliate).collect();
        Ok(Self {
            links: link_history(tx, &links).await?,
            vendors: vendor_history(tx, &vendors.into_iter().collect::<Vec<_>>()).await?,
            affiliates: affiliate_history(tx, &affiliates.into_iter().collect::<Vec<_>>()).await?,
            partnerships: partnership_history(tx, partners).await?,
            owners,
        })
    }

    /// The candidate with what stood at its moment: a click's own, the order's for a coupon.
    pub(super) fn candidate(&self, seen: &Seen, ordered_at: Millis) -> Candidate {
        match seen {
            Seen::Refused(refused) => Candidate::Forged(*refused),
            Seen::Click(click) => match self.at(click.link, Millis(click.ts_ms)) {
                Some(standings) => Candidate::Click { click: *click, standings },
                None => Candidate::UnknownLink,
            },
            Seen::Coupon(coupon) => {
                let standing = coupon.and_then(|coupon| Some((coupon, self.at(coupon.link, ordered_at)?)));
                standing.map_or(Candidate::UnknownCoupon, |(coupon, standings)| Candidate::Coupon {
                    link: coupon.link,
                    standings,
                    since: coupon.since,
                    until: coupon.until,
                })
            }
        }
    }

    /// What stood at a moment. What there was no word of yet did not stand. `None`: no such link.
    fn at(&self, link: LinkId, at: Millis) -> Option<Standings> {
        let (link, at) = (link.0.cast_signed(), moment(at));
        let &(vendor, affiliate) = self.owners.get(&link)?;
        let of_link = self.links.get(&link).and_then(|history| history.near(at));
        let of_vendor = self.vendors.get(&vendor).and_then(|history| history.near(at));
        let of_affiliate = self.affiliates.get(&affiliate).and_then(|history| history.near(at));
        let of_partners = self.partnerships.get(&(vendor, affiliate)).and_then(|history| history.near(at));
        Some(Standings {
            vendor: VendorId(u32::try_from(vendor).ok()?),
            affiliate: affiliate.cast_unsigned(),
            link_active: of_link.is_some_and(|link| link.is_active),
            link_expires: of_link.and_then(|link| link.expires).map(millis),
            vendor_active: of_vendor.copied().unwrap_or(false),
            affiliate_approved: of_affiliate.is_some_and(|affiliate| affiliate.is_approved),
            affiliate_active: of_affiliate.is_some_and(|affiliate| affiliate.is_active),
            partnership_active: of_partners.copied().unwrap_or(false),
        })
    }
}

fn link_of(found: &Found) -> Option<i64> {
    match &found.seen {
        Seen::Click(click) => Some(click.link.0.cast_signed()),
        Seen::Coupon(coupon) => coupon.map(|coupon| coupon.link.0.cast_signed()),
        Seen::Refused(_) => None,
    }
}

async fn owners(tx: &mut PgConnection, links: Vec<i64>) -> anyhow::Result<BTreeMap<i64, (i64, i64)>> {
    let rows =
        sqlx::query!("select link_id, vendor_id, affiliate_id from link where link_id = any($1)", &links)
            .fetch_all(tx)
            .await
            .context("cannot read links")?;
    Ok(rows.into_iter().map(|row| (row.link_id, (row.vendor_id, row.affiliate_id))).collect())
}

async fn link_history(tx: &mut PgConnection, links: &[i64]) -> anyhow::Result<BTreeMap<i64, History<Link>>> {
    let rows = sqlx::query!(
        "select link_id, since, is_active, expiry_date from link_standing where link_id = any($1)",
        links
    )
    .fetch_all(tx)
    .await
    .context("cannot read how links stood")?;
    let link = |is_active, expires| Link { is_active, expires };
    Ok(History::by_key(rows.into_iter().map(|r| (r.link_id, r.since, link(r.is_active, r.expiry_date)))))
}

async fn vendor_history(
    tx: &mut PgConnection,
    vendors: &[i64],
) -> anyhow::Result<BTreeMap<i64, History<bool>>> {
    let rows = sqlx::query!(
        "select vendor_id, since, is_active from vendor_standing where vendor_id = any($1)",
        vendors
    )
    .fetch_all(tx)
    .await
    .context("cannot read how vendors stood")?;
    Ok(History::by_key(rows.into_iter().map(|row| (row.vendor_id, row.since, row.is_active))))
}

async fn affiliate_history(
    tx: &mut PgConnection,
    affiliates: &[i64],
) -> anyhow::Result<BTreeMap<i64, History<Affiliate>>> {
    let rows = sqlx::query!(
        r#"select affiliate_id, since, status = 'approved' as "is_approved!", is_active
           from affiliate_standing where affiliate_id = any($1)"#,
        affiliates
    )
    .fetch_all(tx)
    .await
    .context("cannot read how affiliates stood")?;
    let affiliate = |is_approved, is_active| Affiliate { is_approved, is_active };
    Ok(History::by_key(
        rows.into_iter().map(|r| (r.affiliate_id, r.since, affiliate(r.is_approved, r.is_active))),
    ))
}

async fn partnership_history(
    tx: &mut PgConnection,
    partners: BTreeSet<(i64, i64)>,
) -> anyhow::Result<BTreeMap<(i64, i64), History<bool>>> {
    let (vendors, affiliates): (Vec<i64>, Vec<i64>) = partners.into_iter().unzip();
    let rows = sqlx::query!(
        r#"select p.vendor_id, p.affiliate_id, p.since, p.status = 'active' as "is_active!"
           from unnest($1::bigint[], $2::bigint[]) as asked (vendor_id, affiliate_id)
           join partnership_standing as p using (vendor_id, affiliate_id)"#,
        &vendors,
        &affiliates
    )
    .fetch_all(tx)
    .await
    .context("cannot read how partnerships stood")?;
    Ok(History::by_key(
        rows.into_iter().map(|row| ((row.vendor_id, row.affiliate_id), row.since, row.is_active)),
    ))
}
