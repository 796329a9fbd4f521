//! `/webhooks/{id}`: one address that is told what happens, and what became of every message.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{Redirect, Response};

use super::webhooks::{PATH, state};
use crate::conventions::{IfMatch, Named, Page};
use crate::outgoing::deliveries::{self, Delivery};
use crate::outgoing::targets::{self, Target};
use crate::pages::markup::{Ago, Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

/// The states of a delivery, as the API calls them, in words.
const STATES: [(&str, &str); 4] =
    [("", "All"), ("pending", "Waiting"), ("delivered", "Delivered"), ("given_up", "Given up")];

#[derive(Template)]
#[template(path = "own/webhook.html")]
pub(super) struct WebhookPage {
    frame: Frame,
    id: String,
    url: String,
    topics: String,
    state: Badge,
    is_enabled: bool,
    /// Why it is called no more.
    reason: Option<String>,
    failures: i32,
    old_secret_until: Option<Instant>,
    /// Shown once.
    secret: Option<String>,
    choices: Vec<(String, &'static str, bool)>,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    message: String,
    topic: String,
    state: Badge,
    attempts: i32,
    outcome: String,
    sent: Ago,
    next: Option<Ago>,
    can_be_retried: bool,
}

/// Shows it.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    let page = async {
        let target = targets::shown(&app, &visit.caller, &id).await?;
        shown(&app, &visit, target).await
    };
    visit.show(page).await
}

/// Lets messages go to it again.
pub(super) async fn enable(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let enabled = async {
        visit.form(request).await?;
        let target = targets::enabled(&app, &visit.caller, &IfMatch::any(), &id).await?;
        Ok(Done::WebhookEnabled.to(&target.target_id, &format!("{PATH}/{}", target.target_id)))
    };
    visit.lead(enabled).await
}

/// Lets none go any more.
pub(super) async fn disable(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let disabled = async {
        visit.form(request).await?;
        let target = targets::disabled(&app, &visit.caller, &IfMatch::any(), &id).await?;
        Ok(Done::WebhookDisabled.to(&target.target_id, &format!("{PATH}/{}", target.target_id)))
    };
    visit.lead(disabled).await
}

/// Sends a message that says nothing, to see whether it arrives.
pub(super) async fn test(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let sent = async {
        visit.form(request).await?;
        deliveries::sent(&app, &visit.caller, &id).await?;
        Ok(Done::TestSent.at(&format!("{PATH}/{id}")))
    };
    visit.lead(sent).await
}

/// Sends a message again.
pub(super) async fn retry(
    State(app): State<App>,
    visit: Visit,
    Named((id, message)): Named<(String, String)>,
    request: Request,
) -> Response {
    let again = async {
        visit.form(request).await?;
        deliveries::queued(&app, &visit.caller, &id, &message).await?;
        Ok::<Redirect, Failure>(Done::Sent.at(&format!("{PATH}/{id}")))
    };
    visit.lead(again).await
}

/// The page of a target, with its secret where it has just been made.
pub(super) async fn shown(app: &App, visit: &Visit, target: Target) -> Result<WebhookPage, Failure> {
    let here = format!("{PATH}/{}", target.target_id);
    let status = visit.asked("status").filter(|asked| STATES.iter().any(|(name, _)| name == asked));
    let after = visit.asked("after");
    let page = Page { after: after.clone(), ..Page::default() };
    let filter = deliveries::Filter { status: status.clone(), page };
    let list = deliveries::page(app, &visit.caller, &target.target_id, &filter).await?;
    let current = status.unwrap_or_default();
    let of = |name: &str| if name.is_empty() { here.clone() } else { format!("{here}?status={name}") };
    let mark = if current.is_empty() { '?' } else { '&' };
    Ok(WebhookPage {
        frame: visit.frame(Place::Webhooks),
        state: state(&target),
        is_enabled: target.is_enabled,
        reason: target.disabled_reason,
        failures: target.consecutive_failures,
        old_secret_until: target.old_secret_until.filter(|until| *until > visit.now).map(Instant),
        secret: target.secret,
        choices: STATES.iter().map(|(name, words)| (of(name), *words, *name == current)).collect(),
        rows: list.data.into_iter().map(|delivery| Row::new(delivery, visit)).collect(),
        first: after.map(|_| of(&current)),
        next: list.next_cursor.map(|last| format!("{}{mark}after={last}", of(&current))),
        topics: target.topics.join(", "),
        id: target.target_id,
        url: target.url,
    })
}

impl Row {
    fn new(delivery: Delivery, visit: &Visit) -> Self {
        let answered = delivery.last_status.map(|status| format!("answered {status}"));
        Self {
            state: match delivery.status.as_str() {
                "given_up" => Badge::of("failed"),
                status => Badge::of(status),
            },
            outcome: delivery.last_error.or(answered).unwrap_or_else(|| "not tried yet".to_owned()),
            sent: Ago::new(delivery.created_at, visit.now),
            next: delivery.next_attempt_at.map(|at| Ago::new(at, visit.now)),
            can_be_retried: delivery.delivered_at.is_none(),
            message: delivery.message_id,
            topic: delivery.topic,
            attempts: delivery.attempts,
        }
    }
}
