//! Tenants are kept apart by the database, whatever the program above asks for.

use console::auth::Tenant;
use console::db;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::World;

/// How often one connection changes hands.
const ALTERNATIONS: usize = 10_000;

/// Columns that say whose a row is.
const OWNED_BY: &str = "('vendor_id', 'affiliate_id', 'link_id')";

async fn names(world: &World, query: String) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&world.owner).await.expect("the catalogue is read")
}

#[tokio::test]
async fn no_table_of_tenants_lacks_its_policies() {
    let world = World::empty().await;
    let owned = format!(
        "select distinct c.oid, c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid \
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not a.attisdropped \
           and a.attname in {OWNED_BY}"
    );
    let tables = names(&world, format!("select relname::text from ({owned}) t")).await;
    assert!(tables.len() > 30, "{tables:?}");
    let open = format!(
        "select t.relname::text from ({owned}) t join pg_class c using (oid) \
         where not (c.relrowsecurity and c.relforcerowsecurity)"
    );
    assert_eq!(names(&world, open).await, Vec::<String>::new(), "enable and force row-level security");
    // Without a policy nobody sees a row; with one for `public` everybody would.
    let without = format!(
        "select t.relname::text from ({owned}) t where not exists (select from pg_policy p where p.polrelid = t.oid) \
         or exists (select from pg_policy p where p.polrelid = t.oid and 0 = any(p.polroles))"
    );
    assert_eq!(names(&world, without).await, Vec::<String>::new());
    let granted = format!(
        "select r.rolname || ' ' || t.relname from ({owned}) t cross join pg_roles r \
         where r.rolname in ('linkledger_vendor', 'linkledger_affiliate') \
           and has_any_column_privilege(r.oid, t.oid, 'select') \
           and not exists (select from pg_policy p where p.polrelid = t.oid and r.oid = any(p.polroles))"
    );
    assert_eq!(names(&world, granted).await, Vec::<String>::new(), "a grant without a policy shows nothing");
}

#[tokio::test]
async fn roles_views_and_functions_open_no_back_door() {
    let world = World::empty().await;
    let mighty = "select rolname::text from pg_roles where rolname like 'linkledger\\_%' and (rolsuper or rolbypassrls or \
                  exists (select from pg_class where relowner = pg_roles.oid))";
    assert_eq!(names(&world, mighty.to_owned()).await, Vec::<String>::new());
    let definers = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v' \
                    and not coalesce(reloptions @> array['security_invoker=true'], false)";
    assert_eq!(names(&world, definers.to_owned()).await, Vec::<String>::new());
    let functions =
        "select proname::text from pg_proc where pronamespace = 'public'::regnamespace and prosecdef";
    assert_eq!(names(&world, functions.to_owned()).await, Vec::<String>::new());
    let nested = "select r.rolname || ' in ' || g.rolname from pg_auth_members m join pg_roles r on r.oid = m.member \
                  join pg_roles g on g.oid = m.roleid where r.rolname like 'linkledger\\_%'";
    assert_eq!(names(&world, nested.to_owned()).await, Vec::<String>::new(), "no role has another's rights");
}

#[tokio::test]
async fn whoever_is_not_told_whose_sees_nothing() {
    let world = World::with_programme().await;
    for role in ["linkledger_vendor", "linkledger_affiliate"] {
        let tables = names(
            &world,
            format!(
                "select relname::text from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') \
                 and has_table_privilege('{role}', oid, 'select') and relname not in ('vocabulary', 'vendor', 'product', \
                 'vendor_terms', 'product_rate')"
            ),
        )
        .await;
        assert!(tables.len() > 10, "{tables:?}");
        let mut tx = world.owner.begin().await.expect("a transaction");
        sqlx::query("select set_config('role', $1, true)")
            .bind(role)
            .execute(&mut *tx)
            .await
            .expect("the role");
        for table in tables {
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")))
                .fetch_one(&mut *tx)
                .await
                .unwrap_or_else(|error| panic!("{role} {table}: {error}"));
            assert_eq!(rows, 0, "{role} sees {table}");
        }
    }
}

