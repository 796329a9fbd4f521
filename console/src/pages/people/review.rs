//! `/affiliates/{id}/review`: an application at the left, its documents at the right, and what is decided about them.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::affiliate::{Head, Open, Profile, looked_up};
use super::papers::Paper;
use crate::affiliates::list::{self, Filter};
use crate::affiliates::reason::Reason;
use crate::affiliates::review::{Verdict, decide, may_decide};
use crate::conventions::{Asked as _, IfMatch, Named, Page};
use crate::documents::answer::all_of;
use crate::documents::review::{Finding, judge};
use crate::pages::form::Fields;
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

#[derive(Template)]
#[template(path = "people/review.html")]
struct ReviewPage {
    frame: Frame,
    head: Head,
    profile: Profile,
    version: i64,
    papers: Vec<Judged>,
    /// What is wrong with the reason for a rejection.
    fields: Fields,
    /// The next application that waits.
    next: Option<(String, String)>,
    waiting: i64,
}

/// A document with the form that rejects it.
struct Judged {
    paper: Paper,
    fields: Fields,
}

/// A form that was refused: the document it was about (empty: the application), and what is wrong with it.
#[derive(Default)]
struct Refused {
    of: String,
    fields: Fields,
}

/// Answers `/affiliates/{id}/review`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(page(&app, &visit, &id, Refused::default())).await
}

async fn page(app: &App, visit: &Visit, id: &str, mut refused: Refused) -> Result<ReviewPage, Failure> {
    may_decide(&visit.caller)?;
    let affiliate = looked_up(app, visit, id).await?;
    let mut judged = |paper: Paper| {
        let is_it = !refused.of.is_empty() && refused.of == paper.id;
        let fields = if is_it { std::mem::take(&mut refused.fields) } else { Fields::new() };
        Judged { paper, fields }
    };
    let papers = all_of(app, &visit.caller, id).await?.data.into_iter().map(Paper::from);
    let papers = papers.map(&mut judged).collect();
    let (next, waiting) = next(app, visit, id, affiliate.status == "pending").await?;
    Ok(ReviewPage {
        frame: visit.frame(Place::Affiliates),
        head: Head::new(&affiliate, &visit.caller, Open::Overview),
        version: affiliate.row_version.unwrap_or_default(),
        profile: Profile::new(affiliate),
        papers,
        fields: refused.fields,
        next,
        waiting,
    })
}

/// The application after this one, or the first that waits, and how many wait.
async fn next(
    app: &App,
    visit: &Visit,
    id: &str,
    is_pending: bool,
) -> Result<(Option<(String, String)>, i64), Failure> {
    let pending = |after: Option<&str>| -> Result<Filter, Failure> {
        let page = Page { limit: 2, after: after.map(str::to_owned) };
        Ok(Filter { page, ..Filter::read("status=pending")? })
    };
    let name = |list: list::AffiliateList| {
        let mut others = list.page.data.into_iter().filter(|other| other.affiliate_id != id);
        (others.next().map(|other| (other.affiliate_id, other.name)), list.counts.pending)
    };
    if is_pending
        && let (Some(next), waiting) = name(list::page(app, &visit.caller, &pending(Some(id))?).await?)
    {
        return Ok((Some(next), waiting));
    }
    Ok(name(list::page(app, &visit.caller, &pending(None)?).await?))
}

/// Takes the affiliate in.
pub(super) async fn approve(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let approved = async {
        let version = visit.form(request).await?.take("version");
        decide(&app, &visit.caller, &IfMatch::only(&version), &id, Verdict::Approved).await?;
        Ok(Done::AffiliateApproved.at(&home(&id)))
    };
    visit.lead(approved).await
}

/// Declines the application, and says why.
pub(super) async fn reject(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let rejected = async {
        let verdict = Verdict::Rejected(Reason::new(fields.value("reason"))?);
        decide(&app, &visit.caller, &IfMatch::only(fields.value("version")), &id, verdict).await?;
        Ok(Done::AffiliateRejected.at(&home(&id)))
    };
    match rejected.await {
        Ok(done) => done.into_response(),
        Err(failure) => again(&app, &visit, &id, (String::new(), fields), failure).await,
    }
}

/// The document is good.
pub(super) async fn approve_document(
    State(app): State<App>,
    visit: Visit,
    Named((id, document)): Named<(String, String)>,
    request: Request,
) -> Response {
    let approved = async {
        let version = visit.form(request).await?.take("version");
        let named = (id.as_str(), document.as_str());
        judge(&app, &visit.caller, &IfMatch::only(&version), named, Finding::Approved).await?;
        Ok(Done::DocumentApproved.at(&home(&id)))
    };
    visit.lead(approved).await
}

/// It is not, and this is why.
pub(super) async fn reject_document(
    State(app): State<App>,
    visit: Visit,
    Named((id, document)): Named<(String, String)>,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let rejected = async {
        let finding = Finding::Rejected(Reason::new(fields.value("reason"))?);
        let (named, version) = ((id.as_str(), document.as_str()), fields.value("version"));
        judge(&app, &visit.caller, &IfMatch::only(version), named, finding).await?;
        Ok::<Redirect, Failure>(Done::DocumentRejected.at(&home(&id)))
    };
    match rejected.await {
        Ok(done) => done.into_response(),
        Err(failure) => again(&app, &visit, &id, (document, fields), failure).await,
    }
}

/// The page again with what is wrong in one of its forms.
async fn again(
    app: &App,
    visit: &Visit,
    id: &str,
    (of, fields): (String, Fields),
    failure: Failure,
) -> Response {
    if !matches!(failure, Failure::Content(_)) {
        return visit.failed(failure);
    }
    let refused = Refused { of, fields: fields.refuse(&failure) };
    match page(app, visit, id, refused).await {
        Ok(page) => visit.again(&failure, &page),
        Err(failure) => visit.failed(failure),
    }
}

fn home(id: &str) -> String {
    format!("/affiliates/{id}/review")
}
