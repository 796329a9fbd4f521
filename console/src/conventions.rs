//! What every part of the API does alike: names, lists, versions of objects, requests that may be repeated, states, and the
//! way from a typed answer to a response.

pub(crate) mod answers;
pub(crate) mod described;
pub mod etag;
pub mod idempotency;
pub(crate) mod list;
pub(crate) mod named;

use crate::problem::Failure;

pub(crate) use self::answers::{
    Answer, Object, accepted, changed, created, creation, done, json, made, object,
};
pub(crate) use self::described::{
    BranchCode, Called, CountryLetters, CurrencyCode, EmailAddress, Handle, LinkCode, Message, Millionths,
    Moment, Number, OnlyTrue, PageParams, Paragraphs, PerCent, PhoneNumber, Repeatable, Sought, SubId,
    Versioned, WebAddress, Why, words,
};
pub use self::etag::IfMatch;
pub use self::idempotency::once;
pub(crate) use self::list::{Asked, Asking, List, Page, now, time, unknown_cursor};
pub(crate) use self::named::{Named, possible};

/// A step that the state of a thing does not allow: `illegal_state("affiliate", "rejected", "approved")`.
pub fn illegal_state(thing: &str, is: &str, wanted: &str) -> Failure {
    Failure::IllegalState(format!("this {thing} is {is}; it cannot become {wanted} from there"))
}
