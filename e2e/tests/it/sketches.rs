//! Sketches in Rust are those of a real Redis: the same bytes as PFMERGE, the same numbers as PFCOUNT.

use common::hll::Sketch;
use onebox::servers::Redis;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use redis::{Connection, cmd, pipe};
use tempfile::TempDir;

const SKETCHES: usize = 10_000;
/// How many are made, united and forgotten together.
const GROUP: usize = 20;
/// Ready-made large sketches, which others begin as copies of: adding every visitor anew would take minutes.
const LARGE: usize = 24;
/// How many unions are watched while they grow beyond what Redis keeps sparse, and from how many visitors of each.
const TURNING: usize = 40;
const SPARSE_VISITORS: usize = 930;
const SEED: u64 = 20_261_120;

#[test]
fn ten_thousand_random_sketches_unite_and_count_as_in_redis() {
    let (_folder, _server, mut lab) = lab();
    lab.make_large();
    let (mut sparse, mut crossed) = (0, 0);
    for _ in 0..SKETCHES / GROUP {
        let sketches: Vec<Pair> = (0..GROUP).map(|at| lab.make(at)).collect();
        for pair in &sketches {
            lab.check(std::slice::from_ref(pair));
        }
        let chosen = lab.random.random_range(2..=6);
        for union in sketches.chunks(chosen) {
            let bytes = lab.check(union);
            sparse += usize::from(is_sparse(&bytes));
            crossed += usize::from(!is_sparse(&bytes) && union.iter().all(|pair| is_sparse(&pair.bytes)));
        }
        lab.forget();
    }
    assert!(
        sparse > 50 && crossed > 50,
        "{sparse} unions stayed sparse, {crossed} turned dense: too few to tell"
    );
}

#[test]
fn a_union_turns_dense_at_the_very_visitor_it_does_in_redis() {
    let (_folder, _server, mut lab) = lab();
    for _ in 0..TURNING {
        lab.add("sketch:0", SPARSE_VISITORS);
        lab.add("sketch:1", SPARSE_VISITORS);
        let mut union = [lab.pair("sketch:0"), lab.pair("sketch:1")];
        assert!(is_sparse(&lab.check(&union)), "it turned dense too early to tell");
        while is_sparse(&lab.check(&union)) {
            lab.add("sketch:1", 1);
            union[1] = lab.pair("sketch:1");
        }
        assert!(union.iter().all(|pair| is_sparse(&pair.bytes)), "it was a source that turned dense");
        lab.forget();
    }
}

fn lab() -> (TempDir, Redis, Lab) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Redis::start(folder.path()).expect("a Redis");
    let client = redis::Client::open(server.url.as_str()).expect("a URL");
    let redis = client.get_connection().expect("a connection");
    (folder, server, Lab { redis, random: StdRng::seed_from_u64(SEED), next_visitor: 0 })
}

fn is_sparse(bytes: &[u8]) -> bool {
    bytes[4] == 1
}

/// A sketch in Redis, and the bytes it has there.
struct Pair {
    key: String,
    bytes: Vec<u8>,
}

struct Lab {
    redis: Connection,
    random: StdRng,
    next_visitor: usize,
}

impl Lab {
    /// Sketches of 1,000 to 200,000 visitors, more small ones than large ones.
    fn make_large(&mut self) {
        for at in 0..LARGE {
            let key = format!("large:{at}");
            let visitors = 1000.0 * 200_f64.powf(at as f64 / (LARGE - 1) as f64);
            self.add(&key, visitors as usize);
        }
    }

    /// One sketch: mostly visitors added to nothing or to a large one; now and then what only the format allows.
    fn make(&mut self, at: usize) -> Pair {
        let key = format!("sketch:{at}");
        match self.random.random_range(0..20) {
            0 => self.set(&key, dense_of_any_registers),
            1 => self.set(&key, sparse_of_any_runs),
            2..6 => {
                let large = format!("large:{}", self.random.random_range(0..LARGE));
                () = cmd("COPY").arg(large).arg(&key).query(&mut self.redis).expect("COPY");
                let visitors = self.skewed(1000);
                self.add(&key, visitors);
            }
            _ => {
                let visitors = self.skewed(1800);
                let recount = self.add(&key, visitors);
                assert!(Sketch::from_redis(&self.get(&key)) == Ok(recount), "PFADD sets other registers");
            }
        }
        self.pair(&key)
    }

    fn pair(&mut self, key: &str) -> Pair {
        Pair { key: key.to_owned(), bytes: self.get(key) }
    }

    /// None to `most`, as often below the square root of it as above.
    fn skewed(&mut self, most: u32) -> usize {
        let visitors = f64::from(most).powf(self.random.random()) as usize;
        visitors - usize::from(self.random.random_bool(0.1))
    }

