//! `/profile/documents`: what an affiliate proves who they are with: sent, listed, and what was found.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};

use super::can_be_mended;
use crate::affiliates::own_affiliate;
use crate::db;
use crate::documents::answer::{Document, all};
use crate::documents::upload::take_form;
use crate::documents::{MAX_DOCUMENT, MAX_DOCUMENTS};
use crate::pages::form::Fields;
use crate::pages::markup::{Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::{BadParameter, Failure};
use crate::server::App;

/// The types of documents, as the API calls them, in words.
const TYPES: [(&str, &str); 6] = [
    ("identity", "Identity: passport, ID card or driving licence"),
    ("address", "Address: a bill or a statement with it"),
    ("tax", "Tax: a certificate or a number"),
    ("bank", "Bank: a statement with the account"),
    ("company", "Company: an extract of the register"),
    ("other", "Something else"),
];

/// Where this page is, and where its form leads.
pub(crate) const PATH: &str = "/profile/documents";

/// Bytes of a megabyte.
const MEGABYTE: usize = 1024 * 1024;

#[derive(Template)]
#[template(path = "own/documents.html")]
struct DocumentsPage {
    frame: Frame,
    fields: Fields,
    types: &'static [(&'static str, &'static str)],
    documents: Vec<Row>,
    max_megabytes: usize,
    /// Documents that may still be sent.
    left: i64,
}

struct Row {
    kind: &'static str,
    /// Where the file is, to keep.
    address: String,
    size: String,
    state: Badge,
    reason: Option<String>,
    submitted: Instant,
    verified: Option<Instant>,
}

/// Shows them.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit, Fields::new())).await
}

/// Takes one in.
pub(super) async fn upload(State(app): State<App>, visit: Visit, request: Request) -> Response {
    match take_form(&app, &visit.caller, request).await {
        Ok(_) => Done::DocumentSent.at(PATH).into_response(),
        Err(failure) if can_be_mended(&failure) => {
            let fields = refused(&failure);
            match page(&app, &visit, fields).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// The form with what was wrong. A file that is too large is wrong at its field too.
fn refused(failure: &Failure) -> Fields {
    let fields = Fields::new().with("file", "").with("document_type", "");
    if !matches!(failure, Failure::TooLong(_)) {
        return fields.refuse(failure);
    }
    let detail = format!("the file is larger than {} MB; save or scan it smaller", MAX_DOCUMENT / MEGABYTE);
    fields.refuse(&Failure::Content(vec![BadParameter {
        field: "file".to_owned(),
        code: "too_large",
        detail,
    }]))
}

async fn page(app: &App, visit: &Visit, fields: Fields) -> Result<DocumentsPage, Failure> {
    let affiliate_id = own_affiliate(&visit.caller)?;
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let documents = all(&mut snapshot, affiliate_id).await?;
    snapshot.commit().await?;
    Ok(DocumentsPage {
        frame: visit.frame(Place::Profile),
        fields,
        types: &TYPES,
        left: MAX_DOCUMENTS - documents.len() as i64,
        documents: documents.into_iter().map(Row::from).collect(),
        max_megabytes: MAX_DOCUMENT / MEGABYTE,
    })
}

impl From<Document> for Row {
    fn from(document: Document) -> Self {
        let named = TYPES.iter().find(|(name, _)| *name == document.document_type);
        let words = named.map_or("Document", |(_, words)| words);
        Self {
            kind: words.split(':').next().unwrap_or(words),
            address: format!("/v1/affiliate/documents/{}/content", document.document_id),
            size: size(document.size_bytes),
            state: Badge::of(&document.status),
            reason: document.rejection_reason,
            submitted: Instant(document.submitted_at),
            verified: document.verified_at.map(Instant),
        }
    }
}

/// Bytes in words.
fn size(bytes: i64) -> String {
    let kilobytes = bytes.max(1).unsigned_abs().div_ceil(1024);
    if kilobytes < 1024 { format!("{kilobytes} KB") } else { format!("{:.1} MB", kilobytes as f64 / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::upload;

    #[test]
    fn every_type_of_the_api_has_words() {
        assert_eq!(TYPES.map(|(name, _)| name), upload::TYPES);
    }

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!(
            (size(1), size(300_000), size(5_242_880)),
            ("1 KB".into(), "293 KB".into(), "5.0 MB".into())
        );
    }

    #[test]
    fn a_file_too_large_is_wrong_at_its_field() {
        let fields = refused(&Failure::TooLong(MAX_DOCUMENT));
        assert!(fields.wrong("file").is_some_and(|words| words.contains("5 MB")) && fields.problem.is_none());
    }
}
