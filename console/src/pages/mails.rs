//! `/mails`: what went out to a folder instead of to people, for administrators of an installation without a mail server.

use std::path::{Path, PathBuf};

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path as InPath, State};
use axum::response::Response;

use super::shell::{Frame, Place};
use super::visit::Visit;
use crate::auth::{Caller, Scope};
use crate::problem::Failure;
use crate::server::App;

/// Mails on the page, the newest.
const SHOWN: usize = 100;
/// Bytes of a mail at most: ours have a few hundred.
const MAX_MAIL: u64 = 64 * 1024;

#[derive(Template)]
#[template(path = "mails.html")]
struct MailsPage {
    frame: Frame,
    mails: Vec<Line>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct MailPage {
    frame: Frame,
    mail: Line,
    /// Each line of the text; an address becomes a link.
    body: Vec<(String, bool)>,
}

struct Line {
    name: String,
    to: String,
    subject: String,
    date: String,
}

/// The newest mails.
pub(crate) async fn list(State(app): State<App>, visit: Visit) -> Response {
    let page = async {
        let folder = folder(&app, &visit.caller)?;
        let mails = tokio::task::spawn_blocking(move || read_all(&folder)).await;
        let mails = mails.map_err(|error| Failure::Fault(error.to_string()))?;
        Ok(MailsPage { frame: visit.frame(Place::Mails), mails })
    };
    visit.show(page).await
}

/// One mail.
pub(crate) async fn one(
    State(app): State<App>,
    visit: Visit,
    name: Result<InPath<String>, PathRejection>,
) -> Response {
    let page = async {
        let folder = folder(&app, &visit.caller)?;
        let InPath(name) = name.map_err(|_| Failure::NoSuchPage)?;
        if !is_mail(&name) {
            return Err(Failure::NoSuchPage);
        }
        let read = tokio::task::spawn_blocking(move || read(&folder, name)).await;
        let read = read.map_err(|error| Failure::Fault(error.to_string()))?;
        let (mail, text) = read.ok_or(Failure::NoSuchPage)?;
        let body = text.lines().map(|line| (line.to_owned(), is_address(&app, line))).collect();
        Ok(MailPage { frame: visit.frame(Place::Mails), mail, body })
    };
    visit.show(page).await
}

fn is_address(app: &App, line: &str) -> bool {
    line.starts_with(&format!("{}/", app.front.base_url())) && !line.contains(char::is_whitespace)
}

/// Whether somebody may read mails here instead of in a mailbox.
pub(super) fn are_kept_for(app: &App, caller: &Caller) -> bool {
    folder(app, caller).is_ok()
}

fn folder(app: &App, caller: &Caller) -> Result<PathBuf, Failure> {
    caller.require(Scope::AccountsWrite)?;
    caller.require_operator()?;
    app.mail_dir.as_deref().map(Path::to_owned).ok_or(Failure::NoSuchPage)
}

/// As the carrier names them; nothing else of the folder is shown.
fn is_mail(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    name.strip_suffix(".eml")
        .is_some_and(|stem| !stem.is_empty() && stem.len() < 64 && stem.bytes().all(is_plain))
}

fn read_all(folder: &Path) -> Vec<Line> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_mail(name))
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.truncate(SHOWN);
    names.into_iter().filter_map(|name| read(folder, name)).map(|(line, _)| line).collect()
}

fn read(folder: &Path, name: String) -> Option<(Line, String)> {
    let path = folder.join(&name);
    let is_small =
        std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_MAIL);
    let text = is_small.then(|| std::fs::read_to_string(&path).ok()).flatten()?;
    let (head, body) = text.split_once("\n\n")?;
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let line = Line { name, to: header("To:"), subject: header("Subject:"), date: header("Date:") };
    Some((line, body.to_owned()))
}
