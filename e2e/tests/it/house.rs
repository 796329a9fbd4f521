//! A whole Linkledger of its own: the real binaries under `onebox`, on free ports, in a folder that goes away.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// A debug build on two busy cores: initdb, migrations, five processes.
const START: Duration = Duration::from_mins(2);
/// Nothing that works takes longer; what does not work must not hang the suite.
pub(crate) const SOON: Duration = Duration::from_mins(1);
const REPLY: Duration = Duration::from_secs(10);
/// Without a programme.
const EMPTY: &[&str] = &["--empty", "--no-traffic"];
/// A browser, so that clicks count as human.
pub(crate) const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// Days of the demo's past, where fewer than all are enough.
const FEW_DAYS: &str = "35";

pub(crate) struct House {
    folder: TempDir,
    flags: &'static [&'static str],
    onebox: Child,
    pub(crate) database_url: String,
    pub(crate) redis_url: String,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").map_or("", String::as_str)
    }

    /// The click token in the location.
    pub(crate) fn token(&self) -> Option<&str> {
        let (_, rest) = self.location().split_once("clk=")?;
        Some(rest.split(['&', '#']).next().unwrap_or(rest))
    }
}

/// A binary of this workspace, built by `script/test` before the tests run.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let path = test.ancestors().nth(2).expect("target/debug").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --bins`", path.display());
    path
}

