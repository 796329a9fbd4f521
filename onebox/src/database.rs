//! What `onebox` does to the database itself: users for the services, and the demo programme.
//!
//! The schema is not its business: `aggregator migrate` makes it.

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::demo::Link;
use crate::servers::postgres::Passwords;

/// The aggregator's login user in a private cluster.
pub(crate) const AGGREGATOR_USER: &str = "onebox_aggregator";
/// The console's login user in a private cluster.
pub(crate) const CONSOLE_USER: &str = "onebox_console";
/// What the console acts as.
const CONSOLE_GROUPS: &str = "linkledger_console, linkledger_intake, linkledger_operator, linkledger_accounts, \
     linkledger_vendor, linkledger_affiliate";
/// What every code of the demo begins with; nothing else is ever clicked by `onebox`.
const DEMO_CODES: &str = "demo-%";

/// Connects as the owner.
pub(crate) async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    let shown = runtime::config::without_password(url);
    PgConnection::connect(url).await.with_context(|| format!("cannot connect to {shown}"))
}

/// Makes the database if it is not there.
pub(crate) async fn create_database(maintenance: &mut PgConnection, name: &str) -> anyhow::Result<()> {
    let found: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&mut *maintenance)
        .await?;
    if found {
        return Ok(());
    }
    let statement = AssertSqlSafe(format!("create database {name}"));
    sqlx::raw_sql(statement)
        .execute(maintenance)
        .await
        .with_context(|| format!("cannot create {name}"))
        .map(drop)
}

/// Makes a login user for each service, a member of the group roles that the migrations made for it. The console acts
/// as one of these at a time: it reads, takes in what shops report, writes down what people decide, signs people in, or
/// acts for one vendor or one affiliate.
///
/// The passwords are hexadecimal text, so they need no quoting beyond the quotes.
pub(crate) async fn create_users(database: &mut PgConnection, passwords: &Passwords) -> anyhow::Result<()> {
    let users = [
        (AGGREGATOR_USER, "linkledger_aggregator", &passwords.aggregator),
        (CONSOLE_USER, CONSOLE_GROUPS, &passwords.console),
    ];
    for (user, groups, password) in users {
        let found: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(user)
            .fetch_one(&mut *database)
            .await?;
        let verb = if found { "alter" } else { "create" };
        let statement = format!("{verb} role {user} login password '{password}'; grant {groups} to {user}");
        let outcome = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *database).await;
        outcome.with_context(|| format!("cannot make the user {user} a member of {groups}"))?;
    }
    Ok(())
}

/// Puts the demo programme into a database that has no vendor yet; changes nothing in any other.
pub(crate) async fn seed_demo(database: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::raw_sql(include_str!("demo/programme.sql"))
        .execute(database)
        .await
        .context("cannot write the demo programme")
        .map(drop)
}

/// Makes accounts for the demo's people, beside the first operator. They have no passwords: the console lets them in with
/// one click, on this machine and in a demo only.
pub(crate) async fn create_demo_accounts(database: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::raw_sql(include_str!("demo/accounts.sql"))
        .execute(database)
        .await
        .context("cannot make accounts for the demo's people")
        .map(drop)
}

/// The demo's links that are tracked now; none in a database that has no demo programme.
pub(crate) async fn demo_links(database: &mut PgConnection) -> anyhow::Result<Vec<Link>> {
    sqlx::query_as(include_str!("demo/links.sql"))
        .bind(DEMO_CODES)
        .fetch_all(database)
        .await
        .context("cannot read the demo's links")
}
