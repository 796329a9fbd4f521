//! Orders: the list, and one of them with everything that is known and why it was credited.

pub(super) mod list;
pub(super) mod one;

/// Where the list is.
pub(super) const PATH: &str = "/orders";
