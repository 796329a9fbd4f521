//! What is asked for, and when: everything follows from a seed, so that a run can be repeated request by request.

use std::io::Write as _;
use std::time::Duration;

use super::browsers::{bot_headers, browser_headers};
use super::choice::Choice;
use super::codes::Codes;
use crate::dice::{Dice, scale};

/// Different header blocks of browsers: enough variety for the vocabularies, few enough to stay in the cache.
const BROWSER_BLOCKS: u64 = 256;
/// Different header blocks of programs.
const BOT_BLOCKS: u64 = 16;
/// Distinct client addresses, when they are asked for.
const VISITORS: u64 = 5_000;

/// Of 1,000 requests, how many are not a person's click.
const BOTS_PERMILLE: u64 = 50;
const HEADS_PERMILLE: u64 = 10;
const PREFETCHES_PERMILLE: u64 = 10;

/// Who asks, and for what: it decides which answers are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person's click: counted as human.
    Click,
    /// A program's click: counted as filtered.
    Bot,
    /// A look at the answer: never counted.
    Head,
    /// A browser's guess: refused with 503, never counted.
    Prefetch,
}

impl Kind {
    /// One letter for the response log.
    pub fn letter(self) -> char {
        match self {
            Self::Click => 'C',
            Self::Bot => 'B',
            Self::Head => 'H',
            Self::Prefetch => 'P',
        }
    }

    /// The inverse of [`Self::letter`].
    pub fn from_letter(letter: &str) -> Option<Self> {
        [Self::Click, Self::Bot, Self::Head, Self::Prefetch]
            .into_iter()
            .find(|kind| letter == kind.letter().to_string())
    }
}

/// What the requests are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// People, programs, looks and prefetches, as an edge meets them.
    Realistic,
    /// People only: what a comparison with servers that know no such difference needs.
    ClicksOnly,
}

/// Whether visitors differ by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitors {
    /// All come from this machine; they differ by browser and language only.
    ByBrowser,
    /// Several thousand addresses in `X-Forwarded-For`; the edge must trust this machine as a proxy.
    ByForwardedAddress,
}

/// A schedule of requests. Shot `n` is the same in every run with the same settings.
#[derive(Debug)]
pub struct Plan {
    /// The links.
    pub codes: Codes,
    choice: Choice,
    mix: Mix,
    visitors: Visitors,
    host: String,
    browsers: Vec<String>,
    bots: Vec<String>,
    dice: Dice,
    jitter: Dice,
}

/// One request of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shot {
    /// Its number, from 0.
    pub number: u64,
    /// Which code, as a position in the plan's codes.
    pub code: u64,
    /// What kind of request.
    pub kind: Kind,
    block: usize,
    visitor: u64,
}

impl Plan {
    /// A plan over `codes`. `host` is what requests name in their `Host` header.
    pub fn new(seed: u64, codes: Codes, choice: Choice, mix: Mix, visitors: Visitors, host: &str) -> Self {
        let headers = Dice::new(seed, "headers");
        Self {
            codes,
            choice,
            mix,
            visitors,
            host: host.to_owned(),
            browsers: (0..BROWSER_BLOCKS).map(|number| browser_headers(headers, number)).collect(),
            bots: (0..BOT_BLOCKS).map(|number| bot_headers(headers, number)).collect(),
            dice: Dice::new(seed, "shots"),
            jitter: Dice::new(seed, "jitter"),
        }
    }

    /// Request `number`.
    pub fn shot(&self, number: u64) -> Shot {
        let throw = |aspect: u64| self.dice.throw(number * 4 + aspect);
        let kind = match self.mix {
            Mix::ClicksOnly => Kind::Click,
            Mix::Realistic => match scale(throw(0), 1_000) {
                n if n < BOTS_PERMILLE => Kind::Bot,
                n if n < BOTS_PERMILLE + HEADS_PERMILLE => Kind::Head,
                n if n < BOTS_PERMILLE + HEADS_PERMILLE + PREFETCHES_PERMILLE => Kind::Prefetch,
                _ => Kind::Click,
            },
        };
        let blocks = if kind == Kind::Bot { BOT_BLOCKS } else { BROWSER_BLOCKS };
        Shot {
            number,
            code: self.choice.position(throw(1)),
            kind,
            block: scale(throw(2), blocks) as usize,
            visitor: scale(throw(3), VISITORS),
        }
    }

