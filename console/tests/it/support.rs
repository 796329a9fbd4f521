//! A console over a database of its own, a reader, and rows to read.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use common::hll::Sketch;
use console::front::{Guests, Reports};
use console::outgoing::Reach;
use console::seal::{Seal, place};
use console::store::Place;
use console::{Config, Console};
use onebox::servers::{SharedPostgres, shared_postgres};
use runtime::{Secret, Shutdown, clock};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What every database here has.
static SCHEMA: Migrator = sqlx::migrate!("../migrations");

/// What the console seals with.
const SECRET: &str = "5ea1ed0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d";

/// The cookie of an administrator who is signed in in every test.
pub(crate) const READER: &str = "made-up-session-of-a-reader-43-characters--";

/// An answer later than this is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// A console, its database as the owner sees it, and what keeps both alive.
pub(crate) struct World {
    pub(crate) owner: PgPool,
    pub(crate) console: Console,
    pub(crate) url: String,
    shutdown: Shutdown,
    _postgres: SharedPostgres,
}

impl World {
    /// A console over the schema without a row.
    pub(crate) async fn empty() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let postgres = shared_postgres(folder).await.expect("a private Postgres; apt-get install postgresql");
        let url = postgres.create_migrated_database(&SCHEMA).await.expect("a database");
        let owner = migrated(&url).await;
        let (console, shutdown) = console_over(&url).await;
        Self { owner, console, url, shutdown, _postgres: postgres }
    }

    /// Two vendors, two affiliates, and five links: `summer-1` busy, `summer-2` with one click, `paused-1`, `expired-1`
    /// and `rested-1` without any.
    pub(crate) async fn with_programme() -> Self {
        let world = Self::empty().await;
        world.run(include_str!("programme.sql")).await;
        world
    }

    /// Runs statements as the owner.
    pub(crate) async fn run(&self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&self.owner).await.expect("good statements");
    }

    /// Adds clicks of a link in one hour, `hours_ago` before the current one.
    pub(crate) async fn clicks(&self, link_id: i64, hour: DateTime<Utc>, human: i64, filtered: i64) {
        sqlx::query("insert into click_hourly values ($1, date_trunc('hour', $2), $3, $4)")
            .bind(link_id)
            .bind(hour)
            .bind(human)
            .bind(filtered)
            .execute(&self.owner)
            .await
            .expect("clicks are added");
    }

    /// Adds the visitors of a link on a day; visitors are numbers.
    pub(crate) async fn visitors(&self, link_id: i64, day: NaiveDate, visitors: std::ops::Range<u64>) {
        let estimate = (visitors.end - visitors.start) as i64;
        sqlx::query("insert into visit_daily values ($1, $2, $3, $4)")
            .bind(link_id)
            .bind(day)
            .bind(sketch(visitors))
            .bind(estimate)
            .execute(&self.owner)
            .await
            .expect("visitors are added");
    }

    /// Reads a page as a browser on this machine would.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.console.address, path).await
    }

    /// Reads without a key or a session.
    pub(crate) async fn read_as_nobody(&self, path: &str) -> Answer {
        send(self.console.address, "GET", path, &[], "").await
    }

    /// Reads JSON that must be an ordinary answer.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json");
        answer.json()
    }

    /// An API key, as `Authorization` wants it. Without a vendor it is the programme's.
    pub(crate) async fn key(&self, name: &str, vendor: Option<i64>, scopes: &[&str]) -> String {
        let (id, secret) = (format!("{name}0123456789"), "made-up-secret-of-a-test");
        sqlx::query("insert into api_key (api_key_id, vendor_id, name, secret_sha256, scopes) values ($1, $2, $3, $4, $5)")
            .bind(&id)
            .bind(vendor)
            .bind(name)
            .bind(console::auth::secret_hash(secret).to_vec())
            .bind(scopes)
            .execute(&self.owner)
            .await
            .expect("a key is added");
        format!("Bearer llk_{id}_{secret}")
    }

    /// A webhook endpoint of vendor 1 with one secret.
    pub(crate) async fn endpoint(&self, source: &str, secret: &str) -> String {
        let id = format!("{source}0123456789abcdef");
        sqlx::query(
            "insert into webhook_endpoint (webhook_endpoint_id, vendor_id, source) values ($1, 1, $2)",
        )
        .bind(&id)
        .bind(source)
        .execute(&self.owner)
        .await
        .expect("an endpoint is added");
        self.webhook_secret(&id, 1, secret).await;
        id
    }

    /// One more secret of an endpoint.
    pub(crate) async fn webhook_secret(&self, endpoint: &str, no: i32, secret: &str) {
        let sealed = seal().close(&place(endpoint, no), &Secret::new(secret)).expect("sealed");
        sqlx::query(
            "insert into webhook_secret (webhook_endpoint_id, secret_no, sealed) values ($1, $2, $3)",
        )
        .bind(endpoint)
        .bind(no)
        .bind(sealed)
        .execute(&self.owner)
        .await
        .expect("a secret is added");
    }

    /// Sends JSON with a key.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("authorization", key)];
        self.send("POST", path, &headers, &body.to_string()).await
    }

    /// Sends any request.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        send(self.console.address, method, path, headers, body).await
    }

    /// The one number that a query gives.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.owner).await.expect("a number")
    }

    /// Sends bytes as they are.
    pub(crate) async fn talk(&self, request: &str) -> Answer {
        talk(self.console.address, request).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.start();
        let _ = std::fs::remove_dir_all(documents_of(&self.url));
    }
}

