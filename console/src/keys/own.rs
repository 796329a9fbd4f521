//! The endpoints of one's own shop: where Stripe, Shopify, `WooCommerce`, a tracker or a signed program reports orders.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::command::EndpointSource;
use super::make;
use crate::auth::{Caller, Scope};
use crate::problem::Failure;
use crate::programme::notice;
use crate::server::App;
use crate::{audit, db};

/// Endpoints of one vendor: five systems, and each once more while it is replaced.
const MAX_ENDPOINTS: usize = 10;

/// An endpoint that is switched on.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) webhook_endpoint_id: String,
    pub(crate) source: String,
    pub(crate) created_at: DateTime<Utc>,
}

impl Endpoint {
    /// Where the console answers for it.
    pub(crate) fn path(&self) -> String {
        make::path(&self.source, &self.webhook_endpoint_id)
    }
}

/// The caller's own endpoints, newest first.
pub(crate) async fn endpoints(app: &App, caller: &Caller) -> Result<Vec<Endpoint>, Failure> {
    let vendor_id = vendor(caller)?;
    let mut tx = db::tenant_tx(app, caller).await?;
    let found = sqlx::query_as!(
        Endpoint,
        "select webhook_endpoint_id, source, created_at from webhook_endpoint \
         where vendor_id = $1 and disabled_at is null order by created_at desc, webhook_endpoint_id",
        vendor_id
    );
    Ok(found.fetch_all(&mut *tx).await?)
}

/// Makes an endpoint for the caller's shop, and gives its secret: only now is it told.
pub(crate) async fn endpoint(app: &App, caller: &Caller, source: EndpointSource) -> Result<String, Failure> {
    let vendor_id = vendor(caller)?;
    caller.require(Scope::ProgrammeWrite)?;
    let seal = app.seal.as_ref().ok_or(Failure::NoSecret)?;
    if endpoints(app, caller).await?.len() >= MAX_ENDPOINTS {
        let words = format!("your shop has {MAX_ENDPOINTS} addresses already; ask us to switch one off");
        return Err(Failure::Conflict("too_many_endpoints", words));
    }
    let fault = |error: anyhow::Error| Failure::Fault(error.to_string());
    let secret = make::invent(source.name()).map_err(fault)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    notice::be_the_programme(&mut tx).await?;
    let id = make::endpoint(&mut tx, seal, source, Some(vendor_id), &secret).await.map_err(fault)?;
    db::act_as(&mut tx, caller.tenant).await.map_err(Failure::writing)?;
    let detail = json!({"source": source.name()});
    audit::record(&mut tx, caller, "webhook_endpoint.create", &id, Some(vendor_id), None, detail).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(secret.expose().to_owned())
}

/// The vendor whose shop it is. 404 for whoever has none.
pub(crate) fn vendor(caller: &Caller) -> Result<i64, Failure> {
    caller
        .vendor()
        .ok_or_else(|| Failure::Missing("no_shop", "only a vendor has a shop to set up".to_owned()))
}
