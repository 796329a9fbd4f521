//! What affiliates prove who they are with: taken in, judged, and shown to those who judge.
//!
//! Invariant: a file is looked at in memory and written only when all about it is good, so a refusal leaves nothing
//! behind. Pictures are stored as we saved them, never as they came. Whoever downloads is asked for every time, gets a
//! file to keep and never a page to open, and leaves a line in the audit.

pub(crate) mod answer;
pub(crate) mod content;
mod inspect;
mod kind;
mod pdf;
mod picture;
mod received;
pub(crate) mod review;
mod unfit;
pub(crate) mod upload;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::openapi::{Routes, routes};
use crate::store::Store;

/// Bytes of a document at most: what the affiliates' handbook promises.
pub const MAX_DOCUMENT: usize = 5 * 1024 * 1024;

/// Documents of one affiliate, judged or not. Passport, address, tax, bank and company are five.
pub const MAX_DOCUMENTS: i64 = 20;

/// Uploads at once: each holds up to [`MAX_DOCUMENT`] in memory while it arrives, 120 MB in all. A slow one may take
/// [`LONGEST_UPLOAD`], and others must not wait for it.
const MAX_UPLOADS: usize = 24;

/// How long a document may take to arrive on the slowest line that is waited for.
pub(crate) const LONGEST_UPLOAD: Duration = received::LONGEST;

/// Pictures decoded at once. One takes a core for a second and up to 200 MB; the other core answers requests.
const MAX_DECODING: usize = 1;

/// Where an affiliate's own documents are.
pub(crate) const OWN: &str = "/v1/affiliate/documents";

/// The store, and how much is done with it at once.
#[derive(Clone, Debug)]
pub struct Cabinet {
    store: Store,
    uploads: Arc<Semaphore>,
    decoding: Arc<Semaphore>,
}

impl Cabinet {
    /// A cabinet that keeps its files in `store`.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
            decoding: Arc::new(Semaphore::new(MAX_DECODING)),
        }
    }
}

/// The routes of documents, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new()
        .routes(routes!(answer::own, upload::upload))
        .routes(routes!(content::own))
        .routes(routes!(answer::of_affiliate))
        .routes(routes!(review::delete))
        .routes(routes!(content::of_affiliate))
        .routes(routes!(review::approve))
        .routes(routes!(review::reject))
}
