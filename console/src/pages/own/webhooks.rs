//! `/webhooks`: the addresses that are told what happens, for vendors and operators. A secret is shown once, on the
//! answer to the form that makes it.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::can_be_mended;
use crate::api::given::MAX_LIMIT;
use crate::conventions::{IfMatch, Named, Page};
use crate::outgoing::targets::{self, Target, Wanted};
use crate::outgoing::topics::{OF_PROGRAMME, OF_VENDORS};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Ago, Badge};
use crate::pages::render;
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

/// Where the list is.
pub(super) const PATH: &str = "/webhooks";

/// The fields as the API reads them.
const SHAPE: [(&str, Kind); 2] = [("url", Kind::Text), ("topics", Kind::Words)];

#[derive(Template)]
#[template(path = "own/webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    fields: Fields,
    topics: Vec<Choice>,
    rows: Vec<Row>,
}

/// A topic with its box.
struct Choice {
    name: &'static str,
    words: &'static str,
    is_ticked: bool,
}

struct Row {
    id: String,
    url: String,
    topics: String,
    state: Badge,
    failures: i32,
    since: Option<Ago>,
}

/// Shows them.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit, Fields::new())).await
}

/// Adds one, and shows its secret.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => ticked(Fields::sent(form)),
        Err(failure) => return visit.failed(failure),
    };
    let made = async {
        let wanted: Wanted = fields.read(&SHAPE)?;
        targets::make(&app, &visit.caller, wanted).await
    };
    match made.await {
        Ok(target) => match super::webhook::shown(&app, &visit, target).await {
            Ok(page) => render(StatusCode::CREATED, &page),
            Err(failure) => visit.failed(failure),
        },
        Err(failure) if can_be_mended(&failure) => match page(&app, &visit, fields.refuse(&failure)).await {
            Ok(page) => visit.again(&failure, &page),
            Err(failure) => visit.failed(failure),
        },
        Err(failure) => visit.failed(failure),
    }
}

/// Gives one another secret, and shows it.
pub(super) async fn rotate(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let rotated = async {
        visit.form(request).await?;
        let target = targets::rotated(&app, &visit.caller, &IfMatch::any(), &id).await?;
        super::webhook::shown(&app, &visit, target).await
    };
    visit.show(rotated).await
}

/// The boxes as the one field that the API reads.
fn ticked(fields: Fields) -> Fields {
    let all = OF_VENDORS.iter().chain(&OF_PROGRAMME);
    let chosen: Vec<&str> =
        all.copied().filter(|topic| !fields.value(&format!("topic-{topic}")).is_empty()).collect();
    let chosen = chosen.join(" ");
    fields.with("topics", chosen)
}

async fn page(app: &App, visit: &Visit, fields: Fields) -> Result<WebhooksPage, Failure> {
    let list = targets::page(app, &visit.caller, &Page { limit: MAX_LIMIT, after: None }).await?;
    let of_programme = OF_PROGRAMME.iter().filter(|_| visit.caller.vendor().is_none());
    let choice = |name: &'static str| Choice {
        name,
        words: words(name),
        is_ticked: fields.value("topics").split(' ').any(|topic| topic == name),
    };
    Ok(WebhooksPage {
        frame: visit.frame(Place::Webhooks),
        topics: OF_VENDORS.iter().chain(of_programme).copied().map(choice).collect(),
        rows: list.data.into_iter().map(|target| Row::new(target, visit)).collect(),
        fields,
    })
}

impl Row {
    fn new(target: Target, visit: &Visit) -> Self {
        Self {
            state: state(&target),
            topics: target.topics.join(", "),
            failures: target.consecutive_failures,
            since: target.disabled_at.map(|at| Ago::new(at, visit.now)),
            id: target.target_id,
            url: target.url,
        }
    }
}

/// Whether a target is called.
pub(super) fn state(target: &Target) -> Badge {
    Badge::of(if target.is_enabled { "active" } else { "disabled" })
}

/// What a topic tells of.
fn words(topic: &str) -> &'static str {
    match topic {
        "order.settled" => "An order was credited, or was not",
        "commission.payable" => "A commission can be paid",
        "payout.paid" => "A payout was paid",
        "partnership.approved" => "A partnership was approved",
        "partnership.rejected" => "A partnership was rejected",
        "partnership.active" => "A partnership became active",
        "partnership.inactive" => "A partnership was paused",
        "affiliate.approved" => "An affiliate was approved",
        "affiliate.rejected" => "An affiliate was rejected",
        "affiliate.suspended" => "An affiliate was suspended",
        "affiliate.reactivated" => "An affiliate is active again",
        _ => "Something happened",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_words() {
        assert!(OF_VENDORS.iter().chain(&OF_PROGRAMME).all(|topic| words(topic) != "Something happened"));
    }

    #[test]
    fn ticked_topics_become_the_apis_list() {
        let fields = Fields::new().with("topic-payout.paid", "on").with("topic-nothing", "on");
        assert_eq!(ticked(fields).value("topics"), "payout.paid");
    }
}
