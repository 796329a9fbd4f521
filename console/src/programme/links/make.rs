//! Making links: one, many, or a file of them. One way through for all, so that no way is laxer than another.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use common::url_rules;
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::code;
use super::standing::Standing;
use crate::audit;
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{LinkCode, WebAddress};
use crate::problem::{Failure, unusable};
use crate::programme::find::{self, Shop};

/// Random codes that are tried before giving up: the first is free but for one in 10^11.
const TRIES: u32 = 3;
/// How far ahead a link may expire; later means never.
const MAX_AHEAD: TimeDelta = TimeDelta::days(20 * 366);

/// A link that is wanted.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkWanted)]
pub(crate) struct Wanted {
    pub(crate) vendor_id: Option<String>,
    pub(crate) product_id: Option<String>,
    /// For operators: whose it will be.
    pub(crate) affiliate_id: Option<String>,
    /// Where it leads; the product's page unless given.
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) destination: Option<String>,
    /// Random unless given.
    #[schema(value_type = Option<LinkCode>)]
    pub(crate) code: Option<String>,
    pub(crate) expiry_date: Option<DateTime<Utc>>,
}

/// Makes links for one caller, in one transaction, at one instant.
pub(crate) struct Maker<'a> {
    pub(super) caller: &'a Caller,
    pub(super) redirect_url: &'a str,
    pub(super) now: DateTime<Utc>,
    /// Whoever was looked up already: a file of links names few.
    shops: HashMap<Option<String>, Shop>,
    standings: HashMap<(i64, i64), Standing>,
}

impl<'a> Maker<'a> {
    /// Refuses whoever may not make links.
    pub(crate) fn new(
        caller: &'a Caller,
        redirect_url: &'a str,
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        may(caller)?;
        Ok(Self { caller, redirect_url, now, shops: HashMap::new(), standings: HashMap::new() })
    }

    /// Makes one link and gives its code. A refusal leaves nothing behind and lets the transaction go on.
    pub(super) async fn make(&mut self, conn: &mut PgConnection, wanted: &Wanted) -> Result<String, Failure> {
        let shop = self.shop(conn, wanted.vendor_id.as_ref()).await?;
        let affiliate = find::affiliate(conn, self.caller, wanted.affiliate_id.as_deref()).await?;
        let standing = self.standing(conn, shop.vendor_id, affiliate).await?;
        standing.check_affiliate()?;
        standing.check_partnership()?;
        let product = match &wanted.product_id {
            None => None,
            Some(id) => Some(find::product(conn, shop.vendor_id, id).await?),
        };
        let (product, of_product) = product.unzip();
        let missing = || unusable("destination", "missing_field", "give a `product_id` or a `destination`");
        let destination = wanted.destination.clone().or(of_product).ok_or_else(missing)?;
        let destination = shop.url("destination", &destination, self.redirect_url, url_rules::destination)?;
        let expiry_date = expiry(wanted.expiry_date, self.now)?;
        let written = Written { shop: &shop, product, affiliate, destination: &destination, expiry_date };
        let code = match &wanted.code {
            Some(text) => written.under(conn, code::chosen(text)?).await?.ok_or_else(taken)?,
            None => written.under_any(conn).await?,
        };
        let detail =
            json!({"destination": destination, "product_id": wanted.product_id, "expiry_date": expiry_date});
        audit::record(conn, self.caller, "link.create", &code, Some(shop.vendor_id), Some(affiliate), detail)
            .await?;
        Ok(code)
    }

    async fn shop(&mut self, conn: &mut PgConnection, name: Option<&String>) -> Result<Shop, Failure> {
        if let Some(known) = self.shops.get(&name.cloned()) {
            return Ok(known.clone());
        }
        let shop = Shop::of(conn, self.caller, name.map(String::as_str)).await?;
        self.shops.insert(name.cloned(), shop.clone());
        Ok(shop)
    }

    async fn standing(
        &mut self,
        conn: &mut PgConnection,
        vendor: i64,
        affiliate: i64,
    ) -> Result<Standing, Failure> {
        if let Some(known) = self.standings.get(&(vendor, affiliate)) {
            return Ok(known.clone());
        }
        let standing = Standing::of(conn, vendor, affiliate).await?;
        self.standings.insert((vendor, affiliate), standing.clone());
        Ok(standing)
    }
}

/// Refuses whoever may not make links: those are affiliates and operators.
pub(super) fn may(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    if matches!(caller.tenant, Tenant::Vendor(_)) { Err(Failure::OperatorsOnly) } else { Ok(()) }
}

/// A link that may be made, under whatever code.
struct Written<'a> {
    shop: &'a Shop,
    product: Option<i64>,
    affiliate: i64,
    destination: &'a str,
    expiry_date: Option<DateTime<Utc>>,
}

impl Written<'_> {
    /// Makes it under a random code.
    async fn under_any(&self, conn: &mut PgConnection) -> Result<String, Failure> {
        for _ in 0..TRIES {
            if let Some(code) = self.under(conn, code::random()?).await? {
                return Ok(code);
            }
        }
        Err(Failure::Fault("no random code is free".to_owned()))
    }

    /// Makes it under this code, unless another link has it.
    async fn under(&self, conn: &mut PgConnection, code: String) -> Result<Option<String>, Failure> {
        let made = sqlx::query!(
            "insert into link (code, vendor_id, product_id, affiliate_id, destination, expiry_date) \
             values ($1, $2, $3, $4, $5, $6) on conflict (code) do nothing",
            code,
            self.shop.vendor_id,
            self.product,
            self.affiliate,
            self.destination,
            self.expiry_date
        );
        let rows = made.execute(conn).await.map_err(Failure::writing)?.rows_affected();
        Ok((rows == 1).then_some(code))
    }
}

/// When a link is to expire: later than now.
pub(super) fn expiry(
    wanted: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Failure> {
    match wanted {
        Some(at) if at <= now => {
            Err(unusable("expiry_date", "in_the_past", "`expiry_date` must be later than now"))
        }
        Some(at) if at > now + MAX_AHEAD => Err(unusable(
            "expiry_date",
            "too_far_ahead",
            "leave `expiry_date` out for a link that does not expire",
        )),
        other => Ok(other),
    }
}

fn taken() -> Failure {
    Failure::Conflict("code_taken", "another link has this code: choose another one".to_owned())
}
