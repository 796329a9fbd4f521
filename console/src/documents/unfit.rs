//! Why a file cannot be a document, told so that the affiliate knows what to send instead.

use thiserror::Error;

use super::kind::Kind;
use super::picture::MAX_PIXELS;
use crate::problem::{BadParameter, Failure};

/// Why a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// None of the four kinds.
    #[error("the file must be a JPG, PNG, WEBP or PDF, by its content and not only by its name")]
    OtherKind,
    /// One of the four kinds, and something else too.
    #[error("the file can be read as two different kinds of file; save or scan it anew")]
    TwoKinds,
    /// Its name or media type says another kind.
    #[error("the file's content is {}, but its name or Content-Type says otherwise", .0.content_type())]
    NamedOtherwise(Kind),
    /// It begins like one of the kinds, but cannot be read.
    #[error("the file cannot be read as {}; it may be damaged: save or scan it anew", .0.content_type())]
    Damaged(Kind),
    /// A picture with more points than are decoded.
    #[error("the picture has more than {} million pixels; save it smaller", MAX_PIXELS / 1_000_000)]
    TooManyPixels,
    /// A picture that does not fit once it is saved anew.
    #[error("the picture is too large once it is saved without its metadata; save it smaller")]
    TooLargeAnew,
    /// Pages that run programs.
    #[error("the PDF runs scripts or starts programs; print it to a new PDF")]
    Active,
}

impl Unfit {
    fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty_document",
            Self::OtherKind => "unsupported_kind",
            Self::TwoKinds => "two_kinds",
            Self::NamedOtherwise(_) => "kind_mismatch",
            Self::Damaged(_) => "damaged_document",
            Self::TooManyPixels => "too_many_pixels",
            Self::TooLargeAnew => "too_large_anew",
            Self::Active => "active_document",
        }
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        Self::Content(vec![BadParameter {
            field: "file".to_owned(),
            code: unfit.code(),
            detail: unfit.to_string(),
        }])
    }
}
