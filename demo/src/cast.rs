//! Who takes part: the demo programme's links with everything they hang on, as Postgres has them.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::dice::mix;

/// Everybody.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) links: Vec<Link>,
    pub(crate) products: Vec<Product>,
}

/// A link, and from when to when it was tracked.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Link {
    pub(crate) id: i64,
    pub(crate) vendor_id: i64,
    /// The vendor's place among the vendors, from 0.
    pub(crate) vendor_nth: i64,
    pub(crate) affiliate_id: i64,
    /// The affiliate's place among the affiliates, from 0: the first are the best known.
    pub(crate) affiliate_nth: i64,
    pub(crate) email: String,
    pub(crate) country: String,
    pub(crate) product_id: i64,
    pub(crate) began: DateTime<Utc>,
    pub(crate) ended: Option<DateTime<Utc>>,
}

/// Something that is sold.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Product {
    pub(crate) id: i64,
    pub(crate) vendor_id: i64,
    pub(crate) name: String,
    pub(crate) price_minor: i64,
}

impl Cast {
    pub(crate) async fn read(tx: &mut PgConnection) -> anyhow::Result<Self> {
        let links = sqlx::query_as(include_str!("cast/links.sql"))
            .fetch_all(&mut *tx)
            .await
            .context("cannot read the demo's links")?;
        let products = sqlx::query_as(
            "select product_id as id, vendor_id, name, price_minor from product where price_minor is not null order by product_id",
        )
        .fetch_all(tx)
        .await
        .context("cannot read the demo's products")?;
        Ok(Self { links, products })
    }

    pub(crate) fn product(&self, product_id: i64) -> Option<&Product> {
        self.products.iter().find(|product| product.id == product_id)
    }

    /// What a vendor sells.
    pub(crate) fn of_vendor(&self, vendor_id: i64) -> Vec<&Product> {
        self.products.iter().filter(|product| product.vendor_id == vendor_id).collect()
    }
}

impl Link {
    pub(crate) fn is_tracked(&self, at: DateTime<Utc>) -> bool {
        self.began <= at && self.ended.is_none_or(|ended| at < ended)
    }

    /// How many people follow it on a usual day: few affiliates have many followers.
    pub(crate) fn draw(&self) -> f64 {
        let rank = 1.0 / (1.0 + self.affiliate_nth as f64).powf(0.65);
        let taste = 0.4 + (mix(self.id.cast_unsigned()) % 1_000) as f64 / 700.0;
        70.0 * rank * taste
    }
}
