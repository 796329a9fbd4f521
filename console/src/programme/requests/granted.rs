//! What comes of a request that is approved, in the transaction that approves it.

use chrono::{DateTime, Utc};
use common::rate::Rate;
use serde_json::json;
use sqlx::PgConnection;

use super::AffiliateRequest;
use crate::audit;
use crate::auth::Caller;
use crate::problem::Failure;
use crate::programme::rate_input::begins;
use crate::programme::{links, partnerships, rates};

/// Makes the partnership, or makes one that ended active again.
pub(super) async fn join(
    conn: &mut PgConnection,
    caller: &Caller,
    asked: &AffiliateRequest,
    rate: Rate,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let (vendor_id, affiliate_id) = (asked.vendor_number, asked.affiliate_number);
    let standing = links::Standing::of(conn, vendor_id, affiliate_id).await?;
    standing.check_affiliate()?;
    let joined = sqlx::query_scalar!(
        "insert into partnership (vendor_id, affiliate_id, status, joined_at) values ($1, $2, 'active', $3) \
         on conflict (vendor_id, affiliate_id) do update set status = 'active', \
         joined_at = coalesce(partnership.joined_at, excluded.joined_at), row_version = partnership.row_version + 1 \
         where partnership.status <> 'active' \
         returning public_id",
        vendor_id,
        affiliate_id,
        at
    );
    let id = joined.fetch_optional(&mut *conn).await.map_err(Failure::writing)?.ok_or_else(|| {
        Failure::Conflict("partnership_exists", "they have an active partnership already".to_owned())
    })?;
    partnerships::add_rate(conn, vendor_id, affiliate_id, at, rate).await?;
    let detail = json!({"request_id": asked.request_id, "rate_ppm": rate.ppm()});
    audit::record(conn, caller, "partnership.activate", &id, Some(vendor_id), Some(affiliate_id), detail)
        .await?;
    partnerships::announce(conn, caller, &id, &partnerships::welcome(&asked.vendor_name, rate)).await
}

/// Agrees on another rate from now on.
pub(super) async fn raise(
    conn: &mut PgConnection,
    caller: &Caller,
    asked: &AffiliateRequest,
    rate: Rate,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let (vendor_id, affiliate_id) = (asked.vendor_number, asked.affiliate_number);
    links::Standing::of(conn, vendor_id, affiliate_id).await?.check_partnership()?;
    let before = rates::in_force(conn, vendor_id, affiliate_id, at).await?;
    let since = begins(caller.tenant, None, (before, Some(rate)), at)?;
    partnerships::add_rate(conn, vendor_id, affiliate_id, since, rate).await?;
    let bump = sqlx::query_scalar!(
        "update partnership set row_version = row_version + 1 where vendor_id = $1 and affiliate_id = $2 returning public_id",
        vendor_id,
        affiliate_id
    );
    let id = bump.fetch_one(&mut *conn).await.map_err(Failure::writing)?;
    let detail = json!({"from_ppm": before.map(Rate::ppm), "to_ppm": rate.ppm(), "since": since});
    audit::record(conn, caller, "partnership.rate", &id, Some(vendor_id), Some(affiliate_id), detail).await
}
