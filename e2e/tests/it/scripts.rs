//! The real scripts in a real Redis do what the simulation's model does, step for step; and a script with a planted
//! bug is told apart. So what the simulation proves of the model holds for the scripts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use common::flush::{Span, Watermark};
use common::hll::Sketch;
use common::ids::{Lane, LinkId, Partition, Seq};
use common::ship::Answer;
use common::time::{Day, Hour};
use common::wire::{Count, PartitionKeys, Stamps, script};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, Script};

#[path = "../../../common/tests/simulation/node.rs"]
mod node;
use node::{Apply, Node, Sealed};

const LANES: u16 = 3;
const HOUR: Hour = Hour(498_648);
const LINK: LinkId = LinkId(7);
const STEPS: usize = 400;

struct Scripts {
    apply: Script,
    seal: Script,
    read_sketches: Script,
    drop: Script,
    reset: Script,
}

impl Scripts {
    fn real() -> Self {
        Self {
            apply: Script::new(script::APPLY),
            seal: Script::new(script::SEAL),
            read_sketches: Script::new(script::READ_SKETCHES),
            drop: Script::new(script::DROP),
            reset: Script::new(script::RESET),
        }
    }
}

/// The text with one thing changed. The change must apply, or the bug was never planted.
fn planted(text: &str, from: &str, to: &str) -> Script {
    assert!(text.contains(from), "the script no longer says {from:?}");
    Script::new(&text.replace(from, to))
}

struct Pair<'a> {
    redis: MultiplexedConnection,
    keys: PartitionKeys,
    scripts: &'a Scripts,
    model: Node,
    random: StdRng,
    next: u64,
}

fn field(click: u64) -> Vec<u8> {
    let mut name = Vec::new();
    Count::Human(LinkId(click), HOUR).write(&mut Stamps::default(), &mut name);
    name
}

