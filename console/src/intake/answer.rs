//! What a shop is told, and what is counted.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use common::order::Parked;
use metrics::counter;
use serde::Serialize;
use utoipa::ToSchema;

use super::door::Fate;
use super::write::{Source, Written};
use crate::problem::{Failure, ForPrograms, Problem};

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderEventOutcome)]
pub(super) struct Answer {
    object: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_ref: Option<String>,
    /// `accepted`, `duplicate`, `parked`, `ignored` or `refused`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    #[serde(skip)]
    status: StatusCode,
}

/// A list of answers, in the order of the events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderEventOutcomes)]
pub(super) struct Answers {
    object: &'static str,
    data: Vec<Answer>,
}

impl Answers {
    /// Of a batch.
    pub(super) fn new(data: Vec<Answer>) -> Self {
        Self { object: "list", data }
    }
}

/// An answer for one event, or the failure that it came to.
pub(super) fn of(source: Source, fate: Fate) -> Result<Answer, Failure> {
    let (report, written) = fate.inspect_err(|failure| count_failure(source, failure))?;
    let (status, outcome, reason) = match written {
        Written::Accepted => (StatusCode::CREATED, "accepted", None),
        Written::Duplicate => (StatusCode::OK, "duplicate", None),
        Written::Parked(why) => (StatusCode::ACCEPTED, "parked", Some(why)),
        Written::Reused => {
            let failure = reused(&report.event.event_id);
            count_failure(source, &failure);
            return Err(failure);
        }
    };
    count(source, outcome, reason.map_or("", parked_code));
    Ok(Answer {
        object: "order_event",
        event_id: Some(report.event.event_id),
        order_ref: Some(report.event.order_ref),
        outcome,
        reason: reason.map(parked_words),
        problem: None,
        status,
    })
}

/// The same within a list, where a failure is one entry among others.
pub(super) fn within(source: Source, name: Option<String>, fate: Fate) -> Answer {
    of(source, fate).unwrap_or_else(|failure| Answer {
        object: "order_event",
        event_id: name,
        order_ref: None,
        outcome: "refused",
        reason: None,
        problem: Some(Problem::from(&failure)),
        status: StatusCode::OK,
    })
}

/// The answer to a call that was one or several events: as good as the worst of them.
pub(super) fn together(source: Source, fates: Vec<Fate>) -> Response {
    let answers: Result<Vec<Answer>, Failure> =
        fates.into_iter().map(|fate| of(source, fate)).collect::<Vec<_>>().into_iter().collect();
    match answers {
        Err(failure) => ForPrograms(failure).into_response(),
        Ok(mut answers) if answers.len() == 1 => answers.remove(0).into_response(),
        Ok(answers) => {
            let worst = [StatusCode::CREATED, StatusCode::ACCEPTED];
            let status =
                worst.into_iter().find(|status| answers.iter().any(|answer| answer.status == *status));
            (status.unwrap_or(StatusCode::OK), Json(Answers::new(answers))).into_response()
        }
    }
}

/// What is understood and not about orders, or not a report we use: nothing is written down.
pub(super) fn ignored(source: Source, code: &'static str, words: String) -> Response {
    count(source, "ignored", code);
    let answer = Answer {
        object: "order_event",
        event_id: None,
        order_ref: None,
        outcome: "ignored",
        reason: Some(words),
        problem: None,
        status: StatusCode::OK,
    };
    answer.into_response()
}

impl Answer {
    pub(super) fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

/// The answer where a request as a whole came to nothing.
pub(super) fn refused(source: Source, failure: Failure) -> Response {
    count_failure(source, &failure);
    ForPrograms(failure).into_response()
}

fn count_failure(source: Source, failure: &Failure) {
    let (status, code, _) = failure.kind();
    count(source, if status.is_server_error() { "failed" } else { "refused" }, code);
}

fn count(source: Source, outcome: &'static str, reason: &'static str) {
    counter!("console_intake_total", "source" => source.name(), "outcome" => outcome, "reason" => reason)
        .increment(1);
}

fn reused(event_id: &str) -> Failure {
    let detail = format!(
        "another report was taken in under the event id {event_id:?} before; nothing was changed: a new report needs a \
         new id, and a correction of the order a higher `version` besides"
    );
    Failure::Conflict("event_id_reused", detail)
}

fn parked_code(parked: Parked) -> &'static str {
    match parked {
        Parked::Backdated => "backdated",
        Parked::InTheFuture => "in_the_future",
    }
}

fn parked_words(parked: Parked) -> String {
    let why = match parked {
        Parked::Backdated => "more than 7 days before it arrived",
        Parked::InTheFuture => "more than 5 minutes after it arrived",
    };
    format!("{parked}: it says to have happened {why}; it is kept and takes part once somebody has let it in")
}
