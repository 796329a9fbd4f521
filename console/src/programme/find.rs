//! From names in requests to rows. What the caller may not see is not there, as the database has it.

use common::url_rules::{AllowedHost, BadUrl, Rules, Schemes};
use sqlx::PgConnection;

use crate::auth::{Caller, Tenant};
use crate::conventions::possible;
use crate::problem::{Failure, unusable};

/// A vendor, as links and products need to know it.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    pub(super) vendor_id: i64,
    pub(super) name: String,
    allowed_hosts: Vec<String>,
    allows_http: bool,
}

impl Shop {
    /// The vendor of a body's `vendor_id`. A vendor need not name itself.
    pub(super) async fn of(
        conn: &mut PgConnection,
        caller: &Caller,
        public_id: Option<&str>,
    ) -> Result<Self, Failure> {
        let own = match (caller.tenant, public_id) {
            (Tenant::Vendor(own), None) => Some(own),
            (_, Some(_)) => None,
            (_, None) => {
                return Err(unusable("vendor_id", "missing_field", "say whose it is in `vendor_id`"));
            }
        };
        let missing = || unusable("vendor_id", "no_such_vendor", "there is no such vendor");
        let public_id = public_id.map(|id| possible(id, missing)).transpose()?;
        let found = sqlx::query_as!(
            Self,
            "select vendor_id, name, allowed_hosts, allows_http from vendor where vendor_id = $1 or public_id = $2",
            own,
            public_id
        );
        let found = found.fetch_optional(conn).await?;
        found.ok_or_else(missing)
    }

    /// The vendor with this number.
    pub(super) async fn numbered(conn: &mut PgConnection, vendor_id: i64) -> Result<Self, Failure> {
        let found = sqlx::query_as!(
            Self,
            "select vendor_id, name, allowed_hosts, allows_http from vendor where vendor_id = $1",
            vendor_id
        );
        let found = found.fetch_optional(conn).await?;
        found.ok_or_else(|| Failure::Missing("no_such_vendor", "there is no such vendor".to_owned()))
    }

    /// A URL by this vendor's rules, in the spelling that is stored.
    pub(super) fn url(
        &self,
        field: &str,
        text: &str,
        redirect_url: &str,
        by: fn(&str, &Rules<'_>) -> Result<String, BadUrl>,
    ) -> Result<String, Failure> {
        let hosts: Vec<AllowedHost> =
            self.allowed_hosts.iter().filter_map(|host| host.parse().ok()).collect();
        let schemes = if self.allows_http { Schemes::HttpToo } else { Schemes::Https };
        by(text, &Rules { allowed_hosts: &hosts, schemes, redirect_url }).map_err(|bad| bad_url(field, &bad))
    }
}

/// A complaint about a URL.
pub(crate) fn bad_url(field: &str, bad: &BadUrl) -> Failure {
    unusable(field, bad.code(), format!("`{field}` {bad}"))
}

/// The product of a body's `product_id`: its number and where it leads. It must be the vendor's, and on offer.
pub(super) async fn product(
    conn: &mut PgConnection,
    vendor_id: i64,
    public_id: &str,
) -> Result<(i64, String), Failure> {
    let missing = || unusable("product_id", "no_such_product", "the vendor has no such product");
    let found = sqlx::query!(
        "select product_id, destination, is_active from product where vendor_id = $1 and public_id = $2",
        vendor_id,
        possible(public_id, missing)?
    );
    match found.fetch_optional(conn).await? {
        Some(row) if row.is_active => Ok((row.product_id, row.destination)),
        Some(_) => Err(unusable("product_id", "product_inactive", "this product is not offered any more")),
        None => Err(missing()),
    }
}

/// The number of a body's `affiliate_id`. An affiliate is itself whatever it says, and says nothing or the truth.
pub(super) async fn affiliate(
    conn: &mut PgConnection,
    caller: &Caller,
    public_id: Option<&str>,
) -> Result<i64, Failure> {
    let own = match (caller.tenant, public_id) {
        (Tenant::Affiliate(own), None) => return Ok(own),
        (_, Some(public_id)) => public_id,
        (_, None) => {
            return Err(unusable("affiliate_id", "missing_field", "say whose it is in `affiliate_id`"));
        }
    };
    let missing = || unusable("affiliate_id", "no_such_affiliate", "there is no such affiliate");
    let own = possible(own, missing)?;
    let found = sqlx::query_scalar!("select affiliate_id from affiliate where public_id = $1", own);
    let found = found.fetch_optional(conn).await?;
    found.ok_or_else(missing)
}

/// What lists are narrowed to, as numbers. `None`: something was asked for that is not there, so nothing fits.
#[derive(Debug, Default)]
pub(super) struct Narrowed {
    pub(super) vendor: Option<i64>,
    pub(super) affiliate: Option<i64>,
    pub(super) product: Option<i64>,
}

impl Narrowed {
    /// Looks the names of filters up.
    pub(super) async fn to(
        conn: &mut PgConnection,
        vendor: Option<&str>,
        affiliate: Option<&str>,
        product: Option<&str>,
    ) -> sqlx::Result<Option<Self>> {
        let mut narrowed = Self::default();
        if let Some(name) = vendor {
            let found = sqlx::query_scalar!("select vendor_id from vendor where public_id = $1", name);
            narrowed.vendor = found.fetch_optional(&mut *conn).await?;
        }
        if let Some(name) = affiliate {
            let found = sqlx::query_scalar!("select affiliate_id from affiliate where public_id = $1", name);
            narrowed.affiliate = found.fetch_optional(&mut *conn).await?;
        }
        if let Some(name) = product {
            let found = sqlx::query_scalar!("select product_id from product where public_id = $1", name);
            narrowed.product = found.fetch_optional(&mut *conn).await?;
        }
        let is_found = vendor.is_some() == narrowed.vendor.is_some()
            && affiliate.is_some() == narrowed.affiliate.is_some()
            && product.is_some() == narrowed.product.is_some();
        Ok(is_found.then_some(narrowed))
    }
}
