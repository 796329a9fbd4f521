//! `/settings`: one's own account: how one signs in, and with what.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::can_be_mended;
use crate::accounts::account::Account;
use crate::accounts::session_api::set_password;
use crate::accounts::totp_api::{Confirmation, Offer, add, offer, offer_again, removed};
use crate::accounts::{account, credentials, own_account};
use crate::pages::form::{Fields, Kind};
use crate::pages::qr::{self, Picture};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

/// Where the page is.
const PATH: &str = "/settings";

/// The fields of a new password, as the API reads them.
const PASSWORD: [(&str, Kind); 3] =
    [("current_password", Kind::Text), ("totp", Kind::Optional), ("password", Kind::Text)];

#[derive(Template)]
#[template(path = "own/settings.html")]
struct SettingsPage {
    frame: Frame,
    fields: Fields,
    account: Account,
    is_affiliate: bool,
}

#[derive(Template)]
#[template(path = "own/totp.html")]
struct TotpPage {
    frame: Frame,
    fields: Fields,
    picture: Picture,
    secret: String,
    enrolment: String,
}

/// Shows it.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit, Fields::new())).await
}

/// Sends the mail that confirms an address once more.
pub(super) async fn verify(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let sent = async {
        visit.form(request).await?;
        credentials::ask_to_verify(&app, own_account(&visit.caller)?.0, visit.now).await?;
        let back = if visit.back.starts_with("/profile") { "/profile" } else { PATH };
        Ok(Done::MailSent.at(back))
    };
    visit.lead(sent).await
}

/// Changes the password.
pub(super) async fn password(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let changed = async {
        if fields.value("password") != fields.value("again") {
            return Err(differs());
        }
        set_password(&app, &visit.caller, fields.read(&PASSWORD)?).await
    };
    match changed.await {
        Ok(()) => Done::PasswordChanged.at(PATH).into_response(),
        Err(failure) if can_be_mended(&failure) => {
            let empty = ["current_password", "password", "again", "totp"];
            let fields =
                empty.into_iter().fold(fields.refuse(&failure), |fields, name| fields.with(name, ""));
            match page(&app, &visit, fields).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Shows what an authenticator app needs. Nothing changes before its first code.
pub(super) async fn totp(State(app): State<App>, visit: Visit) -> Response {
    let page = async {
        let enrolment = offer(&app, &visit.caller, visit.now).await?;
        TotpPage::new(&visit, enrolment, Fields::new())
    };
    visit.show(page).await
}

/// Confirms the app with its first code.
pub(super) async fn confirm(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let given = Confirmation {
        enrolment: fields.value("enrolment").to_owned(),
        totp: fields.value("totp").replace(' ', ""),
    };
    match add(&app, &visit.caller, &given, visit.now).await {
        Ok(()) => Done::Protected.at(PATH).into_response(),
        Err(failure @ Failure::Content(_)) => {
            let page = async {
                let enrolment = offer_again(&app, &visit.caller, &given.enrolment, visit.now).await?;
                TotpPage::new(&visit, enrolment, fields.refuse(&failure).with("totp", ""))
            };
            match page.await {
                Ok(page) => visit.again(&failure, &page),
                // Too old to be confirmed: another one.
                Err(Failure::Content(_)) => Redirect::to("/settings/totp").into_response(),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Takes the app away.
pub(super) async fn remove(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let removed = async {
        visit.form(request).await?;
        removed(&app, &visit.caller).await?;
        Ok(Done::Unprotected.at(PATH))
    };
    visit.lead(removed).await
}

async fn page(app: &App, visit: &Visit, fields: Fields) -> Result<SettingsPage, Failure> {
    let (account_id, _) = own_account(&visit.caller)?;
    let account = account::one(&mut *app.accounts.acquire().await?, account_id).await?;
    Ok(SettingsPage {
        frame: visit.frame(Place::Settings),
        fields,
        account,
        is_affiliate: visit.caller.is_affiliate(),
    })
}

fn differs() -> Failure {
    super::wrong("again", "passwords_differ", "the two passwords differ")
}

impl TotpPage {
    fn new(visit: &Visit, enrolment: Offer, fields: Fields) -> Result<Self, Failure> {
        Ok(Self {
            frame: visit.frame(Place::Settings),
            fields,
            picture: qr::picture(&enrolment.otpauth_uri)?,
            secret: in_groups(&enrolment.secret),
            enrolment: enrolment.enrolment,
        })
    }
}

/// A long secret as people type it: four letters, a gap.
fn in_groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_in_groups() {
        assert_eq!(in_groups("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }
}