/// Starts a console over the database at `url`.
pub(crate) async fn console_over(url: &str) -> (Console, Shutdown) {
    console_with(url, Some(seal())).await
}

/// A second console over a world's database, without a secret of its own.
pub(crate) async fn console_without_a_seal(world: &World) -> (Console, Shutdown) {
    console_with(&world.url, None).await
}

async fn console_with(url: &str, seal: Option<Seal>) -> (Console, Shutdown) {
    started(Config { seal, ..config(url) }).await
}

/// Starts a console with settings of its own.
pub(crate) async fn started(config: Config) -> (Console, Shutdown) {
    let shutdown = Shutdown::new();
    (console::start(config, &shutdown).await.expect("the console starts"), shutdown)
}

/// Settings that most tests share.
pub(crate) fn config(url: &str) -> Config {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        database: url.parse::<PgConnectOptions>().expect("an address"),
        listen: any_port,
        admin_listen: any_port,
        redirect_url: "http://127.0.0.1:8080".to_owned(),
        seal: None,
        public_url: None,
        trusted_proxies: Vec::new(),
        reports: Reports::OpenOnThisMachine,
        guests: Guests::Unknown,
        requests_per_minute: 60_000,
        carrier: None,
        secret: Some(Secret::new(SECRET)),
        reach: Reach::LoopbackToo,
        documents: Place::Folder(documents_of(url)),
    }
}

/// Where the console over a database keeps its documents: each database has a name of its own.
pub(crate) fn documents_of(url: &str) -> PathBuf {
    let options: PgConnectOptions = url.parse().expect("an address");
    let name = options.get_database().expect("a database's name").to_owned();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents").join(name)
}

/// What the tests' consoles seal webhook secrets with.
pub(crate) fn seal() -> Seal {
    Seal::new(&Secret::new("3b8e1f0a95c47d62e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7"))
        .expect("a secret")
}

/// Applies the schema and keeps a connection as the owner.
pub(crate) async fn migrated(url: &str) -> PgPool {
    let owner = PgPoolOptions::new().max_connections(2).connect(url).await.expect("a connection");
    SCHEMA.run(&owner).await.expect("the schema");
    let reader = format!(
        "insert into account (account_id, email, name, role) values ('acc_reader', 'reader@example.com', 'Rita Reader', 'admin'); \
         insert into session values (sha256('{READER}'), 'acc_reader', now(), now(), now())"
    );
    sqlx::raw_sql(AssertSqlSafe(reader)).execute(&owner).await.expect("a reader");
    owner
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value, empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Where a list goes on; `None` on its last page.
    pub(crate) fn next_page(&self) -> Option<String> {
        let (before, _) = self.body.split_once("\" rel=\"next\"")?;
        let (_, address) = before.rsplit_once("href=\"").expect("an address");
        Some(address.replace("&#38;", "&"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    let port = address.port();
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: linkledger={READER}");
    talk(address, &format!("{head}\r\nConnection: close\r\n\r\n")).await
}

pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    talk(address, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await
}

pub(crate) async fn talk(address: SocketAddr, request: &str) -> Answer {
    let conversation = async {
        let mut stream = TcpStream::connect(address).await.expect("the console listens");
        stream.write_all(request.as_bytes()).await.expect("the request is sent");
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.expect("the answer is read");
        String::from_utf8(text).expect("text")
    };
    let text = tokio::time::timeout(PATIENCE, conversation).await.expect("an answer in time");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Answer {
        status: status.unwrap_or_else(|| panic!("no status in {text:?}")),
        headers: lines.filter_map(header).collect(),
        body: body.to_owned(),
    }
}

/// Midnight of the day `days` days before today.
pub(crate) fn midnight(days: u64) -> DateTime<Utc> {
    today().checked_sub_days(Days::new(days)).expect("a day").and_time(NaiveTime::MIN).and_utc()
}

/// Noon of that day.
pub(crate) fn noon(days: u64) -> DateTime<Utc> {
    midnight(days) + TimeDelta::hours(12)
}

pub(crate) fn today() -> NaiveDate {
    DateTime::<Utc>::from(clock::system_time()).date_naive()
}

fn sketch(visitors: std::ops::Range<u64>) -> Vec<u8> {
    let mut sketch = Sketch::new();
    for visitor in visitors {
        sketch.insert(&visitor.to_le_bytes());
    }
    sketch.to_redis()
}
