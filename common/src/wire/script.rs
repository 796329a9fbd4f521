//! The five scripts that change counters, as text. Each touches one slot of a cluster and is atomic on its node.
//!
//! Arguments and replies are described at the top of each script. The `#!lua` header makes Redis refuse a script for
//! lack of memory *before* its first write.

/// Adds one interval of one lane to the active bucket, if the bucket ends where the interval begins.
pub const APPLY: &str = include_str!("script/apply.lua");
/// Freezes the active bucket under a seal id, if none is frozen yet.
pub const SEAL: &str = include_str!("script/seal.lua");
/// Reads sketches, if the node still holds the named seal.
pub const READ_SKETCHES: &str = include_str!("script/read_sketches.lua");
/// Forgets the sealed bucket by its id and publishes the watermark as durable.
pub const DROP: &str = include_str!("script/drop.lua");
/// Throws both buckets away and starts again at the watermark.
pub const RESET: &str = include_str!("script/reset.lua");
