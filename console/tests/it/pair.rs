//! Two connections read one instant: whatever is written meanwhile, for one tenant alone, and as well with one connection.

use console::auth::Tenant;
use console::db::Pair;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};

use crate::support::World;

async fn pool(world: &World, connections: u32) -> PgPool {
    let options = world.owner.connect_options().as_ref().clone().options([("role", "linkledger_console")]);
    let pool = PgPoolOptions::new().max_connections(connections).connect_with(options).await.expect("a pool");
    let mut held = Vec::new();
    for _ in 0..connections {
        held.push(pool.acquire().await.expect("a connection"));
    }
    // They are idle once they have been given back, which a task of their own does.
    drop(held);
    while pool.num_idle() < connections as usize {
        tokio::task::yield_now().await;
    }
    pool
}

/// Which connection this is, and the links it sees.
async fn seen(conn: &mut PgConnection) -> sqlx::Result<(i32, Vec<String>)> {
    sqlx::query_as("select pg_backend_pid(), array(select code from link order by code)")
        .fetch_one(conn)
        .await
}

#[tokio::test]
async fn one_instant_is_read_by_as_many_connections_as_there_are() {
    let world = World::with_programme().await;
    for connections in [1, 2] {
        let pool = pool(&world, connections).await;
        let mut pair = Pair::open(&pool, Tenant::Vendor(2)).await.expect("a pair");
        let added = format!(
            "insert into link (code, vendor_id, affiliate_id, destination) values ('late-{connections}', 2, 2, 'https://shop.example.com/')"
        );
        world.run(&added).await;
        let (one, other) = pair.read(seen, seen).await.expect("both are read");
        assert_eq!(
            one.0 != other.0,
            connections == 2,
            "each is read by a connection of its own where there are two"
        );
        assert_eq!(one.1, other.1);
        assert!(one.1.contains(&"summer-2".to_owned()) && !one.1.contains(&"summer-1".to_owned()), "{one:?}");
        assert!(!one.1.contains(&format!("late-{connections}")), "{one:?}");
        pair.commit().await.expect("both are given back");
    }
}

#[tokio::test]
async fn what_fails_on_one_connection_leaves_both_in_the_pool() {
    let world = World::with_programme().await;
    let pool = pool(&world, 2).await;
    let wrong = async |conn: &mut PgConnection| sqlx::query("select 1 / 0").execute(conn).await.map(|_| ());
    for _ in 0..8 {
        let mut pair = Pair::open(&pool, Tenant::Programme).await.expect("a pair");
        pair.read(wrong, seen).await.expect_err("nothing is divided by nothing");
        drop(pair);
        let mut pair = Pair::open(&pool, Tenant::Affiliate(1)).await.expect("another pair");
        let (one, other) = pair.read(seen, seen).await.expect("both are read");
        assert_eq!((&one.1, one.1.len()), (&other.1, 3), "{one:?} {other:?}");
        pair.commit().await.expect("both are given back");
    }
    assert_eq!(pool.size(), 2);
}
