//! What is written down between the rooms: the journal record, the names of Redis keys and fields, and the scripts.
//!
//! Nobody else spells a key or an offset. `docs/` describe these layouts; the tests at the bottom pin them.

pub mod cluster;
mod count;
mod digits;
mod keys;
mod record;
/// The five scripts that are allowed to change counters.
pub mod script;

pub use count::Count;
pub use digits::Stamps;
pub use keys::{LINKS_GENERATION, LINKS_LOG, PARTITIONS, PartitionKeys, link_key, links_marker};
pub use record::{RECORD_BYTES, Record, RecordFlags};
