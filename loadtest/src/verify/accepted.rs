//! What shoppers hold: the tokens of a driver's logs. Each promises one count.

use std::path::PathBuf;

use anyhow::Context as _;
use common::ids::{Lane, Seq};
use common::token::{self, Click};
use common::wire::Record;

use crate::drive::log::{self, End};
use crate::drive::plan::Kind;

/// Every accepted click, sorted by lane and seq, and how the rest ended.
#[derive(Debug, Default)]
pub struct Accepted {
    /// Distinct clicks.
    pub clicks: Vec<Click>,
    /// Tokens that named the click of another token: two shoppers, one count.
    pub repeated: u64,
    /// Requests in the logs.
    pub requests: u64,
    /// Sent and not answered: each may have left a record that nobody holds a token of.
    pub broken: u64,
    /// Known links answered 5xx (prefetches apart, which are answered so).
    pub failed: u64,
}

impl Accepted {
    /// Reads logs.
    pub fn read(logs: &[PathBuf]) -> anyhow::Result<Self> {
        let mut accepted = Self::default();
        for path in logs {
            log::read(path, |line| {
                accepted.requests += 1;
                match line.end {
                    End::Status(status) if status >= 500 && line.kind != Kind::Prefetch => {
                        accepted.failed += 1;
                    }
                    End::Broken => accepted.broken += 1,
                    End::Status(_) | End::Refused => {}
                }
                if let Some(text) = line.token {
                    accepted.clicks.push(token::decode_unverified(text.as_bytes()).context("not a token")?);
                }
                Ok(())
            })?;
        }
        accepted.sort();
        Ok(accepted)
    }

    /// Sorts, and counts those that are not distinct.
    fn sort(&mut self) {
        self.clicks.sort_unstable_by_key(place);
        let all = self.clicks.len();
        self.clicks.dedup_by_key(|click| place(click));
        self.repeated = (all - self.clicks.len()) as u64;
    }

    /// Where the click of this place stands in [`Self::clicks`].
    pub fn position(&self, lane: Lane, seq: Seq) -> Option<usize> {
        self.clicks.binary_search_by_key(&(lane, seq), place).ok()
    }
}

fn place(click: &Click) -> (Lane, Seq) {
    (click.lane, click.seq)
}

/// Whether the token says what the record says, in every field it shares with it.
pub fn agrees(click: &Click, record: &Record) -> bool {
    let Click { flags, ts_ms, link, visitor, channel, lane: _, seq } = *click;
    flags == record.flags.0
        && ts_ms == record.at_us / 1000
        && link == record.link
        && visitor == record.visitor & token::VISITOR_MAX
        && channel == u16::from(record.channel.code())
        && seq == record.seq
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_of_one_click_are_noticed() {
        let click = |lane, seq| Click {
            flags: 0,
            ts_ms: 0,
            link: common::ids::LinkId(1),
            visitor: 1,
            channel: 0,
            lane: Lane(lane),
            seq: Seq(seq),
        };
        let mut accepted = Accepted {
            clicks: vec![click(1, 5), click(0, 9), click(1, 5), click(0, 5)],
            ..Accepted::default()
        };
        accepted.sort();
        assert_eq!((accepted.clicks.len(), accepted.repeated), (3, 1));
        assert_eq!(accepted.position(Lane(1), Seq(5)), Some(2));
        assert_eq!(accepted.position(Lane(1), Seq(9)), None);
    }
}
