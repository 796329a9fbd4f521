//! `/audit`: who did what, newest first. Nothing in it is ever changed or deleted.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::look::{Look, time};
use crate::accounts::audit_api::{self, EntryAnswer, Filter};
use crate::conventions::Asked as _;
use crate::pages::format;
use crate::pages::markup::Instant;
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

const PATH: &str = "/audit";

/// What an address of the record may say, as the API calls it.
const KNOWN: [&str; 4] = ["action", "subject", "from", "to"];

#[derive(Template)]
#[template(path = "people/audit.html")]
struct AuditPage {
    frame: Frame,
    action: String,
    subject: String,
    from: String,
    to: String,
    rows: Vec<Row>,
    is_narrowed: bool,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    at: Option<Instant>,
    actor: String,
    /// `Affiliate: approve`.
    deed: String,
    deed_address: String,
    subject: String,
    subject_address: String,
    /// What changed, as names and values.
    detail: Vec<(String, String)>,
}

/// Answers `/audit`.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<AuditPage, Failure> {
    let look = Look::read(PATH, &visit.query, &KNOWN);
    let listed = audit_api::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    Ok(AuditPage {
        frame: visit.frame(Place::Audit),
        action: look.value("action").to_owned(),
        subject: look.value("subject").to_owned(),
        from: look.value("from").to_owned(),
        to: look.value("to").to_owned(),
        is_narrowed: look.is_narrowed(&KNOWN),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(|entry| Row::new(entry, &look)).collect(),
    })
}

impl Row {
    fn new(entry: EntryAnswer, look: &Look) -> Self {
        let (thing, deed) = entry.action.split_once('.').unwrap_or((&entry.action, ""));
        Self {
            at: time(&entry.at).map(Instant),
            deed: format!("{}: {}", format::word(thing), deed.replace('_', " ")),
            deed_address: look.with("action", &entry.action),
            subject_address: look.with("subject", &entry.subject),
            detail: facts(entry.detail),
            actor: entry.actor,
            subject: entry.subject,
        }
    }
}

/// What an entry tells besides, as names and texts.
fn facts(detail: Value) -> Vec<(String, String)> {
    let Value::Object(detail) = detail else { return Vec::new() };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let known = detail.into_iter().filter(|(_, value)| !value.is_null());
    known.map(|(name, value)| (name.replace('_', " "), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::facts;

    #[test]
    fn details_are_told_as_names_and_texts() {
        let told = facts(json!({"from_ppm": 100, "reason": "blurred", "to": null}));
        assert_eq!(
            told,
            [("from ppm".to_owned(), "100".to_owned()), ("reason".to_owned(), "blurred".to_owned())]
        );
        assert!(facts(json!([])).is_empty());
    }
}
