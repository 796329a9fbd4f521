//! What is written down between the rooms: the journal, the names of Redis keys and fields, and the scripts.
//!
//! Nobody else spells a key or an offset. `docs/` describe these layouts; the tests at the bottom pin them.

pub mod cluster;
mod count;
pub(crate) mod digits;
mod keys;
mod record;
/// The five scripts that are allowed to change counters.
pub mod script;
mod segment;

pub use count::Count;
pub use digits::Stamps;
pub use keys::{LINKS_GENERATION, LINKS_LOG, PARTITIONS, PartitionKeys, link_key, links_marker};
pub use record::{RECORD_BYTES, Record, RecordFlags};
pub use segment::{
    HEADER_BYTES, LANE_LOCK, SegmentHeader, lane_folder, lane_of_folder, number_of_segment, segment_file,
};
