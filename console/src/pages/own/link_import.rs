//! `/links/import`: the links of a CSV file, each row with what became of it.

use std::future::ready;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use multer::Multipart;

use super::can_be_mended;
use crate::auth::csrf;
use crate::body;
use crate::pages::form::Fields;
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::pages::{message, render};
use crate::problem::Failure;
use crate::programme::links::make::Maker;
use crate::programme::links::many::{COLUMNS, MAX_BODY, MAX_ROWS, Outcomes, make, rows};
use crate::server::App;

/// Bytes of a form beside the file: boundaries, part headers and the token.
const MAX_FORM: usize = MAX_BODY + 4 * 1024;

#[derive(Template)]
#[template(path = "own/link_import.html")]
struct ImportPage {
    frame: Frame,
    fields: Fields,
    columns: String,
    max_rows: usize,
    outcomes: Option<Outcomes>,
    /// What was wrong with each row that was refused.
    refused: Vec<(usize, String)>,
}

/// Shows the form.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    let may = Maker::new(&visit.caller, &app.redirect_url, visit.now).map(|_| ());
    visit.show(ready(may.map(|()| ImportPage::new(&visit, Fields::new(), None)))).await
}

/// Makes the links, and says what became of each row.
pub(super) async fn submit(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let imported = async {
        let file = file(&visit, request).await?;
        make(&app, &visit.caller, rows(&file)?).await
    };
    match imported.await {
        Ok(outcomes) => render(StatusCode::OK, &ImportPage::new(&visit, Fields::new(), Some(outcomes))),
        Err(failure) if can_be_mended(&failure) => {
            let fields = Fields::new().with("file", "").refuse(&failure);
            visit.again(&failure, &ImportPage::new(&visit, fields, None))
        }
        Err(failure) => visit.failed(failure),
    }
}

impl ImportPage {
    fn new(visit: &Visit, fields: Fields, outcomes: Option<Outcomes>) -> Self {
        let every = outcomes.iter().flat_map(|outcomes| &outcomes.data);
        let refused = every.filter_map(|row| {
            let bad = row.error.as_ref()?;
            Some((row.row, message::sentence(&bad.detail.replace('`', ""))))
        });
        Self {
            frame: visit.frame(Place::Links),
            fields,
            columns: COLUMNS.join(","),
            max_rows: MAX_ROWS,
            refused: refused.collect(),
            outcomes,
        }
    }
}

/// The file of a form that one of our pages sent.
async fn file(visit: &Visit, request: Request) -> Result<Vec<u8>, Failure> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let boundary = multer::parse_boundary(kind.unwrap_or_default())
        .map_err(|_| Failure::MediaType("multipart/form-data; boundary=…"))?;
    let whole = body::read(&parts.headers, body, MAX_FORM).await?;
    let once = futures_util::stream::once(async { Ok::<_, std::convert::Infallible>(whole) });
    let mut form = Multipart::new(once, boundary);
    let (mut file, mut token) = (Vec::new(), Vec::new());
    while let Some(part) = form.next_field().await.map_err(|error| broken(&error))? {
        match part.name() {
            Some("file") => file = part.bytes().await.map_err(|error| broken(&error))?.to_vec(),
            Some(csrf::FIELD) => token = part.bytes().await.map_err(|error| broken(&error))?.to_vec(),
            _ => {}
        }
    }
    csrf::check(&visit.caller, &token)?;
    Ok(file)
}

fn broken(error: &multer::Error) -> Failure {
    super::wrong("file", "invalid_form", &format!("the form cannot be read: {error}"))
}