    /// Adds visitors, a quarter of whom may be in other sketches too, and returns a sketch of only them.
    fn add(&mut self, key: &str, visitors: usize) -> Sketch {
        let known = self.next_visitor.min(visitors / 4);
        let first = self.next_visitor - known;
        self.next_visitor = first + visitors;
        let elements: Vec<String> = (first..self.next_visitor).map(|n| format!("visitor-{n}")).collect();
        () = cmd("PFADD").arg(key).query(&mut self.redis).expect("PFADD");
        for part in elements.chunks(10_000) {
            () = cmd("PFADD").arg(key).arg(part).query(&mut self.redis).expect("PFADD");
        }
        let mut sketch = Sketch::new();
        for element in &elements {
            sketch.insert(element.as_bytes());
        }
        sketch
    }

    fn get(&mut self, key: &str) -> Vec<u8> {
        cmd("GET").arg(key).query(&mut self.redis).expect("GET")
    }

    fn set(&mut self, key: &str, bytes: fn(&mut StdRng) -> Vec<u8>) {
        let bytes = bytes(&mut self.random);
        () = cmd("SET").arg(key).arg(bytes).query(&mut self.redis).expect("SET");
    }

    /// Unites in Redis and in Rust, and compares; returns the bytes both have.
    fn check(&mut self, of: &[Pair]) -> Vec<u8> {
        let keys: Vec<&str> = of.iter().map(|pair| pair.key.as_str()).collect();
        let (bytes, count, count_of_all): (Vec<u8>, u64, u64) = pipe()
            .cmd("PFMERGE")
            .arg("union")
            .arg(&keys)
            .ignore()
            .cmd("GET")
            .arg("union")
            .cmd("PFCOUNT")
            .arg("union")
            .cmd("PFCOUNT")
            .arg(&keys)
            .cmd("DEL")
            .arg("union")
            .ignore()
            .query(&mut self.redis)
            .expect("PFMERGE");
        let mut union = Sketch::new();
        for pair in of {
            union.merge(&Sketch::from_redis(&pair.bytes).expect("Redis' own bytes"));
        }
        assert!(
            union.to_redis() == bytes,
            "other bytes than PFMERGE of {keys:?}, last visitor {}",
            self.next_visitor
        );
        assert_eq!(union.estimate(), count, "{keys:?}, last visitor {}", self.next_visitor);
        assert_eq!(union.estimate(), count_of_all, "{keys:?}, last visitor {}", self.next_visitor);
        bytes
    }

    fn forget(&mut self) {
        let keys: Vec<String> = (0..GROUP).map(|at| format!("sketch:{at}")).collect();
        () = cmd("UNLINK").arg(keys).query(&mut self.redis).expect("UNLINK");
    }
}

const REGISTERS: usize = 16_384;

fn header(encoding: u8) -> Vec<u8> {
    [&b"HYLL"[..], &[encoding, 0, 0, 0], &[0, 0, 0, 0, 0, 0, 0, 0x80]].concat()
}

/// Registers up to the largest that six bits hold, which no visitor ever reaches, many or few of them.
fn dense_of_any_registers(random: &mut StdRng) -> Vec<u8> {
    let values = [0..2_u16, 1..8, 0..34, 0..64, 40..52][random.random_range(0..5)].clone();
    let share = [1.0, 0.5, 0.02, 0.001][random.random_range(0..4)];
    let mut bits = vec![0_u8; REGISTERS * 6 / 8 + 1];
    for at in (0..REGISTERS).filter(|_| random.random_bool(share)).collect::<Vec<_>>() {
        let both = random.random_range(values.clone()) << (at * 6 % 8);
        bits[at * 6 / 8] |= both as u8;
        bits[at * 6 / 8 + 1] |= (both >> 8) as u8;
    }
    bits.pop();
    [header(0), bits].concat()
}

/// Runs that Redis itself would have joined or written otherwise, and values at the limit of five bits.
fn sparse_of_any_runs(random: &mut StdRng) -> Vec<u8> {
    let mut bytes = header(1);
    let most = [4, 64, 2000][random.random_range(0..3)];
    let mut left = REGISTERS;
    while left > 0 {
        let run = random.random_range(1..=most.min(left));
        let n = run - 1;
        match random.random_range(0..3) {
            0 if n < 64 => bytes.push(n as u8),
            1 if n < 4 => bytes.push(0x80 | random.random_range(0..32) << 2 | n as u8),
            _ => bytes.extend([0x40 | (n >> 8) as u8, n as u8]),
        }
        left -= run;
    }
    bytes
}
