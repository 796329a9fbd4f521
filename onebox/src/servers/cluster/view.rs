//! What a node says of its cluster.

use ::redis::{Connection, InfoDict, cmd};
use anyhow::Context as _;

/// How many slots there are.
pub(super) const SLOTS: usize = 16_384;

/// A node as another sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) port: u16,
    /// The slots it owns.
    pub(super) slots: Vec<u16>,
    /// Neither in doubt nor given up.
    pub(super) is_trusted: bool,
}

/// All nodes, as this one sees them.
pub(super) fn seen_by(node: &mut Connection) -> anyhow::Result<Vec<Seen>> {
    let text: String = cmd("CLUSTER").arg("NODES").query(node)?;
    text.lines().map(|line| read(line).with_context(|| format!("cannot read {line:?}"))).collect()
}

/// Whether this node serves, knows all the others, and doubts none of them.
pub(super) fn is_well(node: &mut Connection, nodes: usize) -> anyhow::Result<bool> {
    let info: String = cmd("CLUSTER").arg("INFO").query(node)?;
    let seen = seen_by(node)?;
    Ok(info.contains("cluster_state:ok") && seen.len() == nodes && seen.iter().all(|node| node.is_trusted))
}

/// Whether this node is a replica that has all its master had a moment ago.
pub(super) fn is_in_step(node: &mut Connection) -> anyhow::Result<bool> {
    let info: InfoDict = cmd("INFO").arg("replication").query(node)?;
    Ok(info.get::<String>("master_link_status").as_deref() == Some("up"))
}

/// `id ip:port@bus flags master ping pong epoch link slots…`
fn read(line: &str) -> Option<Seen> {
    let mut words = line.split(' ');
    let (id, address, flags) = (words.next()?, words.next()?, words.next()?);
    let port = address.split('@').next()?.rsplit(':').next()?.parse().ok()?;
    // A slot that is being handed over is shown again in brackets.
    let ranges = words.skip(5).filter(|word| !word.starts_with('['));
    let mut slots = Vec::new();
    for range in ranges {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        slots.extend(first.parse::<u16>().ok()?..=last.parse().ok()?);
    }
    let is_trusted = !flags.contains("fail") && !flags.contains("handshake");
    Some(Seen { id: id.to_owned(), port, slots, is_trusted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let master = "a1 127.0.0.1:20001@30001 myself,master - 0 0 3 connected 5-7 9 [5->-b2]";
        let seen = read(master).expect("a master");
        assert_eq!((seen.id.as_str(), seen.port, seen.is_trusted), ("a1", 20_001, true));
        assert_eq!(seen.slots, [5, 6, 7, 9]);
        let dead = "b2 127.0.0.1:20002@30002,host slave,fail? a1 0 0 2 disconnected";
        let seen = read(dead).expect("a replica");
        assert_eq!((seen.port, seen.slots.len(), seen.is_trusted), (20_002, 0, false));
        assert_eq!(read("nonsense"), None);
    }
}