/// Asks again until it is true.
pub(crate) fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = runtime::clock::monotonic();
    let mut last = String::new();
    while began.elapsed() < limit {
        match is_so() {
            Ok(true) => return Ok(()),
            Ok(false) => last.clear(),
            Err(error) => last = format!(": {error:#}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("not within {limit:?}: {what}{last}")
}

impl House {
    /// Opens a house without a programme and waits until every service is ready.
    pub(crate) fn open() -> Result<Self> {
        Self::open_with(EMPTY)
    }

    /// Opens a house without a programme whose services find these settings in their environment.
    pub(crate) fn open_with_env(env: &[(&str, &str)]) -> Result<Self> {
        let mut onebox = Command::new(binary("onebox"));
        onebox.envs(env.iter().copied());
        Self::open_in(temporary_folder()?, EMPTY, onebox)
    }

    /// Opens a house with the demo in full swing, and without a past.
    pub(crate) fn open_demo() -> Result<Self> {
        Self::open_with(&["--no-history"])
    }

    /// Opens a house with the demo's past, where nothing happens now.
    pub(crate) fn open_demo_with_history() -> Result<Self> {
        Self::open_with(&["--no-traffic"])
    }

    /// Opens a house without a programme whose Redis has a disk of its own, of this size: a file system in memory that the
    /// house alone sees. `None`: only root can make one.
    pub(crate) fn open_with_small_redis_disk(size: &str) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("only root can make a small disk, so this is not tested");
            return Ok(None);
        }
        let folder = temporary_folder()?;
        let disk =
            r#"mkdir -p "$1/redis" && mount -t tmpfs -o "size=$2" tmpfs "$1/redis" && shift 2 && exec "$@""#;
        let mut onebox = Command::new("unshare");
        onebox.args(["--mount", "sh", "-c", disk, "sh"]).arg(folder.path()).arg(size).arg(binary("onebox"));
        Self::open_in(folder, EMPTY, onebox).map(Some)
    }

    /// Opens a house with a demo in which nothing happens now, and with as much of its past as there has to be to show
    /// something on every page.
    pub(crate) fn open_demo_at_rest() -> Result<Self> {
        let house = Self::open_with(&["--no-history", "--no-traffic"])?;
        let state: serde_json::Value =
            serde_json::from_slice(&std::fs::read(house.data().join("onebox.json"))?)?;
        let written = Command::new(binary("demo"))
            .args(["--days", FEW_DAYS, "--document-dir"])
            .arg(house.data().join("documents"))
            .env("DATABASE_URL", &house.database_url)
            .env("LINKLEDGER_SECRET", state["secret"].as_str().context("the programme has a secret")?)
            .stdin(Stdio::null())
            .output()?;
        ensure!(written.status.success(), "no history: {}", String::from_utf8_lossy(&written.stderr));
        Ok(house)
    }

    fn open_with(flags: &'static [&'static str]) -> Result<Self> {
        Self::open_in(temporary_folder()?, flags, Command::new(binary("onebox")))
    }

    fn open_in(folder: TempDir, flags: &'static [&'static str], onebox: Command) -> Result<Self> {
        let onebox = up(onebox, folder.path(), flags)?;
        let mut house = Self { folder, flags, onebox, database_url: String::new(), redis_url: String::new() };
        house.settle_in()?;
        Ok(house)
    }

    /// Stops everything in good order and starts it again in the same folder.
    pub(crate) fn reopen(&mut self) -> Result<()> {
        self.reopen_after(|_| Ok(()))
    }

    /// The same, with something done to the folder in between.
    pub(crate) fn reopen_after(&mut self, meanwhile: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.close();
        meanwhile(self.folder.path())?;
        self.onebox = up(Command::new(binary("onebox")), self.folder.path(), self.flags)?;
        self.settle_in()
    }

    fn settle_in(&mut self) -> Result<()> {
        self.wait_until_ready().with_context(|| self.logs())?;
        let env =
            Command::new(binary("onebox")).arg("env").arg("--data-dir").arg(self.folder.path()).output()?;
        for line in String::from_utf8(env.stdout)?.lines() {
            match line.split_once('=') {
                Some(("DATABASE_URL", url)) => url.clone_into(&mut self.database_url),
                Some(("REDIS_URL", url)) => url.clone_into(&mut self.redis_url),
                _ => bail!("onebox env said {line:?}"),
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        // Ask it to stop everything; if it does not, end it: the next start in this folder would clean up.
        let pid = Pid::from_child(&self.onebox);
        _ = kill_process(pid, Signal::TERM);
        let began = runtime::clock::monotonic();
        while began.elapsed() < SOON {
            if !matches!(self.onebox.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        _ = self.onebox.kill();
        _ = self.onebox.wait();
    }

    /// What `onebox` itself has said since it was started.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.data().join("onebox.log")).unwrap_or_default()
    }

    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }

    /// A path in its folder as its processes see it.
    pub(crate) fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}/{path}", self.onebox.id(), self.data().display()))
    }

    /// What it remembers between starts.
    fn state(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&std::fs::read(self.data().join("onebox.json"))?)?)
    }

    /// What its click tokens are signed with.
    pub(crate) fn secret(&self) -> Result<String> {
        Ok(self.state()?["secret"].as_str().context("a house has a secret")?.to_owned())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let began: Instant = runtime::clock::monotonic();
        while began.elapsed() < START {
            if let Some(status) = self.onebox.try_wait()? {
                bail!("onebox up ended: {status}");
            }
            let ready = |name: &str| self.address(name, "admin").and_then(|admin| get(admin, "/readyz", &[]));
            if ["redirector", "aggregator", "console"]
                .iter()
                .all(|name| ready(name).is_ok_and(|r| r.status == 200))
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("onebox was not ready within {START:?}")
    }

    /// What the services wrote, for a failing test.
    pub(crate) fn logs(&self) -> String {
        let tail = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(15).collect();
            format!("--- {}\n{}\n", path.display(), lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        let logs = std::fs::read_dir(self.data().join("logs"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        logs.chain([self.data().join("onebox.log")]).map(tail).collect()
    }

    fn board(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&std::fs::read(self.data().join("processes.json"))?)?)
    }

    pub(crate) fn address(&self, name: &str, which: &str) -> Result<SocketAddr> {
        let board = self.board()?;
        Ok(board[name][which].as_str().with_context(|| format!("{name} has no {which}"))?.parse()?)
    }

    pub(crate) fn pid(&self, name: &str) -> Result<Pid> {
        let pid = self.board()?[name]["pid"].as_i64().with_context(|| format!("{name} does not run"))?;
        Pid::from_raw(i32::try_from(pid)?).context("a pid")
    }

    /// kill -9, then waits until `onebox` has started another one. What is being started again is awaited first.
    pub(crate) fn kill(&self, name: &str) -> Result<()> {
        self.replace(name, Signal::KILL)
    }

    /// Ends a process by a signal and waits until `onebox` has started another one.
    pub(crate) fn replace(&self, name: &str, signal: Signal) -> Result<()> {
        until(&format!("{name} runs"), SOON, || Ok(self.pid(name).is_ok()))?;
        let pid = self.pid(name)?;
        kill_process(pid, signal)?;
        until(&format!("{name} runs again"), SOON, || Ok(self.pid(name).is_ok_and(|again| again != pid)))
    }

    pub(crate) fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        Ok(kill_process(self.pid(name)?, signal)?)
    }

    /// A click as a browser sends it.
    pub(crate) fn click(&self, path: &str) -> Result<Reply> {
        get(self.address("redirector", "listen")?, path, &[("user-agent", BROWSER)])
    }

    pub(crate) fn redirector(&self) -> Result<SocketAddr> {
        self.address("redirector", "listen")
    }

    pub(crate) fn console(&self, path: &str) -> Result<Reply> {
        get(self.address("console", "listen")?, path, &[])
    }

    /// A page of the console, as the first operator sees it.
    pub(crate) fn page(&self, path: &str) -> Result<Reply> {
        let state = self.state()?;
        let password = state["operator_password"].as_str().context("the first operator has a password")?;
        let (address, form) =
            (self.address("console", "listen")?, format!("email=operator%40example.com&password={password}"));
        let signed_in = exchange(
            address,
            &format!(
                "POST /sign-in HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
                form.len()
            ),
        )?;
        let cookie = signed_in.headers.get("set-cookie").and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.with_context(|| format!("signing in answered {}", signed_in.status))?;
        get(address, path, &[("cookie", cookie)])
    }

    /// One metric of a service, summed over its labels.
    pub(crate) fn metric(&self, service: &str, name: &str) -> Result<f64> {
        let text = get(self.address(service, "admin")?, "/metrics", &[])?.body;
        let values = text.lines().filter_map(|line| line.strip_prefix(name));
        let values =
            values.filter(|rest| rest.starts_with(['{', ' '])).filter_map(|rest| rest.rsplit(' ').next());
        let values: Vec<f64> = values.map(str::parse).collect::<Result<_, _>>()?;
        ensure!(!values.is_empty(), "{service} has no metric {name}");
        Ok(values.iter().sum())
    }

    pub(crate) async fn database(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.database_url).await?)
    }

    /// A vendor, an affiliate and links with these codes; waits until the edge redirects the last one.
    pub(crate) async fn programme(&self, codes: &[String]) -> Result<()> {
        let mut conn = self.database().await?;
        sqlx::raw_sql(
            "insert into vendor (name) values ('Made-up Shop');
             insert into affiliate (username, name, status) values ('made.up', 'Made-up Person', 'approved');
             insert into partnership (vendor_id, affiliate_id, status, joined_at)
             select max(vendor_id), (select max(affiliate_id) from affiliate), 'active', now() from vendor;",
        )
        .execute(&mut conn)
        .await?;
        sqlx::query(
            "insert into link (code, vendor_id, affiliate_id, destination)
             select code, (select max(vendor_id) from vendor), (select max(affiliate_id) from affiliate),
                    'https://shop.example.com/' || code
             from unnest($1::text[]) code",
        )
        .bind(codes)
        .execute(&mut conn)
        .await?;
        let last = codes.last().context("at least one link")?;
        until("the edge knows the links", SOON, || {
            let head = exchange(
                self.redirector()?,
                &format!("HEAD /{last} HTTP/1.1\r\nhost: go.example.com\r\nconnection: close\r\n\r\n"),
            )?;
            Ok(head.status == 302)
        })
    }

    /// One POST of JSON with an API key.
    pub(crate) fn post(&self, path: &str, key: &str, body: &serde_json::Value) -> Result<Reply> {
        let (address, body) = (self.address("console", "listen")?, body.to_string());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
        exchange(address, &format!("{head}{headers}content-length: {}\r\n\r\n{body}", body.len()))
    }

    /// One GET of JSON with an API key.
    pub(crate) fn read(&self, path: &str, key: &str) -> Result<serde_json::Value> {
        let bearer = format!("Bearer {key}");
        let reply = get(self.address("console", "listen")?, path, &[("authorization", &bearer)])?;
        ensure!(reply.status == 200, "{path} answered {}: {}", reply.status, reply.body);
        Ok(serde_json::from_str(&reply.body)?)
    }

    /// Everything that must hold in Postgres holds. Every test that opened a house ends with this.
    pub(crate) fn audit(&self) -> Result<()> {
        let output = Command::new(binary("aggregator"))
            .args(["once", "audit"])
            .env("DATABASE_URL", &self.database_url)
            .env("REDIS_URL", &self.redis_url)
            .stdin(Stdio::null())
            .output()
            .context("aggregator once audit")?;
        let (table, said) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success() && table.contains("must hold"), "the audit failed:\n{table}{said}");
        Ok(())
    }

    /// What the report says of a link today.
    pub(crate) fn report(&self, code: &str) -> Result<serde_json::Value> {
        let reply = self.console(&format!("/v1/reports/links?link={code}"))?;
        ensure!(reply.status == 200, "the report answered {}: {}", reply.status, reply.body);
        let report: serde_json::Value = serde_json::from_str(&reply.body)?;
        Ok(report["data"][0].clone())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.close();
    }
}

fn temporary_folder() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("linkledger-").tempdir()?)
}

/// `onebox up` in this folder, on free ports.
fn up(mut onebox: Command, folder: &Path, flags: &[&str]) -> Result<Child> {
    let free = "127.0.0.1:0";
    onebox
        .args(["up", "--redirect-listen", free, "--console-listen", free])
        .args(flags)
        .args(["--redirector-admin", free, "--aggregator-admin", free, "--console-admin", free])
        .arg("--data-dir")
        .arg(folder)
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("onebox.log"))?)
        .spawn()
        .context("onebox up")
}

/// One GET on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Reply> {
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    exchange(address, &format!("{request}\r\n"))
}

/// Sends the bytes, reads until the end.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> Result<Reply> {
    let mut stream = TcpStream::connect_timeout(&address, REPLY)?;
    stream.set_read_timeout(Some(REPLY))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let reply = String::from_utf8_lossy(&reply);
    let (head, body) = reply.split_once("\r\n\r\n").with_context(|| format!("no reply: {reply:?}"))?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status line")?.parse()?;
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Ok(Reply { status, headers: lines.filter_map(header).collect(), body: body.to_owned() })
}