    /// When request `number` should leave at this many a second, from the start: evenly spaced, each shifted within
    /// its own place, so that it meets no rhythm of the server.
    pub fn intended(&self, number: u64, rate: f64) -> Duration {
        let within = self.jitter.throw(number) as f64 / u64::MAX as f64;
        Duration::from_secs_f64((number as f64 + within) / rate)
    }

    /// Writes the request into `out` (cleared first).
    pub fn write_request(&self, shot: Shot, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(if shot.kind == Kind::Head { b"HEAD /" } else { b"GET /" });
        self.codes.write(shot.code, out);
        for piece in [" HTTP/1.1\r\nHost: ", &self.host, "\r\nConnection: keep-alive\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
        let blocks = if shot.kind == Kind::Bot { &self.bots } else { &self.browsers };
        out.extend_from_slice(blocks[shot.block].as_bytes());
        if shot.kind == Kind::Prefetch {
            out.extend_from_slice(b"Sec-Purpose: prefetch\r\n");
        }
        if self.visitors == Visitors::ByForwardedAddress {
            let (high, low) = (shot.visitor >> 8, shot.visitor & 0xff);
            // 198.18.0.0/15 is set aside for benchmarks: nobody's address.
            write!(out, "X-Forwarded-For: 198.18.{high}.{low}\r\n").expect("a Vec takes every write");
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Plan {
        let codes = Codes::numbered("b", 1_000).expect("valid");
        Plan::new(
            seed,
            codes,
            Choice::zipf(1_000, 1.0),
            Mix::Realistic,
            Visitors::ByForwardedAddress,
            "go.example.com",
        )
    }

    fn requests(seed: u64) -> Vec<Vec<u8>> {
        let plan = plan(seed);
        let mut out = Vec::new();
        (0..2_000)
            .map(|number| {
                plan.write_request(plan.shot(number), &mut out);
                out.clone()
            })
            .collect()
    }

    #[test]
    fn a_seed_is_a_plan() {
        assert_eq!(requests(5), requests(5));
        assert_ne!(requests(5), requests(6));
    }

    #[test]
    fn kinds_have_their_shares_and_their_marks() {
        let plan = plan(9);
        let mut counts = [0; 4];
        let mut out = Vec::new();
        for number in 0..20_000 {
            let shot = plan.shot(number);
            counts[shot.kind as usize] += 1;
            plan.write_request(shot, &mut out);
            let request = String::from_utf8(out.clone()).expect("requests are ASCII");
            assert_eq!(request.starts_with("HEAD /b0"), shot.kind == Kind::Head);
            assert_eq!(request.contains("Sec-Purpose: prefetch"), shot.kind == Kind::Prefetch);
            assert!(request.ends_with("\r\n\r\n") && request.matches("\r\n\r\n").count() == 1);
        }
        assert!((900..1_100).contains(&counts[Kind::Bot as usize]), "{counts:?}");
        assert!((140..260).contains(&counts[Kind::Head as usize]), "{counts:?}");
        assert!((140..260).contains(&counts[Kind::Prefetch as usize]), "{counts:?}");
    }

    #[test]
    fn the_schedule_never_goes_back_and_keeps_the_rate() {
        let plan = plan(1);
        let times: Vec<Duration> = (0..5_000).map(|number| plan.intended(number, 1_000.0)).collect();
        assert!(times.is_sorted());
        assert_eq!(times.iter().filter(|time| time.as_secs() == 2).count(), 1_000);
    }

    #[test]
    fn letters_come_back() {
        for kind in [Kind::Click, Kind::Bot, Kind::Head, Kind::Prefetch] {
            assert_eq!(Kind::from_letter(&kind.letter().to_string()), Some(kind));
        }
        assert_eq!(Kind::from_letter("X"), None);
    }
}
