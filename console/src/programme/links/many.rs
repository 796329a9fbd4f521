//! `/v1/links/batch` and `/v1/links/import`: many links at once, each with an outcome of its own. What can be made is
//! made; the rest is told with its reason, and can be sent again alone.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::make::{Maker, Wanted};
use crate::auth::Caller;
use crate::conventions::idempotency::once_within;
use crate::conventions::{Repeatable, json, now};
use crate::problem::{BadParameter, Failure, Problem, unusable};
use crate::server::App;
use crate::{body, db};

/// Links of one batch: a second's work.
const MAX_BATCH: usize = 500;
/// Rows of one file: two seconds' work, within an answer's time.
pub(crate) const MAX_ROWS: usize = 1_000;
/// Bytes of either body.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// Rows that the heading takes.
const HEADING: usize = 1;
/// The columns a file may have.
pub(crate) const COLUMNS: [&str; 6] =
    ["vendor_id", "product_id", "affiliate_id", "destination", "code", "expiry_date"];

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkBatch)]
pub(crate) struct Batch {
    #[schema(min_items = 1, max_items = 500)]
    pub(crate) links: Vec<Wanted>,
}

/// What became of all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkOutcomes)]
pub(crate) struct Outcomes {
    pub(crate) object: &'static str,
    pub(crate) created: usize,
    pub(crate) refused: usize,
    pub(crate) data: Vec<Outcome>,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkOutcome)]
pub(crate) struct Outcome {
    /// Its place: counted from 0 in a batch; in a file from 1, which is the heading.
    pub(crate) row: usize,
    pub(crate) outcome: &'static str,
    /// Of the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<BadParameter>,
}

