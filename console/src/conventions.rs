//! What every part of the API does alike: versions of objects, requests that may be repeated, states.

pub mod etag;
pub mod idempotency;
pub mod list;

use crate::problem::Failure;

pub use self::etag::IfMatch;
pub use self::idempotency::once;

/// A step that the state of a thing does not allow: `illegal_state("affiliate", "rejected", "approved")`.
pub fn illegal_state(thing: &str, is: &str, wanted: &str) -> Failure {
    Failure::IllegalState(format!("this {thing} is {is}; it cannot become {wanted} from there"))
}