/// Vendors, affiliates and links that can be seen now.
async fn seen(conn: &mut PgConnection) -> (Vec<i64>, Vec<i64>, Vec<String>) {
    sqlx::query_as(
        "select coalesce((select array_agg(distinct vendor_id order by vendor_id) from link), '{}'), \
                coalesce((select array_agg(distinct affiliate_id order by affiliate_id) from link), '{}'), \
                coalesce((select array_agg(code order by code) from link), '{}')",
    )
    .fetch_one(conn)
    .await
    .expect("what is seen")
}

async fn pool_of_one(world: &World) -> PgPool {
    let options = world.owner.connect_options().as_ref().clone().options([("role", "linkledger_console")]);
    PgPoolOptions::new().max_connections(1).connect_with(options).await.expect("one connection")
}

#[tokio::test]
async fn one_connection_that_changes_hands_leaks_nothing() {
    let world = World::with_programme().await;
    let pool = pool_of_one(&world).await;
    let all = ["expired-1", "paused-1", "rested-1", "summer-1", "summer-2"];
    let hands = [
        (Tenant::Vendor(1), &["expired-1", "paused-1", "rested-1", "summer-1"][..]),
        (Tenant::Vendor(2), &["summer-2"]),
        (Tenant::Programme, &all),
        (Tenant::Affiliate(1), &["expired-1", "paused-1", "summer-1"]),
        (Tenant::Affiliate(2), &["rested-1", "summer-2"]),
        (Tenant::Vendor(3), &[]),
    ];
    for turn in 0..ALTERNATIONS {
        // Neighbours differ in every turn, and a turn may end without a commit.
        let (tenant, codes) = hands[turn * 5 % hands.len()];
        let mut tx = pool.begin().await.expect("the connection");
        db::act_as(&mut tx, tenant).await.expect("the role is taken on");
        let (_, _, found) = seen(&mut tx).await;
        assert_eq!(found, codes, "turn {turn}: {tenant:?}");
        match turn % 3 {
            0 => tx.commit().await.expect("committed"),
            1 => tx.rollback().await.expect("rolled back"),
            _ => drop(tx),
        }
    }
}

#[tokio::test]
async fn what_is_not_theirs_cannot_be_written() {
    let world = World::with_programme().await;
    for (tenant, statement, changed) in [
        (Tenant::Vendor(1), "update link set is_active = false where code = 'summer-2'", Some(0)),
        (Tenant::Vendor(1), "update link set is_active = false where code = 'summer-1'", Some(1)),
        (
            Tenant::Vendor(1),
            "update vendor set website = 'https://shop.example.com' where vendor_id = 2",
            Some(0),
        ),
        (
            Tenant::Vendor(1),
            "insert into product (vendor_id, name, destination) values (2, 'x', 'https://shop.example.com')",
            None,
        ),
        (Tenant::Vendor(1), "update link set vendor_id = 2 where code = 'summer-1'", None),
        (Tenant::Vendor(1), "update affiliate set status = 'approved'", None),
        (Tenant::Affiliate(1), "update affiliate set bio = 'x' where affiliate_id = 2", Some(0)),
        (Tenant::Affiliate(1), "update affiliate set bio = 'x' where affiliate_id = 1", Some(1)),
        (Tenant::Affiliate(1), "update affiliate set status = 'approved', is_active = true", None),
        (Tenant::Affiliate(1), "insert into partnership_rate values (1, 1, now(), 900000)", None),
        (
            Tenant::Affiliate(1),
            "insert into audit_entry (actor, action, object, affiliate_id) values ('x', 'a.b', 'c', 2)",
            None,
        ),
        (Tenant::Vendor(1), "select secret_sha256 from api_key", None),
        (Tenant::Vendor(1), "select email from affiliate", None),
        (Tenant::Affiliate(1), "select body from order_event", None),
        (Tenant::Affiliate(1), "select * from session", None),
    ] {
        let mut tx = world.owner.begin().await.expect("a transaction");
        db::act_as(&mut tx, tenant).await.expect("the role is taken on");
        let outcome = sqlx::query(statement).execute(&mut *tx).await;
        assert_eq!(
            outcome.as_ref().ok().map(sqlx::postgres::PgQueryResult::rows_affected),
            changed,
            "{statement}: {outcome:?}"
        );
        if let Err(error) = outcome {
            let code =
                error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
            assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
        }
    }
}
