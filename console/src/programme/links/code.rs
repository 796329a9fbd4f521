//! Codes of links: drawn at random, or chosen by people.

use common::ids::Code;

use crate::problem::{Failure, unusable};

/// Characters of a random code. Of 62^10 codes a million links are one in 8·10^11: nobody finds one by trying.
const LENGTH: usize = 10;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Bytes below this are spread evenly over the alphabet: 4 × 62. Others are thrown away.
const EVEN: u8 = 248;
/// Words that follow `/v1/links/` in addresses of ours.
const RESERVED: [&str; 2] = ["batch", "import"];

/// A random code. `random` fills a buffer with bytes that nobody can foresee.
fn draw(mut random: impl FnMut(&mut [u8]) -> Result<(), Failure>) -> Result<String, Failure> {
    let mut code = String::with_capacity(LENGTH);
    let mut bytes = [0; 2 * LENGTH];
    while code.len() < LENGTH {
        random(&mut bytes)?;
        let even = bytes.iter().filter(|byte| **byte < EVEN).take(LENGTH - code.len());
        code.extend(even.map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
    Ok(code)
}

/// A random code from the system's generator.
pub(super) fn random() -> Result<String, Failure> {
    draw(|bytes| {
        getrandom::fill(bytes).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))
    })
}

/// A code that somebody chose.
pub(super) fn chosen(text: &str) -> Result<String, Failure> {
    if Code::new(text.as_bytes()).is_some() && !RESERVED.contains(&text) {
        return Ok(text.to_owned());
    }
    let detail = "`code` must be 4 to 32 letters, digits, `_` or `-`; leave it out to get a random one";
    Err(unusable("code", "invalid_code", detail))
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn random_codes_are_long_and_evenly_spread() {
        let codes: Vec<String> = (0..10_000).map(|_| random().expect("random numbers")).collect();
        let different: HashSet<&String> = codes.iter().collect();
        assert_eq!(different.len(), codes.len());
        assert!(codes.iter().all(|code| code.len() == LENGTH && Code::new(code.as_bytes()).is_some()));
        let mut counts = HashMap::<char, u32>::new();
        codes.iter().flat_map(|code| code.chars()).for_each(|c| *counts.entry(c).or_default() += 1);
        // 100,000 draws over 62 letters: 1,613 each, standard deviation 40.
        assert!(counts.len() == 62 && counts.values().all(|n| (1_300..1_930).contains(n)), "{counts:?}");
    }

    #[test]
    fn uneven_bytes_are_thrown_away() {
        let mut calls = 0;
        let code = draw(|bytes| {
            calls += 1;
            bytes.fill(if calls == 1 { 255 } else { 61 });
            Ok(())
        });
        assert_eq!((code.ok().as_deref(), calls), (Some("zzzzzzzzzz"), 2));
    }

    #[test]
    fn chosen_codes_are_codes() {
        assert!(chosen("summer-26").is_ok());
        for bad in ["", "abc", "a b c", "ümlaut", "a/b/c", &"x".repeat(33), "code.", "%41%41", "batch"] {
            assert!(chosen(bad).is_err(), "{bad}");
        }
    }
}