impl Pair<'_> {
    fn sketch(&self) -> String {
        self.keys.sketch(LINK, HOUR.day())
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    async fn apply(&mut self) -> Result<()> {
        let lane = Lane(self.random.random_range(0..LANES));
        let end = self.model.end.get(&lane).copied();
        // Mostly the right place; else one that is stale, ahead, or so close that doubles would take it for equal.
        let from = match (self.random.random_range(0..10), end) {
            (0, _) => Seq::ZERO,
            (1, Some(end)) => Seq(end.0 + 1),
            (2, Some(end)) => Seq(end.0.saturating_sub(1)),
            (_, end) => end.unwrap_or_default(),
        };
        let clicks: Vec<u64> = (0..self.random.random_range(1..4)).map(|_| self.id()).collect();
        let to = Seq((from.0 + clicks.len() as u64).max(1 << 62));
        let to = if to == from { Seq(to.0 + 1) } else { to };
        let opens_lane = self.random.random_bool(0.5);
        let batch = Apply { lane, from, to, opens_lane, claim: self.next, clicks };

        let mut call = self.scripts.apply.prepare_invoke();
        call.key(&self.keys.end)
            .key(&self.keys.base)
            .key(&self.keys.counts)
            .key(&self.keys.claim)
            .key(self.sketch());
        call.arg(lane.0).arg(from.0).arg(to.0).arg(u8::from(opens_lane)).arg(batch.claim);
        // Of those that are raised by one, the first is sent without a number, as edges do, the others with it.
        let is_single = batch.clicks.len() == 1;
        call.arg(1)
            .arg(batch.clicks.len() - 1)
            .arg(u8::from(is_single))
            .arg(u8::from(!is_single))
            .arg(60_000);
        for (nth, click) in batch.clicks.iter().enumerate() {
            call.arg(field(*click));
            if nth > 0 {
                call.arg(1);
            }
        }
        if !is_single {
            call.arg(batch.clicks.len());
        }
        for click in &batch.clicks {
            call.arg(&click.to_le_bytes()[..]);
        }
        let (kind, seq): (String, String) = call.invoke_async(&mut self.redis).await?;
        let answer = match kind.as_str() {
            "OK" => Answer::Counted(Seq(seq.parse()?)),
            "STALE" => Answer::EndsAt(Seq(seq.parse()?)),
            other => {
                ensure!(other == "MISSING", "unknown reply {other}");
                Answer::Missing
            }
        };
        let expected = self.model.apply(&batch);
        ensure!(answer == expected, "apply said {answer:?}, the model {expected:?}");
        Ok(())
    }

    async fn seal(&mut self) -> Result<()> {
        let id = self.id();
        let (kind, said): (String, String) = self
            .scripts
            .seal
            .prepare_invoke()
            .key(&self.keys.for_seal()[..])
            .arg(id)
            .invoke_async(&mut self.redis)
            .await?;
        let expected = self.model.seal(id).map(|sealed| sealed.id.to_string());
        ensure!((kind == "SEALED").then_some(said) == expected, "seal said {kind}, the model {expected:?}");
        Ok(())
    }

    async fn read_sketches(&mut self) -> Result<()> {
        let held = self.model.sealed.as_ref().map(|sealed| sealed.id);
        let asked = if self.random.random_bool(0.5) { held.unwrap_or(0) } else { self.id() };
        let mut call = self.scripts.read_sketches.prepare_invoke();
        call.key(&self.keys.seal).key(self.sketch()).arg(asked);
        let read: redis::RedisResult<Vec<Vec<u8>>> = call.invoke_async(&mut self.redis).await;
        ensure!(read.is_ok() == self.model.holds(asked), "read_sketches under seal {asked}: {read:?}");
        if let Ok(sketches) = read {
            let mut recount = Sketch::new();
            for click in &self.model.sketch {
                recount.insert(&click.to_le_bytes());
            }
            let read = Sketch::from_redis(&sketches[0]).context("a sketch")?;
            ensure!(read.to_redis() == recount.to_redis(), "the sketch holds other visitors than the model");
        }
        Ok(())
    }

    async fn drop_sealed(&mut self) -> Result<()> {
        let held = self.model.sealed.as_ref().map(|sealed| sealed.id);
        let asked = if self.random.random_bool(0.7) { held.unwrap_or(0) } else { self.id() };
        let marks = self.watermark();
        let mut call = self.scripts.drop.prepare_invoke();
        call.key(&self.keys.for_drop()[..]).arg(asked);
        for (lane, mark) in &marks {
            call.arg(lane.0).arg(mark.seq.0);
        }
        let hit: u8 = call.invoke_async(&mut self.redis).await?;
        ensure!((hit == 1) == self.model.holds(asked), "drop of {asked} said {hit}");
        self.model.drop_sealed(asked, &marks);
        Ok(())
    }

    async fn reset(&mut self) -> Result<()> {
        let marks = self.watermark();
        let mut call = self.scripts.reset.prepare_invoke();
        call.key(&self.keys.for_reset()[..]);
        for (lane, mark) in &marks {
            call.arg(lane.0).arg(mark.seq.0).arg(mark.claim);
        }
        let _: String = call.invoke_async(&mut self.redis).await?;
        self.model.reset(&marks);
        Ok(())
    }

    fn watermark(&mut self) -> BTreeMap<Lane, Watermark> {
        let claim = self.id();
        (0..LANES).map(|lane| (Lane(lane), Watermark { seq: Seq(claim), claim })).collect()
    }

    async fn lanes(&mut self, key: &str) -> Result<BTreeMap<Lane, u64>> {
        let raw: BTreeMap<u16, u64> = self.redis.hgetall(key).await?;
        Ok(raw.into_iter().map(|(lane, n)| (Lane(lane), n)).collect())
    }

    async fn counts(&mut self, key: &str) -> Result<BTreeMap<u64, u32>> {
        let raw: BTreeMap<Vec<u8>, u32> = self.redis.hgetall(key).await?;
        let click = |(name, n): (Vec<u8>, u32)| Some((Count::parse(&name)?.link().0, n));
        raw.into_iter().map(click).collect::<Option<_>>().context("a field of ours")
    }

    /// Everything Redis holds is what the model holds.
    async fn compare(&mut self) -> Result<()> {
        let keys = self.keys.clone();
        let seqs = |of: &BTreeMap<Lane, Seq>| {
            of.iter().map(|(lane, seq)| (*lane, seq.0)).collect::<BTreeMap<_, _>>()
        };
        let expected = [&self.model.end, &self.model.base, &self.model.durable].map(seqs);
        for (key, expected) in [&keys.end, &keys.base, &keys.durable].into_iter().zip(expected) {
            ensure!(self.lanes(key).await? == expected, "{key} differs");
        }
        ensure!(self.lanes(&keys.claim).await? == self.model.claim, "claims differ");
        ensure!(self.counts(&keys.counts).await? == self.model.counts, "counts differ");
        let id: Option<u64> = self.redis.get(&keys.seal).await?;
        let (base, end) = (self.lanes(&keys.sealed_base).await?, self.lanes(&keys.sealed_end).await?);
        let claim = self.lanes(&keys.sealed_claim).await?;
        let counts = self.counts(&keys.sealed_counts).await?;
        let expected = self.model.sealed.as_ref();
        ensure!(id == expected.map(|sealed| sealed.id), "sealed {id:?}");
        let Some(Sealed { spans, counts: expected, .. }) = expected else {
            ensure!(
                base.is_empty() && end.is_empty() && claim.is_empty() && counts.is_empty(),
                "a bucket was left"
            );
            return Ok(());
        };
        let at = |of: &BTreeMap<Lane, u64>, lane: &Lane| of.get(lane).copied().unwrap_or_default();
        let span = |(lane, n): (&Lane, &u64)| Span {
            lane: *lane,
            base: Seq(at(&base, lane)),
            end: Seq(*n),
            claim: at(&claim, lane),
        };
        ensure!(
            *spans == end.iter().map(span).collect::<Vec<_>>() && *expected == counts,
            "the sealed bucket differs"
        );
        Ok(())
    }
}

