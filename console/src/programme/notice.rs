//! Mails to people whom a change concerns, and messages to systems that want to hear of it, in the transaction of the
//! change. A vendor may cause them without seeing addresses: for this moment the transaction is the programme's.

use serde_json::Value;
use sqlx::PgConnection;

use crate::auth::Caller;
use crate::db;
use crate::problem::Failure;

/// Tells an affiliate by mail, if it has an address.
pub(super) async fn to_affiliate(
    conn: &mut PgConnection,
    caller: &Caller,
    affiliate_id: i64,
    subject: &str,
    body: &str,
) -> Result<(), Failure> {
    be_the_programme(conn).await?;
    let queued = sqlx::query!(
        "insert into mail (recipient, subject, body) select email, $2, $3 from affiliate where affiliate_id = $1 and email is not null",
        affiliate_id,
        subject,
        body
    );
    queued.execute(&mut *conn).await.map_err(Failure::writing)?;
    db::act_as(conn, caller.tenant).await.map_err(Failure::writing)
}

/// Tells every affiliate that promotes a vendor now.
pub(super) async fn to_partners(
    conn: &mut PgConnection,
    caller: &Caller,
    vendor_id: i64,
    subject: &str,
    body: &str,
) -> Result<(), Failure> {
    be_the_programme(conn).await?;
    let queued = sqlx::query!(
        "insert into mail (recipient, subject, body) select a.email, $2, $3 from affiliate a \
         join partnership p using (affiliate_id) \
         where p.vendor_id = $1 and p.status = 'active' and a.status = 'approved' and a.email is not null",
        vendor_id,
        subject,
        body
    );
    queued.execute(&mut *conn).await.map_err(Failure::writing)?;
    db::act_as(conn, caller.tenant).await.map_err(Failure::writing)
}

/// Tells the people who sign in for a vendor.
pub(super) async fn to_vendor(
    conn: &mut PgConnection,
    caller: &Caller,
    vendor_id: i64,
    subject: &str,
    body: &str,
) -> Result<(), Failure> {
    be_the_programme(conn).await?;
    let queued = sqlx::query!(
        "insert into mail (recipient, subject, body) select email, $2, $3 from account where vendor_id = $1 and disabled_at is null",
        vendor_id,
        subject,
        body
    );
    queued.execute(&mut *conn).await.map_err(Failure::writing)?;
    db::act_as(conn, caller.tenant).await.map_err(Failure::writing)
}

/// Queues one mail to anybody.
pub(super) async fn to_address(
    conn: &mut PgConnection,
    caller: &Caller,
    address: &str,
    subject: &str,
    body: &str,
) -> Result<(), Failure> {
    be_the_programme(conn).await?;
    let queued = sqlx::query!(
        "insert into mail (recipient, subject, body) values ($1, $2, $3)",
        address,
        subject,
        body
    );
    queued.execute(&mut *conn).await.map_err(Failure::writing)?;
    db::act_as(conn, caller.tenant).await.map_err(Failure::writing)
}

/// Tells systems that want to hear of it.
pub(super) async fn to_systems(
    conn: &mut PgConnection,
    caller: &Caller,
    vendor_id: i64,
    topic: &str,
    data: &Value,
) -> Result<(), Failure> {
    be_the_programme(conn).await?;
    let told =
        sqlx::query!("select webhook_publish($1, $2, $3::text::jsonb)", vendor_id, topic, data.to_string());
    told.fetch_one(&mut *conn).await.map_err(Failure::writing)?;
    db::act_as(conn, caller.tenant).await.map_err(Failure::writing)
}

/// Lets a transaction act for the programme; [`db::act_as`] gives it back to its tenant.
pub(crate) async fn be_the_programme(conn: &mut PgConnection) -> Result<(), Failure> {
    let role = sqlx::query!("select set_config('role', 'linkledger_operator', true)");
    role.fetch_one(conn).await.map_err(Failure::writing)?;
    Ok(())
}
