//! `/affiliates/{id}`: one affiliate: what they brought, who they are, and what they proved it with. The other two tabs
//! have the same head.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;

use super::look::{Look, Tab, back, time};
use super::papers::Paper;
use crate::affiliates::answer::{AffiliateAnswer, Paid};
use crate::affiliates::bank::BankAccountAnswer;
use crate::affiliates::figures::FiguresAnswer;
use crate::affiliates::review::may_decide;
use crate::affiliates::show::{self, Span};
use crate::affiliates::suspend::{Switch, switch};
use crate::auth::Caller;
use crate::conventions::{IfMatch, Named};
use crate::documents::answer::all_of;
use crate::pages::format;
use crate::pages::markup::{Amount, Badge, Count, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::{Granularity, Range};
use crate::server::App;

/// The spans of figures: their name in the address, what they are called, and their days. The first is the usual one.
const SPANS: [(&str, &str, u32); 4] =
    [("", "30 days", 30), ("today", "Today", 1), ("7d", "7 days", 7), ("365d", "12 months", 365)];

/// What stands at the head of every tab.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) username: String,
    pub(super) status: Badge,
    pub(super) standing: Badge,
    pub(super) is_active: bool,
    pub(super) is_pending: bool,
    pub(super) may_decide: bool,
    /// Name, address, and whether it is this one.
    pub(super) tabs: [(&'static str, String, bool); 3],
}

/// Which tab is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Overview,
    Sales,
    Links,
}

impl Head {
    pub(super) fn new(affiliate: &AffiliateAnswer, caller: &Caller, open: Open) -> Self {
        let home = format!("/affiliates/{}", affiliate.affiliate_id);
        Self {
            tabs: [
                ("Overview", home.clone(), open == Open::Overview),
                ("Sales", format!("{home}/sales"), open == Open::Sales),
                ("Links", format!("{home}/links"), open == Open::Links),
            ],
            id: affiliate.affiliate_id.clone(),
            name: affiliate.name.clone(),
            username: affiliate.username.clone(),
            status: Badge::of(&affiliate.status),
            standing: Badge::active(affiliate.is_active),
            is_active: affiliate.is_active,
            is_pending: affiliate.status == "pending",
            may_decide: may_decide(caller).is_ok(),
        }
    }
}

/// What an affiliate told about themselves, and what became of it.
pub(super) struct Profile {
    pub(super) username: String,
    pub(super) name: String,
    pub(super) country: Option<String>,
    pub(super) bio: Option<String>,
    pub(super) website: Option<String>,
    pub(super) instagram: Option<String>,
    pub(super) twitter: Option<String>,
    pub(super) facebook: Option<String>,
    pub(super) signed_up: Option<Instant>,
    /// Vendors see neither this nor what follows.
    pub(super) is_whole: bool,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) approved: Option<Instant>,
    pub(super) rejection_reason: Option<String>,
    pub(super) bank: Option<BankAccount>,
}

/// Where somebody is paid, the number masked.
pub(super) struct BankAccount {
    pub(super) bank: Option<String>,
    pub(super) name: Option<String>,
    pub(super) number: Option<String>,
    pub(super) changed: Option<Instant>,
}

impl From<BankAccountAnswer> for BankAccount {
    fn from(account: BankAccountAnswer) -> Self {
        Self {
            bank: account.bank_name,
            name: account.account_name,
            number: account.account_number,
            changed: time(&account.changed_at).map(Instant),
        }
    }
}

