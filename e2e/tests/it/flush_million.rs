//! How fast a flush is: very many counters at once, beside a bare COPY and upsert of the same rows in the same run.
//!
//! `LINKLEDGER_FLUSH_LINKS=41667` makes it a million (link, hour) counters; without it a small run proves the method.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aggregator::audit::audit;
use aggregator::jobs::flush::flush_all;
use aggregator::migrate::migrate;
use aggregator::store::Stores;
use common::ids::{Lane, LinkId, Partitions, Seq};
use common::time::{Day, Hour};
use common::traffic::{Browser, Channel, Country, Device, Os};
use common::wire::{Count, PartitionKeys, Stamps};
use onebox::servers::{Postgres, Redis};
use runtime::clock;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Links in the small run.
const FEW_LINKS: u64 = 1_000;
const DAY: Day = Day(20_777);
const HOURS: u32 = 24;
/// Clicks in every hour's counter.
const CLICKS: u64 = 3;
/// Commands in one pipeline to Redis.
const PIPELINE: usize = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_counters_flush_in_one_go() {
    let links = std::env::var_os("LINKLEDGER_FLUSH_LINKS")
        .and_then(|links| links.to_str()?.parse().ok())
        .unwrap_or(FEW_LINKS);
    let folder = tempfile::tempdir().expect("a temp folder");
    let redis = Redis::start(folder.path()).expect("Redis starts");
    let postgres = Postgres::start(folder.path()).expect("Postgres starts");
    let url = postgres.create_database().await.expect("a database");
    migrate(&url, Partitions::STANDALONE).await.expect("migrated");
    let stores = Stores::open(&url, &redis.aggregator_url, Partitions::STANDALONE).expect("good URLs");
    let mut bare = Bare::new(&url, links).await;

    let rows = links * u64::from(HOURS) + 2 * links;
    println!(
        "{} (link, hour) counters, {rows} rows; each round adds to the same keys",
        links * u64::from(HOURS)
    );
    for (round, what) in [(1, "insert"), (2, "update")] {
        fill(&redis.url, links, round).await;
        let begun = clock::monotonic();
        let cycle = flush_all(&stores).await;
        let flush = begun.elapsed();
        assert!(cycle.failed.is_empty(), "{:?}", cycle.failed);
        assert_eq!(cycle.clicks(), links * u64::from(HOURS) * CLICKS);
        let bare = bare.add().await;
        println!(
            "{what}: flush {} rows/s ({flush:.2?}, with {links} sketches), bare COPY + upsert {} rows/s ({bare:.2?}), \
             ratio {:.2}",
            rate(rows, flush),
            rate(rows, bare),
            bare.as_secs_f64() / flush.as_secs_f64()
        );
    }
    for finding in audit(&stores).await.expect("asked") {
        assert_eq!(finding.violations, 0, "{}", finding.invariant);
    }
    bare.assert_same_as_flushed().await;
}

fn rate(rows: u64, took: Duration) -> u64 {
    (rows as f64 / took.as_secs_f64()) as u64
}

/// The counters of one link: its hours, one platform, one origin.
fn counters(link: LinkId) -> impl Iterator<Item = (Count, u64)> {
    let hours = (0..HOURS).map(move |hour| (Count::Human(link, Hour(DAY.0 * 24 + hour)), CLICKS));
    let country = Country::parse("SE").expect("a country");
    let platform = Count::Platform(link, DAY, Device::default(), Browser::default(), Os::default());
    let origin = Count::Origin(link, DAY, country, Channel::default());
    let whole_day = u64::from(HOURS) * CLICKS;
    hours.chain([(platform, whole_day), (origin, whole_day)])
}