/// Makes up to 500 links.
#[utoipa::path(post, path = "/v1/links/batch", tag = "links", request_body = Batch, params(
    Repeatable,
), responses(
    (status = 200, description = "What became of each", body = Outcomes),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(in crate::programme) async fn batch(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Response {
    let (app, caller) = (&app, &caller);
    let work = |headers, bytes: Bytes| async move {
        let read = read_batch(&headers, &bytes);
        json(async { make(app, caller, read?).await }).await
    };
    once_within(MAX_BODY, app, caller, request, work).await
}

/// Makes the links of a CSV file.
#[utoipa::path(post, path = "/v1/links/import", tag = "links", request_body(content = String, content_type = "text/csv"), params(
    Repeatable,
), responses(
    (status = 200, description = "What became of each row", body = Outcomes),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(in crate::programme) async fn import(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Response {
    let (app, caller) = (&app, &caller);
    let work = |headers, bytes: Bytes| async move {
        let read = read_file(&headers, &bytes);
        json(async { make(app, caller, read?).await }).await
    };
    once_within(MAX_BODY, app, caller, request, work).await
}

/// A link that is wanted, or why it cannot be, and its place.
pub(crate) type Numbered = (usize, Result<Wanted, Failure>);

/// Makes what can be made, and says of each what became of it.
pub(crate) async fn make(app: &App, caller: &Caller, wanted: Vec<Numbered>) -> Result<Outcomes, Failure> {
    let mut maker = Maker::new(caller, &app.redirect_url, now())?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let mut data = Vec::with_capacity(wanted.len());
    for (row, wanted) in wanted {
        let made = match wanted {
            Ok(wanted) => maker.make(&mut tx, &wanted).await,
            Err(failure) => Err(failure),
        };
        data.push(match made {
            Ok(code) => Outcome { row, outcome: "created", code: Some(code), error: None },
            Err(failure) => {
                let error = told(failure)?;
                Outcome { row, outcome: "refused", code: None, error: Some(error) }
            }
        });
    }
    tx.commit().await.map_err(Failure::writing)?;
    let created = data.iter().filter(|outcome| outcome.error.is_none()).count();
    Ok(Outcomes { object: "link_outcomes", created, refused: data.len() - created, data })
}

/// A refusal of one row. What is no matter of the row ends it all: nothing was made then.
fn told(failure: Failure) -> Result<BadParameter, Failure> {
    match failure {
        Failure::Content(mut bad) if !bad.is_empty() => Ok(bad.swap_remove(0)),
        Failure::Conflict(code, detail) | Failure::Missing(code, detail) => {
            Ok(BadParameter { field: "row".to_owned(), code, detail })
        }
        other => Err(other),
    }
}

fn read_batch(headers: &HeaderMap, bytes: &[u8]) -> Result<Vec<Numbered>, Failure> {
    let Batch { links } = body::json(headers, bytes)?;
    if links.is_empty() || links.len() > MAX_BATCH {
        return Err(unusable("links", "too_many", format!("`links` must have 1 to {MAX_BATCH} entries")));
    }
    Ok(links.into_iter().map(Ok).enumerate().collect())
}

fn read_file(headers: &HeaderMap, bytes: &[u8]) -> Result<Vec<Numbered>, Failure> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv") {
        return Err(Failure::MediaType("text/csv"));
    }
    rows(bytes)
}

/// The links of a CSV file.
pub(crate) fn rows(bytes: &[u8]) -> Result<Vec<Numbered>, Failure> {
    // Spreadsheets write a mark of their encoding first.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let heading = reader.headers().map_err(|error| unreadable(&error))?.clone();
    for (at, column) in heading.iter().enumerate() {
        let is_known = COLUMNS.contains(&column);
        if !is_known || heading.iter().take(at).any(|before| before == column) {
            let detail = format!(
                "the first line may name each of {} once; {column:?} is not among them or repeated",
                COLUMNS.join(", ")
            );
            return Err(unusable("heading", "unknown_column", detail));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        if rows.len() == MAX_ROWS {
            return Err(unusable("rows", "too_many", format!("a file may have {MAX_ROWS} rows")));
        }
        let number = rows.len() + 1 + HEADING;
        rows.push((number, row(&heading, &record)));
    }
    if rows.is_empty() {
        return Err(unusable(
            "rows",
            "too_few",
            "the file has a heading at most: name the columns, then one link a row",
        ));
    }
    Ok(rows)
}

fn row(heading: &csv::StringRecord, record: &csv::StringRecord) -> Result<Wanted, Failure> {
    if record.len() != heading.len() {
        let detail = format!("this row has {} cells, and the heading {}", record.len(), heading.len());
        return Err(unusable("row", "wrong_number_of_cells", detail));
    }
    let cell = |name: &str| {
        let at = heading.iter().position(|column| column == name)?;
        record.get(at).filter(|cell| !cell.is_empty()).map(str::to_owned)
    };
    let expiry_date = cell("expiry_date").map(|text| {
        let parsed = DateTime::parse_from_rfc3339(&text);
        parsed.map(|at| at.to_utc()).map_err(|_| {
            let detail = "`expiry_date` must be an RFC 3339 timestamp such as 2027-01-31T00:00:00Z";
            unusable("expiry_date", "invalid_timestamp", detail)
        })
    });
    Ok(Wanted {
        vendor_id: cell("vendor_id"),
        product_id: cell("product_id"),
        affiliate_id: cell("affiliate_id"),
        destination: cell("destination"),
        code: cell("code"),
        expiry_date: expiry_date.transpose()?,
    })
}

fn unreadable(error: &csv::Error) -> Failure {
    unusable("body", "invalid_csv", format!("the body cannot be read as CSV in UTF-8: {error}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn file(text: &str) -> Result<Vec<String>, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        let rows = read_file(&headers, text.as_bytes()).map_err(|failure| failure.kind().1)?;
        let told = |(line, row): Numbered| match row {
            Ok(wanted) => format!("{line} {:?} {:?}", wanted.vendor_id, wanted.code),
            Err(failure) => format!("{line} {}", failure.kind().1),
        };
        Ok(rows.into_iter().map(told).collect())
    }

    #[test]
    fn files_are_read_row_by_row() {
        let rows =
            file("\u{feff}vendor_id, code\r\nven_1,\r\nven_2,\"summer\"\r\nven_3\r\n").expect("a file");
        assert_eq!(
            rows,
            ["2 Some(\"ven_1\") None", "3 Some(\"ven_2\") Some(\"summer\")", "4 wrong_number_of_cells"]
        );
        assert_eq!(file("expiry_date\n2027-13-01\n").expect("a file"), ["2 invalid_timestamp"]);
        for (bad, code) in [
            ("", "too_few"),
            ("vendor_id\n", "too_few"),
            ("vendor_id,status\nven_1,active\n", "unknown_column"),
            ("code,code\na,b\n", "unknown_column"),
        ] {
            assert_eq!(file(bad), Err(code), "{bad:?}");
        }
        let long = format!("code\n{}", "abcd\n".repeat(MAX_ROWS + 1));
        assert_eq!(file(&long), Err("too_many"));
        assert!(read_file(&HeaderMap::new(), b"code\nabcd\n").is_err(), "a form is no file");
    }
}
