//! The documents somebody proves who they are with: pictures shown inside the page of those who judge, anything as a
//! file to keep. Each time somebody looks, the audit says so.

use axum::extract::State;
use axum::response::Response;

use super::look::time;
use crate::conventions::Named;
use crate::documents::answer::DocumentAnswer;
use crate::documents::content::{content_of, kept, pictured};
use crate::pages::format;
use crate::pages::markup::{Badge, Instant};
use crate::pages::visit::Visit;
use crate::server::App;

/// One document, as pages show it.
pub(super) struct Paper {
    pub(super) id: String,
    pub(super) affiliate: String,
    pub(super) kind: String,
    /// `JPEG, 1.2 MB`.
    pub(super) file: String,
    pub(super) is_picture: bool,
    pub(super) status: Badge,
    pub(super) is_pending: bool,
    pub(super) submitted: Option<Instant>,
    pub(super) judged: Option<Instant>,
    pub(super) reason: Option<String>,
    pub(super) version: i64,
}

impl From<DocumentAnswer> for Paper {
    fn from(document: DocumentAnswer) -> Self {
        let (_, format) = document.content_type.split_once('/').unwrap_or_default();
        Self {
            kind: format::word(&document.document_type),
            file: format!("{}, {}", format.to_ascii_uppercase(), size(document.size_bytes)),
            is_picture: document.content_type.starts_with("image/"),
            status: Badge::of(&document.status),
            is_pending: document.status == "pending",
            submitted: time(&document.submitted_at).map(Instant),
            judged: document.verified_at.as_deref().and_then(time).map(Instant),
            reason: document.rejection_reason,
            id: document.document_id,
            affiliate: document.affiliate_id,
            version: document.row_version,
        }
    }
}

/// `840 kB`, `1.2 MB`.
fn size(bytes: i64) -> String {
    match bytes {
        ..1_000_000 => format!("{} kB", (bytes / 1_000).max(1)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// A picture for the page that judges it. What is no picture is a file to keep here too.
pub(super) async fn picture(
    State(app): State<App>,
    visit: Visit,
    Named((affiliate, id)): Named<(String, String)>,
) -> Response {
    let content = content_of(&app, &visit.caller, (&affiliate, &id)).await;
    content.map_or_else(|failure| visit.failed(failure), pictured)
}

/// The file.
pub(super) async fn file(
    State(app): State<App>,
    visit: Visit,
    Named((affiliate, id)): Named<(String, String)>,
) -> Response {
    let content = content_of(&app, &visit.caller, (&affiliate, &id)).await;
    content.map_or_else(|failure| visit.failed(failure), kept)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_one_unit() {
        assert_eq!([0, 999_999, 1_250_000].map(size), ["1 kB", "999 kB", "1.2 MB"]);
    }
}
