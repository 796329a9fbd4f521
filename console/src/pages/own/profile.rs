//! `/profile`: what an affiliate tells about themselves, and how their application stands.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};

use super::can_be_mended;
use crate::accounts::{account, own_account};
use crate::affiliates::answer::{Affiliate, View, read};
use crate::affiliates::bank;
use crate::affiliates::profile::Change;
use crate::affiliates::show::amend_own;
use crate::affiliates::{no_such_affiliate, own_affiliate};
use crate::conventions::IfMatch;
use crate::db;
use crate::documents::answer::all;
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Badge, Day};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

/// The fields of the form, as the API reads them.
const SHAPE: [(&str, Kind); 8] = [
    ("name", Kind::Text),
    ("phone", Kind::Nullable),
    ("country", Kind::Nullable),
    ("bio", Kind::Nullable),
    ("website", Kind::Nullable),
    ("social_media.instagram", Kind::Nullable),
    ("social_media.twitter", Kind::Nullable),
    ("social_media.facebook", Kind::Nullable),
];

#[derive(Template)]
#[template(path = "own/profile.html")]
struct ProfilePage {
    frame: Frame,
    fields: Fields,
    username: String,
    name: String,
    email: Option<String>,
    state: Badge,
    standing: Badge,
    signed_up: Day,
    approved: Option<Day>,
    application: Application,
    /// Whether mails reach the address of the account.
    is_verified: bool,
    documents: usize,
    has_bank_account: bool,
}

/// How an application stands, and what there is to do.
enum Application {
    Waits,
    Approved,
    /// With the reason.
    Rejected(String),
}

/// Shows it.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit, None)).await
}

/// Changes the profile.
pub(super) async fn change(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let changed = async {
        let version = IfMatch::only(fields.value("version"));
        let change: Change = fields.read(&SHAPE)?;
        amend_own(&app, &visit.caller, &version, change).await
    };
    match changed.await {
        Ok(_) => Done::Saved.at("/profile").into_response(),
        Err(failure) if can_be_mended(&failure) => {
            match page(&app, &visit, Some(fields.refuse(&failure))).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// The page with what is stored, or with what was typed.
async fn page(app: &App, visit: &Visit, typed: Option<Fields>) -> Result<ProfilePage, Failure> {
    let caller = &visit.caller;
    let affiliate_id = own_affiliate(caller)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let found = read(&mut snapshot, View::Whole, &[affiliate_id]).await?.pop();
    let affiliate = found.ok_or_else(no_such_affiliate)?;
    let bank_account = bank::masked(&mut snapshot, affiliate_id).await?;
    let documents = all(&mut snapshot, affiliate_id).await?;
    snapshot.commit().await?;
    let (account_id, _) = own_account(caller)?;
    let account = account::one(&mut *app.accounts.acquire().await?, account_id).await?;
    Ok(ProfilePage {
        frame: visit.frame(Place::Profile),
        fields: typed.unwrap_or_else(|| stored(&affiliate)),
        state: Badge::of(&affiliate.status),
        standing: Badge::active(affiliate.is_active),
        signed_up: Day(affiliate.created_at.date_naive()),
        approved: affiliate.approved_at.map(|at| Day(at.date_naive())),
        application: Application::of(&affiliate),
        is_verified: account.email_verified_at.is_some(),
        documents: documents.len(),
        has_bank_account: bank_account.is_some(),
        username: affiliate.username,
        name: affiliate.name,
        email: affiliate.email,
    })
}

impl Application {
    fn of(affiliate: &Affiliate) -> Self {
        match affiliate.status.as_str() {
            "pending" => Self::Waits,
            "rejected" => Self::Rejected(affiliate.rejection_reason.clone().unwrap_or_default()),
            _ => Self::Approved,
        }
    }
}

/// The form with what is stored.
fn stored(affiliate: &Affiliate) -> Fields {
    let profile = affiliate.profile();
    let fields = Fields::new().with("version", affiliate.version().to_string()).with("name", profile.name);
    let rest = [
        ("phone", profile.phone),
        ("country", profile.country),
        ("bio", profile.bio),
        ("website", profile.website),
        ("social_media.instagram", profile.instagram),
        ("social_media.twitter", profile.twitter),
        ("social_media.facebook", profile.facebook),
    ];
    rest.into_iter().fold(fields, |fields, (name, value)| fields.with(name, value.unwrap_or_default()))
}
