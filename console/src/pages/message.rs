//! A page that says why there is no other page, and what to do.

use askama::Template;
use axum::response::Response;

use super::shell::Frame;
use super::{now, render};
use crate::problem::Failure;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    status: u16,
    title: &'static str,
    detail: String,
    advice: &'static str,
}

/// The page for a failure, with its status, for whoever it is.
pub(crate) fn of(failure: &Failure) -> Response {
    within(Frame::new(now()), failure)
}

/// The same inside somebody's frame.
pub(super) fn within(frame: Frame, failure: &Failure) -> Response {
    let (status, _, title) = failure.kind();
    let page = MessagePage {
        frame,
        status: status.as_u16(),
        title,
        detail: sentence(&failure.to_string()),
        advice: advice(failure),
    };
    render(status, &page)
}

fn advice(failure: &Failure) -> &'static str {
    match failure {
        Failure::NoSuchLink(_) => "Codes tell capital from small letters. Look for the link in the list.",
        Failure::NoSuchPage | Failure::Parameters(_) => "The overview is a good place to start again.",
        Failure::NoScope(_) | Failure::OperatorsOnly | Failure::AffiliatesOnly => {
            "Somebody with another role can do it; an administrator gives roles."
        }
        Failure::IllegalState(_) | Failure::Precondition(_) => {
            "Go back, load the page again, and decide anew."
        }
        Failure::CrossSite | Failure::NoCsrfToken => {
            "Nothing was changed. Go back, load the page again, and send the form once more."
        }
        Failure::DatabaseAway(_) => "Load this page again in a few seconds.",
        Failure::TooMuch => "The list opens with the last 7 days.",
        Failure::Method | Failure::Body => "Follow the links and forms of the console's own pages.",
        Failure::NoHost | Failure::ForeignHost => {
            "Open it as http://localhost or http://127.0.0.1 with its port."
        }
        // What only programs are told, and what is our fault.
        _ => "Loading the page again may help; the log of the console has the cause.",
    }
}

/// Failures are worded for logs, in lower case; a page speaks in sentences.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