async fn walk(url: &str, scripts: &Scripts, seed: u64) -> Result<()> {
    let mut redis = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await?;
    let keys = PartitionKeys::new(Partition(0));
    let random = StdRng::seed_from_u64(seed);
    let mut pair = Pair { redis, keys, scripts, model: Node::default(), random, next: 0 };
    for step in 0..STEPS {
        let done = match pair.random.random_range(0..100) {
            0..60 => pair.apply().await,
            60..75 => pair.seal().await,
            75..85 => pair.read_sketches().await,
            85..97 => pair.drop_sealed().await,
            _ => pair.reset().await,
        };
        done.with_context(|| format!("seed {seed}, step {step}"))?;
        pair.compare().await.with_context(|| format!("seed {seed}, after step {step}"))?;
    }
    Ok(())
}

fn server() -> (tempfile::TempDir, onebox::servers::Redis) {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = onebox::servers::Redis::start(folder.path()).expect("a Redis");
    (folder, redis)
}

#[tokio::test]
async fn the_scripts_do_what_the_model_does() {
    let (_folder, redis) = server();
    for seed in 0..8 {
        walk(&redis.url, &Scripts::real(), seed).await.expect("the same");
    }
}

#[tokio::test]
async fn planted_bugs_are_told_apart() {
    let (_folder, redis) = server();
    let mutants = [
        (
            "no compare-and-set",
            Scripts {
                apply: planted(script::APPLY, "elseif known ~= from then", "elseif false then"),
                ..Scripts::real()
            },
        ),
        (
            "compared as numbers",
            Scripts {
                apply: planted(script::APPLY, "known ~= from", "tonumber(known) ~= tonumber(from)"),
                ..Scripts::real()
            },
        ),
        (
            "opens a lane unasked",
            Scripts {
                apply: planted(script::APPLY, "if rebase ~= '1' then", "if false then"),
                ..Scripts::real()
            },
        ),
        (
            "seals over a waiting bucket",
            Scripts { seal: planted(script::SEAL, "if waiting then", "if false then"), ..Scripts::real() },
        ),
        (
            "unguarded sketch read",
            Scripts {
                read_sketches: planted(script::READ_SKETCHES, "~= ARGV[1] then", "== '' then"),
                ..Scripts::real()
            },
        ),
        (
            "drops whatever is sealed",
            Scripts {
                drop: planted(script::DROP, "if redis.call('GET', seal) == ARGV[1] then", "if true then"),
                ..Scripts::real()
            },
        ),
        (
            "forgets the claim",
            Scripts {
                reset: planted(script::RESET, "redis.call('HSET', claims, ARGV[i], ARGV[i + 2])", ""),
                ..Scripts::real()
            },
        ),
    ];
    for (bug, scripts) in &mutants {
        let mut caught = None;
        for seed in 0..8 {
            caught = caught.or(walk(&redis.url, scripts, seed).await.err());
        }
        let caught = caught.unwrap_or_else(|| panic!("{bug}: no seed tells it apart"));
        eprintln!("bug: {bug}: {caught:#}");
    }
}

#[tokio::test]
async fn a_refused_batch_changes_nothing() {
    let (_folder, server) = server();
    let mut redis = redis::Client::open(server.url.as_str())
        .expect("a URL")
        .get_multiplexed_async_connection()
        .await
        .expect("Redis");
    let keys = PartitionKeys::new(Partition(0));
    let (single, sketch) = (keys.sketch(LINK, Day(2)), keys.sketch(LINK, Day(1)));
    let apply = Script::new(script::APPLY);
    let place = ["1", "0", "5", "1", "5"];
    let good = [
        &place[..],
        &["1", "1", "1", "1", "60000", "7:1970010100:h", "7:1970010100:f", "2", "v", "2", "v", "w"],
    ];
    let bad: [(&str, usize, &str); 10] = [
        ("an interval of nothing", 2, "0"),
        ("a claim that is no number", 4, "x"),
        ("more counters of one than there are", 5, "2"),
        ("a number of counters that is none", 6, "x"),
        ("more sketches of one than keys", 7, "2"),
        ("more sketches than keys", 8, "2"),
        ("a count of zero", 12, "0"),
        ("a count with a fraction", 12, "1.5"),
        ("a count beyond any batch", 12, "1000001"),
        ("an empty sketch", 14, "0"),
    ];
    for (what, at, value) in bad {
        let mut arguments = good.concat();
        arguments[at] = value;
        let mut call = apply.prepare_invoke();
        call.key(&keys.end)
            .key(&keys.base)
            .key(&keys.counts)
            .key(&keys.claim)
            .key(&single)
            .key(&sketch)
            .arg(&arguments[..]);
        let answer: redis::RedisResult<(String, String)> = call.invoke_async(&mut redis).await;
        assert!(answer.is_err(), "{what}: {answer:?}");
        let left: BTreeSet<String> = redis.keys("*").await.expect("keys");
        assert_eq!(left, BTreeSet::new(), "{what} left something behind");
    }
}