impl Profile {
    pub(super) fn new(affiliate: AffiliateAnswer) -> Self {
        let instant = |text: &str| time(text).map(Instant);
        let is_whole = affiliate.private.is_some();
        let (email, phone, reason, approved) =
            affiliate.private.map_or((None, None, None, None), |private| {
                (private.email, private.phone, private.rejection_reason, private.approved_at)
            });
        Self {
            username: affiliate.username,
            name: affiliate.name,
            country: affiliate.country,
            bio: affiliate.bio,
            website: affiliate.website,
            instagram: affiliate.social_media.instagram,
            twitter: affiliate.social_media.twitter,
            facebook: affiliate.social_media.facebook,
            signed_up: instant(&affiliate.signed_up_at),
            is_whole,
            email,
            phone,
            approved: approved.as_deref().and_then(instant),
            rejection_reason: reason,
            bank: match affiliate.bank_account {
                Paid::To(account) => Some(BankAccount::from(account)),
                Paid::NotShown | Paid::Nowhere => None,
            },
        }
    }
}

#[derive(Template)]
#[template(path = "people/affiliate.html")]
struct AffiliatePage {
    frame: Frame,
    head: Head,
    spans: Vec<Tab>,
    here: String,
    figures: Option<Figures>,
    profile: Profile,
    papers: Vec<Paper>,
}

struct Figures {
    clicks: Count,
    filtered: Count,
    /// `None`: not known.
    unique: Option<Count>,
    sales: Count,
    conversion: String,
    revenue: Vec<Amount>,
    commission: Vec<Amount>,
}

impl Figures {
    fn new(figures: &FiguresAnswer) -> Self {
        Self {
            clicks: Count(figures.human_clicks),
            filtered: Count(figures.filtered_clicks),
            unique: figures.unique_visits.map(Count),
            sales: Count(figures.sales),
            conversion: format::percent(figures.sales, figures.human_clicks),
            revenue: Amount::each(
                figures.earnings.iter().map(|money| (money.revenue_minor, &*money.currency)),
            ),
            commission: Amount::each(
                figures.earnings.iter().map(|money| (money.commission_minor, &*money.currency)),
            ),
        }
    }
}

/// Answers `/affiliates/{id}`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(page(&app, &visit, &id)).await
}

async fn page(app: &App, visit: &Visit, id: &str) -> Result<AffiliatePage, Failure> {
    let look = Look::read(format!("/affiliates/{id}"), &visit.query, &["range"]);
    let (_, _, days) = SPANS.iter().find(|(name, ..)| *name == look.value("range")).unwrap_or(&SPANS[0]);
    let range = Range::last_days(*days, Granularity::Day, visit.now);
    let affiliate = show::shown(app, &visit.caller, id, &Span(range)).await?;
    let head = Head::new(&affiliate, &visit.caller, Open::Overview);
    let papers = if head.may_decide { all_of(app, &visit.caller, id).await?.data } else { Vec::new() };
    Ok(AffiliatePage {
        frame: visit.frame(Place::Affiliates),
        spans: look.tabs("range", SPANS.map(|(name, label, _)| (name, label, None))),
        here: look.address(),
        figures: affiliate.figures.as_ref().map(Figures::new),
        papers: papers.into_iter().map(Paper::from).collect(),
        profile: Profile::new(affiliate),
        head,
    })
}

/// The affiliate of another tab: its head needs no more than today.
pub(super) async fn looked_up(app: &App, visit: &Visit, id: &str) -> Result<AffiliateAnswer, Failure> {
    let today = Range::last_days(1, Granularity::Day, visit.now);
    show::shown(app, &visit.caller, id, &Span(today)).await
}

/// Switches an affiliate off, and leads back to where the button was.
pub(super) async fn suspend(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &id, request, (Switch::Off, Done::AffiliateSuspended))).await
}

/// Switches an affiliate on again.
pub(super) async fn reactivate(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &id, request, (Switch::On, Done::AffiliateReactivated))).await
}

async fn switched(
    app: &App,
    visit: &Visit,
    id: &str,
    request: Request,
    (to, done): (Switch, Done),
) -> Result<axum::response::Redirect, Failure> {
    visit.form(request).await?;
    switch(app, &visit.caller, &IfMatch::any(), id, to).await?;
    Ok(done.to(id, &back(visit, "/affiliates")))
}
