//! The whole service while its stores come late, die and come back.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use aggregator::args::Config;
use aggregator::store::Stores;
use aggregator::{Status, migrate::migrate, run};
use common::secret::Master;
use common::token::KeyStates;
use onebox::servers::{Postgres, Redis};
use runtime::{Secret, Shutdown, clock};

use crate::edge::Edge;
use crate::shop::SECRET;
use crate::world::{World, partitions};

/// How long anything may take to heal on a busy machine.
const HEALS_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_its_stores_and_outlives_them() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut postgres = Postgres::start(folder.path()).expect("Postgres starts");
    let mut redis = Redis::start(folder.path()).expect("Redis starts");
    let owner_url = postgres.create_database().await.expect("a database");
    redis.kill9().expect("killed");
    postgres.kill9().expect("killed");

    let config = Config {
        database_url: Secret::new(owner_url.as_str()),
        redis_url: Secret::new(redis.aggregator_url.as_str()),
        master: Some(Master::parse(SECRET).expect("a secret")),
        token_keys: KeyStates::default(),
        partitions: partitions(),
        flush_interval: Duration::from_millis(200),
        admin_listen: "127.0.0.1:0".parse().expect("an address"),
    };
    let shutdown = Shutdown::new();
    let (address, service) = start(config, shutdown.clone());
    assert!(get(address, "/readyz").contains("503"), "nothing is there yet");
    postgres.restart().expect("restarted");
    until("the schema is missed", || get(address, "/readyz").contains("run `aggregator migrate`")).await;
    migrate(&owner_url, partitions()).await.expect("migrated");
    redis.restart().expect("restarted");
    set(&redis, "maxmemory-policy", "allkeys-lru").await;
    until("a Redis that forgets is refused", || get(address, "/readyz").contains("noeviction")).await;
    set(&redis, "maxmemory-policy", "noeviction").await;
    until("it is ready", || get(address, "/readyz").contains("200 OK")).await;

    let stores = Stores::open(&owner_url, &redis.aggregator_url, partitions()).expect("good URLs");
    let mut world = World::on(stores, redis, owner_url, folder);
    let mut edge = Edge::new(0);
    for outage in ["none", "redis", "postgres", "both"] {
        edge.clicks(100);
        edge.ship_all(&world).await;
        if matches!(outage, "redis" | "both") {
            world.redis.kill9().expect("killed");
        }
        if matches!(outage, "postgres" | "both") {
            postgres.kill9().expect("killed");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(get(address, "/livez").contains("200 OK"), "{outage}");
        if matches!(outage, "postgres" | "both") {
            postgres.restart().expect("restarted");
        }
        if matches!(outage, "redis" | "both") {
            world.redis.restart().expect("restarted");
        }
        counted(&world, &edge).await;
        Edge::assert_counted(&[&edge], &world).await;
    }
    until("the books are shown and agree", || {
        let metrics = get(address, "/metrics");
        metrics.contains("\naggregator_conservation_difference_clicks 0\n")
            && metrics.contains("\naggregator_postgres_clicks 400\n")
    })
    .await;
    shutdown.start();
    service.join().expect("no panic").expect("it stops cleanly");
}

async fn set(redis: &Redis, name: &str, value: &str) {
    let client = redis::Client::open(redis.url.as_str()).expect("a good URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let mut set = redis::cmd("CONFIG");
    let () = set.arg("SET").arg(name).arg(value).query_async(&mut connection).await.expect("set");
}

/// Sends and waits until everything is in Postgres.
async fn counted(world: &World, edge: &Edge) {
    let begun = clock::monotonic();
    while world.number("select coalesce(sum(clicks), 0) from flush_partition").await
        < edge.journal.len() as i64
    {
        assert!(begun.elapsed() < HEALS_WITHIN, "not counted");
        edge.ship_all(world).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = clock::monotonic();
    while !holds() {
        assert!(begun.elapsed() < HEALS_WITHIN, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs the service on a thread of its own, as its process does.
fn start(config: Config, shutdown: Shutdown) -> (SocketAddr, std::thread::JoinHandle<anyhow::Result<()>>) {
    std::thread::spawn(move || {
        let status = Status::open(&config, &shutdown).expect("the admin port opens");
        let address = status.admin.address;
        let service = std::thread::spawn(move || {
            let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            tokio.block_on(run(config, status, shutdown))
        });
        (address, service)
    })
    .join()
    .expect("it starts")
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).expect("the admin port listens");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("answered");
    answer
}
