//! Who owns the keys of a Redis Cluster, from what one of its nodes says.
//!
//! Walking over all keys means walking over every owner; a slot without one would be a hole that nobody notices.

/// How many slots a cluster has.
pub const SLOTS: u16 = 16_384;

/// Some slots in a row, and the server that owns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first of them.
    pub first: u16,
    /// The last of them.
    pub last: u16,
    /// The owner's host.
    pub host: String,
    /// The owner's port.
    pub port: u16,
}

/// Why the owners are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unowned {
    /// Nobody serves some keys now.
    #[error("has {0} slots without an owner; wait for a failover, or see `CLUSTER NODES`")]
    Slots(u32),
    /// A node does not know how others reach it.
    #[error("has a node that does not know its own address; set cluster-announce-ip there")]
    Address,
}

/// Every owner once.
pub fn owners(ranges: impl IntoIterator<Item = Range>) -> Result<Vec<(String, u16)>, Unowned> {
    let (mut owners, mut owned) = (Vec::new(), 0_u32);
    for range in ranges {
        if range.host.is_empty() {
            return Err(Unowned::Address);
        }
        owned += u32::from(range.last.saturating_sub(range.first)) + 1;
        owners.push((range.host, range.port));
    }
    owners.sort();
    owners.dedup();
    match u32::from(SLOTS).checked_sub(owned) {
        Some(0) => Ok(owners),
        unowned => Err(Unowned::Slots(unowned.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, last: u16, port: u16) -> Range {
        Range { first, last, host: "10.0.0.1".to_owned(), port }
    }

    #[test]
    fn every_owner_is_named_once() {
        let ranges = [range(0, 4_000, 2), range(4_001, 4_001, 1), range(4_002, SLOTS - 1, 2)];
        let owner = |port| ("10.0.0.1".to_owned(), port);
        assert_eq!(owners(ranges), Ok(vec![owner(1), owner(2)]));
    }

    #[test]
    fn a_hole_is_noticed() {
        assert_eq!(owners([range(0, 16_000, 1)]), Err(Unowned::Slots(383)));
        assert_eq!(owners([]), Err(Unowned::Slots(u32::from(SLOTS))));
        let lost = Range { host: String::new(), ..range(0, SLOTS - 1, 1) };
        assert_eq!(owners([lost]), Err(Unowned::Address));
    }
}
