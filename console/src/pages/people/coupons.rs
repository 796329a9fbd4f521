//! `/coupons`: codes that shoppers type at the checkout, and which link each credits where no click does.

use std::future::ready;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};

use super::look::{Look, back};
use crate::auth::Scope;
use crate::conventions::{Asked as _, IfMatch, Named, now};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::{BadParameter, Failure};
use crate::programme::coupons::{self, Coupon, Filter, Wanted};
use crate::server::App;

const PATH: &str = "/coupons";

/// The fields of a new coupon, as the API reads them.
const NEW: [(&str, Kind); 3] = [("coupon_code", Kind::Text), ("link", Kind::Text), ("until", Kind::Day)];

#[derive(Template)]
#[template(path = "people/coupons.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the page that is there or not")]
struct CouponsPage {
    frame: Frame,
    may_write: bool,
    names_vendor: bool,
    names_affiliate: bool,
    code: String,
    hidden: Vec<(String, String)>,
    rows: Vec<Row>,
    is_narrowed: bool,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    id: String,
    code: String,
    link: String,
    vendor: String,
    affiliate_id: String,
    affiliate: String,
    since: Instant,
    until: Option<Instant>,
    standing: Badge,
    is_over: bool,
    version: i64,
}

#[derive(Template)]
#[template(path = "people/coupon_form.html")]
struct CouponForm {
    frame: Frame,
    fields: Fields,
}

impl Row {
    fn new(coupon: Coupon, visit: &Visit) -> Self {
        let is_over = coupon.until.is_some_and(|until| until <= visit.now);
        let is_later = coupon.since > visit.now;
        Self {
            standing: Badge::of_agreed(!is_over && !is_later, is_later),
            is_over,
            since: Instant(coupon.since),
            until: coupon.until.map(Instant),
            version: coupon.row_version,
            id: coupon.coupon_id,
            code: coupon.coupon_code,
            link: coupon.link,
            vendor: coupon.vendor_name,
            affiliate_id: coupon.affiliate_id,
            affiliate: coupon.affiliate,
        }
    }
}

/// Answers `/coupons`.
pub(super) async fn list(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<CouponsPage, Failure> {
    let look = Look::read(PATH, &visit.query, &["coupon_code", "link"]);
    let listed = coupons::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    Ok(CouponsPage {
        frame: visit.frame(Place::Coupons),
        may_write: may_write(visit),
        names_vendor: visit.caller.vendor().is_none(),
        names_affiliate: !visit.caller.is_affiliate(),
        code: look.value("coupon_code").to_owned(),
        hidden: look.hidden("coupon_code"),
        is_narrowed: look.is_narrowed(&["coupon_code", "link"]),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(|coupon| Row::new(coupon, visit)).collect(),
    })
}

fn may_write(visit: &Visit) -> bool {
    visit.caller.require(Scope::ProgrammeWrite).is_ok() && visit.caller.require_shop_side().is_ok()
}

/// Answers `/coupons/new`.
pub(super) async fn new(visit: Visit) -> Response {
    let fields = Fields::new().with("link", visit.asked("link").unwrap_or_default());
    visit.show(ready(form(&visit, fields))).await
}

fn form(visit: &Visit, fields: Fields) -> Result<CouponForm, Failure> {
    visit.caller.require(Scope::ProgrammeWrite)?;
    visit.caller.require_shop_side()?;
    Ok(CouponForm { frame: visit.frame(Place::Coupons), fields })
}

/// Makes a coupon.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let made = async { coupons::make(&app, &visit.caller, fields.read::<Wanted>(&NEW)?).await };
    let failure = match made.await {
        Ok(_) => return Done::Made.at(PATH).into_response(),
        Err(Failure::Conflict(code, detail)) => {
            Failure::Content(vec![BadParameter { field: "coupon_code".to_owned(), code, detail }])
        }
        Err(failure) => failure,
    };
    if !matches!(failure, Failure::Content(_)) {
        return visit.failed(failure);
    }
    match form(&visit, fields.refuse(&failure)) {
        Ok(page) => visit.again(&failure, &page),
        Err(failure) => visit.failed(failure),
    }
}

/// Ends a coupon now.
pub(super) async fn end(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let ended = async {
        let mut form = visit.form(request).await?;
        let if_match = IfMatch::only(&form.take("version"));
        coupons::ends(&app, &visit.caller, &if_match, &id, Some(now())).await?;
        Ok(Done::CouponEnded.at(&back(&visit, PATH)))
    };
    visit.lead(ended).await
}
