//! Who did what: every act of administration leaves a row, in the transaction that did it.

use serde_json::Value;
use sqlx::PgConnection;

use crate::auth::{Caller, Tenant};
use crate::problem::Failure;

/// Writes an act down: what was done, to what, and whose it is. `detail` says what changed, never a secret.
///
/// Actions are `thing.deed`: `affiliate.approve`. A vendor's and an affiliate's own acts are theirs without being told.
pub async fn record(
    conn: &mut PgConnection,
    caller: &Caller,
    action: &str,
    object: &str,
    vendor_id: Option<i64>,
    affiliate_id: Option<i64>,
    detail: Value,
) -> Result<(), Failure> {
    let (vendor_id, affiliate_id) = match caller.tenant {
        Tenant::Programme => (vendor_id, affiliate_id),
        Tenant::Vendor(own) => (Some(own), affiliate_id),
        Tenant::Affiliate(own) => (vendor_id, Some(own)),
    };
    record_as(conn, &caller.actor(), action, object, vendor_id, affiliate_id, detail).await
}

/// The same for somebody who is no caller yet: who signs in, or sits at the machine.
pub async fn record_as(
    conn: &mut PgConnection,
    actor: &str,
    action: &str,
    object: &str,
    vendor_id: Option<i64>,
    affiliate_id: Option<i64>,
    detail: Value,
) -> Result<(), Failure> {
    let detail = if detail.is_null() { "{}".to_owned() } else { detail.to_string() };
    sqlx::query!(
        "insert into audit_entry (actor, action, object, vendor_id, affiliate_id, detail) \
         values ($1, $2, $3, $4, $5, $6::text::jsonb)",
        actor,
        action,
        object,
        vendor_id,
        affiliate_id,
        detail
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(())
}
