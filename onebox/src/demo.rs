//! The demo programme: what a fresh installation shows. The data is in `demo/programme.sql`.

pub(crate) mod traffic;