/// Makes the active bucket of every partition what shipping would have made it.
async fn fill(url: &str, links: u64, round: u64) {
    let client = redis::Client::open(url).expect("a good URL");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let (mut commands, mut stamps, mut name) = (redis::pipe(), Stamps::default(), Vec::new());
    let mut clicks = vec![0_u64; usize::from(Partitions::STANDALONE.count())];
    for link in (1..=links).map(LinkId) {
        let partition = link.partition(Partitions::STANDALONE);
        let keys = PartitionKeys::new(partition);
        for (count, n) in counters(link) {
            count.write(&mut stamps, &mut name);
            commands.hset(&keys.counts, name.as_slice(), n).ignore();
        }
        commands.pfadd(keys.sketch(link, DAY), &[link.0, link.0 + 1, round]).ignore();
        clicks[usize::from(partition.0)] += u64::from(HOURS) * CLICKS;
        if commands.len() >= PIPELINE {
            let () = commands.query_async(&mut redis).await.expect("filled");
            commands.clear();
        }
    }
    let lane = Lane(640).0;
    for partition in Partitions::STANDALONE.iter() {
        let keys = PartitionKeys::new(partition);
        let seq = |round: u64| if round == 0 { Seq::ZERO } else { Seq::new(1, round as u32) };
        commands.hset(&keys.base, lane, seq(round - 1).0).ignore();
        commands.hset(&keys.end, lane, seq(round).0).ignore();
        commands.hset(&keys.claim, lane, round * clicks[usize::from(partition.0)]).ignore();
    }
    let () = commands.query_async(&mut redis).await.expect("filled");
}

/// The yardstick: the same rows into tables with the same keys, by one COPY and one upsert a table.
struct Bare {
    postgres: PgConnection,
    tables: Vec<(&'static str, &'static str, String)>,
}

impl Bare {
    /// Makes the tables and writes the rows down as COPY reads them, which is not timed.
    async fn new(url: &str, links: u64) -> Self {
        let mut postgres = PgConnection::connect(url).await.expect("the owner may connect");
        let (mut hourly, mut platform, mut origin) = (String::new(), String::new(), String::new());
        let day = DAY.date();
        for (count, n) in (1..=links).map(LinkId).flat_map(counters) {
            let _infallible = match count {
                Count::Human(link, hour) => writeln!(hourly, "{}\t{}\t{n}\t0", link.0, hour.start()),
                Count::Filtered(link, hour) => writeln!(hourly, "{}\t{}\t0\t{n}", link.0, hour.start()),
                Count::Platform(link, _, device, browser, os) => {
                    let (device, browser, os) = (device.code(), browser.code(), os.code());
                    writeln!(platform, "{}\t{day}\t{device}\t{browser}\t{os}\t{n}", link.0)
                }
                Count::Origin(link, _, country, channel) => {
                    writeln!(origin, "{}\t{day}\t{}\t{}\t{n}", link.0, country.code(), channel.code())
                }
            };
        }
        let tables = vec![
            ("click_hourly", "link_id, hour", hourly),
            ("click_daily_platform", "link_id, day, device, browser, os", platform),
            ("click_daily_origin", "link_id, day, country, channel", origin),
        ];
        for (table, ..) in &tables {
            run(&mut postgres, format!("create table bare_{table} (like {table} including all)")).await;
        }
        Self { postgres, tables }
    }

    /// Adds every row once.
    async fn add(&mut self) -> Duration {
        let begun: Instant = clock::monotonic();
        run(&mut self.postgres, "begin".to_owned()).await;
        for (table, key, rows) in &self.tables {
            run(&mut self.postgres, format!("create temp table fresh (like {table}) on commit drop")).await;
            let mut copy = self.postgres.copy_in_raw("copy fresh from stdin").await.expect("COPY begins");
            copy.send(rows.as_bytes()).await.expect("rows are sent");
            copy.finish().await.expect("COPY ends");
            let filtered = match *table {
                "click_hourly" => ", filtered_clicks = counted.filtered_clicks + excluded.filtered_clicks",
                _ => "",
            };
            let upsert = format!(
                "insert into bare_{table} as counted table fresh on conflict ({key}) do update
                 set human_clicks = counted.human_clicks + excluded.human_clicks{filtered}; drop table fresh"
            );
            run(&mut self.postgres, upsert).await;
        }
        run(&mut self.postgres, "commit".to_owned()).await;
        begun.elapsed()
    }

    /// Both ways counted the same.
    async fn assert_same_as_flushed(&mut self) {
        for (table, ..) in &self.tables {
            let difference =
                format!("select count(*) from (table {table} except all table bare_{table}) as difference");
            let differing: i64 = sqlx::query_scalar(AssertSqlSafe(difference))
                .fetch_one(&mut self.postgres)
                .await
                .expect("compared");
            assert_eq!(differing, 0, "{table}");
        }
    }
}

async fn run(postgres: &mut PgConnection, statements: String) {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(postgres).await.expect("good SQL");
}
