//! What reads bytes of strangers: made-up bytes neither make it panic nor make it say what is not so.
//!
//! Every target is a function of bytes that asserts what must hold. Here each is run over its seeds
//! (`e2e/fuzz/seeds/TARGET`) and over seeds changed at random; `script/fuzz` lets libFuzzer look for worse, guided by which
//! code was reached. What it finds is kept as one more seed.

mod journal;
mod request;
mod sketch;
mod token;
mod url;
mod webhook;

use std::path::Path;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Changed seeds of a target, in one run.
const MUTANTS: usize = 10_000;
/// Of journals: each is forced to disk a few times.
const MUTANT_JOURNALS: usize = 100;
/// Changes of one mutant at most.
const CHANGES: u32 = 6;
/// Longer ones teach nothing new.
const MOST_BYTES: usize = 16 * 1024;

/// Runs a target over its seeds and what becomes of them.
fn try_out(target: &str, run: fn(&[u8]), mutants: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("seeds").map(|entry| entry.expect("a seed").path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a seed")).collect();
    assert!(seeds.len() >= 4, "{target} has too few seeds to begin with");
    for seed in &seeds {
        run(seed);
    }
    let number = rand::rng().random::<u64>();
    println!("{target}: begun with {number}");
    let mut random = SmallRng::seed_from_u64(number);
    for _ in 0..mutants {
        run(&mutant(&seeds, &mut random));
    }
}

fn mutant(seeds: &[Vec<u8>], random: &mut SmallRng) -> Vec<u8> {
    let mut bytes = seeds.choose(random).expect("seeds").clone();
    for _ in 0..random.random_range(1..=CHANGES) {
        let at = random.random_range(0..=bytes.len());
        let until = random.random_range(at..=bytes.len().min(at + 64));
        match random.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => drop(bytes.drain(at..until)),
            3 => bytes.truncate(at),
            4 => {
                let again = bytes[at..until].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let other = seeds.choose(random).expect("seeds");
                let from = random.random_range(0..=other.len());
                let to = random.random_range(from..=other.len().min(from + 64));
                bytes.splice(at..until, other[from..to].iter().copied());
            }
        }
    }
    bytes.truncate(MOST_BYTES);
    bytes
}

#[test]
fn requests() {
    try_out("request", request::run, MUTANTS);
}

#[test]
fn tokens() {
    try_out("token", token::run, MUTANTS);
}

#[test]
fn journals() {
    try_out("journal", journal::run, MUTANT_JOURNALS);
}

#[test]
fn sketches() {
    try_out("sketch", sketch::run, MUTANTS);
}

#[test]
fn webhooks() {
    try_out("webhook", webhook::run, MUTANTS);
}

#[test]
fn urls() {
    try_out("url", url::run, MUTANTS);
}
