//! A Redis, an edge, and a client that says exactly what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::ids::{Lane, LinkId, Partitions, Seq, VendorId};
use common::link::{Entry, Published};
use common::token::Click;
use common::wire::{Count, LINKS_GENERATION, LINKS_LOG, PartitionKeys, Record, links_marker};
use onebox::servers::Redis;
use onebox::servers::free_port;
use redis::Commands as _;
use runtime::clock;
use rustix::process::{Pid, Signal, kill_process};

/// Anything that should happen at all happens within this.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// A browser's user agent.
pub(crate) const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A Redis with a few links, and a folder for edges.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) redis: Redis,
}

impl Stage {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let redis = Redis::start(dir.path())?;
        Ok(Self { dir, redis })
    }

    /// With links `demo1` … `demo<n>` that lead to `https://shop.example.com/<i>`.
    pub(crate) fn with_links(n: u64) -> Result<Self> {
        let stage = Self::new()?;
        (1..=n).try_for_each(|i| stage.publish(&link(i)))?;
        stage.generation("g1")?;
        Ok(stage)
    }

    pub(crate) fn connection(&self) -> Result<redis::Connection> {
        Ok(redis::Client::open(self.redis.url.as_str())?.get_connection()?)
    }

    /// Publishes as the aggregator does: the key, then the change.
    pub(crate) fn publish(&self, entry: &Entry) -> Result<()> {
        self.put(entry)?;
        let json = serde_json::to_string(entry)?;
        let _: String = self.connection()?.xadd(LINKS_LOG, "*", &[("e", json)])?;
        Ok(())
    }

    /// Publishes without announcing it.
    pub(crate) fn put(&self, entry: &Entry) -> Result<()> {
        Ok(self.connection()?.set(format!("l:{}", entry.code), serde_json::to_string(entry)?)?)
    }

    /// Says that the links are complete.
    pub(crate) fn generation(&self, generation: &str) -> Result<()> {
        complete(&mut self.connection()?, Partitions::STANDALONE, generation)
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// All records in the journal.
    pub(crate) fn records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        redirector::journal::read_dir(&self.journal(), |_, record| records.push(*record))?;
        Ok(records)
    }

    /// Where in the journal each of them is.
    pub(crate) fn places(&self) -> Result<BTreeSet<(Lane, Seq)>> {
        let mut places = BTreeSet::new();
        redirector::journal::read_dir(&self.journal(), |lane, record| {
            places.insert((lane, record.seq));
        })?;
        Ok(places)
    }

    /// What Redis has counted: per link, human and filtered clicks.
    pub(crate) fn counted(&self) -> Result<BTreeMap<u64, (u64, u64)>> {
        let mut connection = self.connection()?;
        let mut clicks = BTreeMap::<u64, (u64, u64)>::new();
        for partition in Partitions::STANDALONE.iter() {
            let counts: Vec<(Vec<u8>, u64)> = connection.hgetall(PartitionKeys::new(partition).counts)?;
            for (field, n) in counts {
                match Count::parse(&field).context("a field of ours")? {
                    Count::Human(link, _) => clicks.entry(link.0).or_default().0 += n,
                    Count::Filtered(link, _) => clicks.entry(link.0).or_default().1 += n,
                    _ => {}
                }
            }
        }
        Ok(clicks)
    }

    /// All that Redis has counted.
    pub(crate) fn total(&self) -> Result<u64> {
        Ok(self.counted()?.values().map(|(human, filtered)| human + filtered).sum())
    }

    /// The sum of what the journals claim to have handed over.
    pub(crate) fn claimed(&self) -> Result<u64> {
        let mut connection = self.connection()?;
        let mut sum = 0;
        for partition in Partitions::STANDALONE.iter() {
            let claims: Vec<(u64, u64)> = connection.hgetall(PartitionKeys::new(partition).claim)?;
            sum += claims.into_iter().map(|(_, claim)| claim).sum::<u64>();
        }
        Ok(sum)
    }

    /// Waits until Redis has counted exactly the journal's records, of which there must be `n` at least.
    pub(crate) fn until_counted(&self, n: u64) -> Result<()> {
        let agree = || Ok(self.total()? == self.records()?.len() as u64 && self.total()? >= n);
        until("Redis has what the journal has", agree).with_context(|| {
            format!("{:?} counted, {:?} in the journal", self.total(), self.records().map(|r| r.len()))
        })?;
        let mut expect = BTreeMap::<u64, u64>::new();
        self.records()?.iter().for_each(|record| *expect.entry(record.link.0).or_default() += 1);
        let counted = self.counted()?.into_iter().map(|(link, (human, filtered))| (link, human + filtered));
        ensure!(counted.collect::<BTreeMap<_, _>>() == expect, "per link");
        ensure!(self.claimed()? == n.max(self.total()?), "claims: {} of {}", self.claimed()?, self.total()?);
        Ok(())
    }
}

/// An edge process. Killed when dropped.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    process: Child,
    log: PathBuf,
}

impl Edge {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(stage: &Stage, flags: &[&str]) -> Result<Self> {
        Self::start_on(stage.dir.path(), &stage.redis.redirector_url, flags)
    }

    /// The same on a Redis of any kind, its journal in `dir`.
    pub(crate) fn start_on(dir: &Path, redis_url: &str, flags: &[&str]) -> Result<Self> {
        let edge = Self::launch_on(dir, redis_url, flags)?;
        until("the edge is ready", || {
            Ok(edge.try_admin("/readyz").is_ok_and(|page| page.starts_with("HTTP/1.1 200")))
        })
        .with_context(|| std::fs::read_to_string(&edge.log).unwrap_or_default())?;
        Ok(edge)
    }

