//! Sketches of unique visitors, in the bytes of Redis.
