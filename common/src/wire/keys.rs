//! The names of everything in Redis.
//!
//! A partition's keys share the hash tag `{pXX}`, so that a script touches one slot of a cluster.

use super::digits::{self, Stamps};
use crate::ids::{Code, LinkId, Partition};
use crate::time::Day;

/// Stream of link changes: field `e` = [`crate::link::Entry`] as JSON. Trimmed; an edge that fell behind reloads.
pub const LINKS_LOG: &str = "links:log";
/// The generation of the published links: set when a rebuild is complete. Missing = Redis was emptied.
pub const LINKS_GENERATION: &str = "links:ver";
/// The number of partitions this Redis was filled with. A service with another number refuses to start.
pub const PARTITIONS: &str = "links:partitions";

/// Where the link with this code is published: [`crate::link::Entry`] as JSON.
pub fn link_key(code: &Code) -> String {
    format!("l:{code}")
}

/// Beside a partition's keys: the generation of the links that this server was filled with. A server of a cluster that
/// was emptied lacks it, though [`LINKS_GENERATION`], on another one, is there.
pub fn links_marker(partition: Partition) -> String {
    format!("links:ver:{{p{:02x}}}", partition.0)
}

/// The keys of one partition.
///
/// The *active* bucket holds the counts of exactly the records in `(base, end]` of every lane. At most one *sealed*
/// bucket waits for Postgres beside it.
#[derive(Debug, Clone)]
pub struct PartitionKeys {
    /// Hash lane → seq: where the active bucket ends.
    pub end: String,
    /// Hash lane → seq: where the active bucket begins.
    pub base: String,
    /// Hash [`super::Count`] → n: the active bucket's counts.
    pub counts: String,
    /// Hash lane → running total of the lane's records in this partition, as the journal states it, at `end`.
    pub claim: String,
    /// The sealed bucket's counts.
    pub sealed_counts: String,
    /// The sealed bucket's end.
    pub sealed_end: String,
    /// The sealed bucket's base.
    pub sealed_base: String,
    /// The sealed bucket's claims.
    pub sealed_claim: String,
    /// The random id of the sealed bucket.
    pub seal: String,
    /// Hash lane → seq: what Postgres has committed. Advisory: edges may drop journal segments up to it.
    pub durable: String,
    prefix: String,
}

impl PartitionKeys {
    /// The names for `partition`.
    pub fn new(partition: Partition) -> Self {
        let prefix = format!("{{p{:02x}}}:", partition.0);
        let name = |suffix: &str| format!("{prefix}{suffix}");
        Self {
            end: name("w"),
            base: name("b"),
            counts: name("c"),
            claim: name("n"),
            sealed_counts: name("Sc"),
            sealed_end: name("Sw"),
            sealed_base: name("Sb"),
            sealed_claim: name("Sn"),
            seal: name("Sg"),
            durable: name("d"),
            prefix,
        }
    }

    /// The keys [`super::script::SEAL`] wants, in its order.
    pub fn for_seal(&self) -> [&str; 9] {
        let [active @ .., durable] = self.for_reset();
        debug_assert_eq!(durable, self.durable);
        active
    }

    /// The keys [`super::script::DROP`] wants, in its order.
    pub fn for_drop(&self) -> [&str; 6] {
        [
            &self.sealed_counts,
            &self.sealed_end,
            &self.sealed_base,
            &self.sealed_claim,
            &self.seal,
            &self.durable,
        ]
    }

    /// The keys [`super::script::RESET`] wants, in its order.
    pub fn for_reset(&self) -> [&str; 10] {
        [
            &self.end,
            &self.base,
            &self.counts,
            &self.claim,
            &self.sealed_end,
            &self.sealed_base,
            &self.sealed_counts,
            &self.sealed_claim,
            &self.seal,
            &self.durable,
        ]
    }

    /// The sketch of a link's human visitors of one day, written into `out` (cleared first).
    pub fn write_sketch(&self, link: LinkId, day: Day, stamps: &mut Stamps, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(b"u:");
        digits::push(link.0, out);
        out.push(b':');
        stamps.push_day(day, out);
    }

    /// The sketch of a link's human visitors of one day.
    pub fn sketch(&self, link: LinkId, day: Day) -> String {
        let mut out = Vec::new();
        self.write_sketch(link, day, &mut Stamps::default(), &mut out);
        String::from_utf8(out).expect("keys are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_pinned() {
        let keys = PartitionKeys::new(Partition(11));
        assert_eq!(keys.end, "{p0b}:w");
        assert_eq!(keys.sealed_claim, "{p0b}:Sn");
        assert_eq!(keys.sketch(LinkId(77), Day(20_777)), "{p0b}:u:77:20261120");
        assert_eq!(links_marker(Partition(11)), "links:ver:{p0b}");
        assert_eq!(link_key(&Code::new(b"demo1").expect("a code")), "l:demo1");
    }
}
