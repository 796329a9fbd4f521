//! A row of `link_published` as the edges read it.

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use common::ids::{LinkId, VendorId};
use common::link::{Entry, Published};
use common::time::Millis;

/// Redis compares versions as doubles, which are exact up to here. Versions are milliseconds: this is far away.
const VERSION_LIMIT: i64 = 1 << 53;

/// A row of the view `link_published`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) link_id: i64,
    pub(super) code: String,
    pub(super) vendor_id: i64,
    pub(super) affiliate_id: i64,
    pub(super) product_id: Option<i64>,
    pub(super) destination: String,
    pub(super) fallback_url: Option<String>,
    pub(super) expiry_date: Option<DateTime<Utc>>,
    pub(super) version: i64,
    pub(super) is_active: bool,
}

impl Row {
    /// The entry to publish under the link's code.
    pub(super) fn into_entry(self) -> anyhow::Result<Entry> {
        let version = version(&self.code, self.version)?;
        let vendor =
            u32::try_from(self.vendor_id).with_context(|| format!("link {}: vendor id", self.code))?;
        let link = Published {
            link: LinkId(self.link_id.cast_unsigned()),
            vendor: VendorId(vendor),
            affiliate: self.affiliate_id.cast_unsigned(),
            product: self.product_id.unwrap_or(0).cast_unsigned(),
            destination: self.destination,
            fallback: self.fallback_url,
            is_active: self.is_active,
            // A date before 1970 has passed as well as 1970 itself.
            expires: self.expiry_date.map(|at| Millis(at.timestamp_millis().max(0).cast_unsigned())),
        };
        Ok(Entry { code: self.code, version, link: Some(link) })
    }
}

/// The mark that there is no link under this code any more.
pub(super) fn tombstone(code: String, deleted_at_version: i64) -> anyhow::Result<Entry> {
    let version = version(&code, deleted_at_version)?;
    Ok(Entry { code, version, link: None })
}

fn version(code: &str, version: i64) -> anyhow::Result<u64> {
    ensure!((0..VERSION_LIMIT).contains(&version), "link {code}: version {version} is out of range");
    Ok(version.cast_unsigned())
}