    /// Starts one and waits until it answers at all.
    pub(crate) fn launch(stage: &Stage, flags: &[&str]) -> Result<Self> {
        Self::launch_on(stage.dir.path(), &stage.redis.redirector_url, flags)
    }

    fn launch_on(dir: &Path, redis_url: &str, flags: &[&str]) -> Result<Self> {
        let free = || -> Result<SocketAddr> { Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?))) };
        let (address, admin) = (free()?, free()?);
        let log = dir.join(format!("edge-{}.log", address.port()));
        let journal = dir.join("journal");
        let usual = [
            ("--workers", "2"),
            ("--journal-segment-bytes", "131072"),
            ("--journal-dir", journal.to_str().context("a path in UTF-8")?),
        ];
        let process = Command::new(env!("CARGO_BIN_EXE_redirector"))
            .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .args(["--redis-url", redis_url, "--secret", SECRET])
            .args(
                usual
                    .iter()
                    .filter(|(flag, _)| !flags.contains(flag))
                    .flat_map(|(flag, value)| [flag, value]),
            )
            .args(flags)
            .stdin(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let edge = Self { address, admin, process, log };
        until("the edge answers", || Ok(edge.try_admin("/livez").is_ok()))
            .with_context(|| std::fs::read_to_string(&edge.log).unwrap_or_default())?;
        Ok(edge)
    }

    /// Sends bytes and returns all that comes back until the edge closes, or nothing comes for a second.
    pub(crate) fn talk(&self, bytes: &[u8]) -> Result<String> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        // The edge may close before it has read everything: that is an answer too.
        let _sent = socket.write_all(bytes);
        Ok(String::from_utf8_lossy(&read_all(&mut socket)).into_owned())
    }

    /// GET of a target with a browser's headers and others.
    pub(crate) fn get(&self, target: &str, headers: &str) -> Result<String> {
        let agent = if headers.to_ascii_lowercase().contains("user-agent:") {
            String::new()
        } else {
            format!("User-Agent: {BROWSER}\r\n")
        };
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: go.example.com\r\nConnection: close\r\n{agent}{headers}\r\n"
        );
        self.talk(head.as_bytes())
    }

    /// Follows a link once and returns its token, if it is a redirect with one.
    pub(crate) fn click(&self, code: &str) -> Result<Option<Click>> {
        let reply = self.get(&format!("/{code}"), "")?;
        ensure!(reply.starts_with("HTTP/1.1 302"), "{reply}");
        Ok(token(&reply))
    }

    /// A page of the admin port.
    pub(crate) fn admin(&self, path: &str) -> Result<String> {
        self.try_admin(path)
    }

    fn try_admin(&self, path: &str) -> Result<String> {
        let mut socket = TcpStream::connect(self.admin)?;
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let page = read_all(&mut socket);
        ensure!(!page.is_empty(), "no answer");
        Ok(String::from_utf8(page)?)
    }

    /// One metric's value, with its labels as shown.
    pub(crate) fn metric(&self, name: &str) -> Result<f64> {
        let page = self.admin("/metrics")?;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("{name} is not shown"))?.parse()?)
    }

    /// How many requests ended in one of these outcomes.
    pub(crate) fn requests(&self, is_wanted: impl Fn(&str) -> bool) -> Result<usize> {
        let page = self.admin("/metrics")?;
        let of_line = |line: &str| -> Option<usize> {
            let rest = line.strip_prefix("redirector_requests_total{outcome=\"")?;
            let (outcome, number) = rest.split_once("\"} ")?;
            if is_wanted(outcome) { number.parse().ok() } else { None }
        };
        Ok(page.lines().filter_map(of_line).sum())
    }

    /// The memory it occupies.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process in memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
    }

    /// As a crash would end it.
    pub(crate) fn kill9(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// As a service manager ends it.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        Ok(self.process.wait()?)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// `demo<n>`, link n, to `https://shop.example.com/<n>`.
pub(crate) fn link(n: u64) -> Entry {
    Entry {
        code: format!("demo{n}"),
        version: 1,
        link: Some(Published {
            link: LinkId(n),
            vendor: VendorId(2),
            affiliate: 5,
            product: 0,
            destination: format!("https://shop.example.com/{n}"),
            fallback: None,
            is_active: true,
            expires: None,
        }),
    }
}

/// The token in an answer's Location.
pub(crate) fn token(reply: &str) -> Option<Click> {
    let text = header(reply, "location")?.split("clk=").nth(1)?.get(..64)?;
    Some(common::token::decode_unverified(text.as_bytes()).expect("a token of ours"))
}

/// A header of the first answer.
pub(crate) fn header<'a>(reply: &'a str, name: &str) -> Option<&'a str> {
    let head = reply.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Says that the links are complete, as the aggregator does: beside every partition, then for all.
pub(crate) fn complete(
    redis: &mut impl redis::ConnectionLike,
    partitions: Partitions,
    generation: &str,
) -> Result<()> {
    for partition in partitions.iter() {
        let _: () = redis.set(links_marker(partition), generation)?;
    }
    Ok(redis.set(LINKS_GENERATION, generation)?)
}

/// Waits for something, asking often.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = clock::monotonic();
    while !holds()? {
        ensure!(started.elapsed() < SOON, "it did not happen: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn read_all(socket: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = socket.read(&mut chunk) {
        all.extend_from_slice(&chunk[..n]);
    }
    all
}
