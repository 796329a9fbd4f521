//! Sub-ids: what an affiliate hangs on a link to tell its own campaigns apart.

use std::borrow::Cow;

use common::destination::SUBS;
use percent_encoding::percent_decode;

/// Longer sub-ids are dropped: they are names of campaigns, not messages.
pub(crate) const MAX_BYTES: usize = 128;

/// The sub-ids of one request, decoded; empty = not given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Subs<'a> {
    /// `sub1` to `sub5`.
    pub(crate) values: [Cow<'a, [u8]>; SUBS],
    /// How many were too long.
    pub(crate) dropped: u32,
}

impl<'a> Subs<'a> {
    /// Reads a query. The first of several with one name counts.
    pub(crate) fn of(query: &'a [u8]) -> Self {
        let mut subs = Self::default();
        for pair in query.split(|b| *b == b'&') {
            let Some(at) = pair.iter().position(|b| *b == b'=') else { continue };
            let Some(slot) = slot(&pair[..at]).filter(|slot| subs.values[*slot].is_empty()) else { continue };
            let value = decode(&pair[at + 1..]);
            if value.len() > MAX_BYTES {
                subs.dropped += 1;
            } else {
                subs.values[slot] = value;
            }
        }
        subs
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(|value| value.is_empty())
    }

    /// All of them as borrowed bytes.
    pub(crate) fn as_slices(&self) -> [&[u8]; SUBS] {
        std::array::from_fn(|i| &*self.values[i])
    }
}

/// Which sub-id a parameter names: ours, or a spelling that other programmes use.
fn slot(name: &[u8]) -> Option<usize> {
    match name {
        b"subid" | b"sub_id" | b"aff_sub" => return Some(0),
        _ => {}
    }
    let (digit, stem) = name.split_last()?;
    let known = matches!(stem, b"sub" | b"sub_id_" | b"aff_sub" | b"subId");
    (known && (b'1'..=b'5').contains(digit)).then(|| usize::from(digit - b'1'))
}

fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    if value.contains(&b'+') {
        let spaced: Vec<u8> = value.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        return Cow::Owned(percent_decode(&spaced).collect());
    }
    percent_decode(value).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expect: [&str; SUBS]) {
        let subs = Subs::of(query.as_bytes());
        assert_eq!(subs.as_slices(), expect.map(str::as_bytes), "{query}");
        assert_eq!(subs.is_empty(), expect == [""; SUBS]);
    }

    #[test]
    fn sub_ids_are_found_under_their_names_and_aliases() {
        check("", [""; SUBS]);
        check("a=1&sub=2&sub0=3&sub6=4&sub1", [""; SUBS]);
        check("sub1=a&sub5=e", ["a", "", "", "", "e"]);
        check("subid=a&aff_sub2=b&sub_id_3=c&subId4=d", ["a", "b", "c", "d", ""]);
        check("aff_sub=x", ["x", "", "", "", ""]);
        check("sub1=first&sub1=second", ["first", "", "", "", ""]);
        check("sub1=&sub1=second", ["second", "", "", "", ""]);
        check("sub1=a%20b+c%2Bd&sub2=%0d%0a", ["a b c+d", "\r\n", "", "", ""]);
    }

    #[test]
    fn a_long_sub_id_is_dropped_and_counted() {
        let query = format!("sub1={}&sub2={}", "x".repeat(129), "y".repeat(128));
        let subs = Subs::of(query.as_bytes());
        assert_eq!((subs.dropped, subs.values[0].len(), subs.values[1].len()), (1, 0, 128));
        let encoded = format!("sub1={}", "%41".repeat(128));
        assert_eq!(Subs::of(encoded.as_bytes()).values[0].len(), 128, "counted after decoding");
    }
}
