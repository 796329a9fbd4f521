//! A link as people see it before they share it: where it would lead, and as a picture to scan.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use common::destination::{Macro, SUBS, Template, Values};
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Row, no_such_link, one, possible_code};
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{Asked, Asking, Named, SubId, json, now};
use crate::db;
use crate::problem::{Failure, ForPrograms, Problem};
use crate::server::App;

/// What stands where a click's token will be.
const TOKEN: &[u8] = b"CLICK_TOKEN";
/// Characters of a sub-id in a preview: as much as an address bar shows.
const MAX_SUB: usize = 200;
/// What a preview says of the visitor: somebody ordinary.
const COUNTRY: &str = "SE";
const SOURCE: &str = "direct";
const DEVICE: &str = "mobile";
const BROWSER: &str = "safari";
const OS: &str = "ios";

/// The sub-ids of a preview.
#[derive(Debug, Default)]
pub(crate) struct Subs(pub(crate) [String; SUBS]);

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkPreview)]
pub(crate) struct Preview {
    pub(crate) object: &'static str,
    pub(crate) code: String,
    /// Where a shopper would be sent.
    pub(crate) url: String,
    /// `active`, `paused` or `expired`: only an active link is followed like this.
    pub(crate) status: String,
}

/// Where a link would lead, with these sub-ids.
#[utoipa::path(get, path = "/v1/links/{code}/preview", tag = "links", params(
    ("code" = String, Path),
    ("sub1" = inline(Option<SubId>), Query, description = "A sub-id"),
    ("sub2" = inline(Option<SubId>), Query, description = "A sub-id"),
    ("sub3" = inline(Option<SubId>), Query, description = "A sub-id"),
    ("sub4" = inline(Option<SubId>), Query, description = "A sub-id"),
    ("sub5" = inline(Option<SubId>), Query, description = "A sub-id"),
), responses(
    (status = 200, description = "As it is", body = Preview),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(in crate::programme) async fn preview(
    State(app): State<App>,
    caller: Caller,
    Named(code): Named,
    Asking(subs): Asking<Subs>,
) -> Response {
    json(filled(&app, &caller, &code, &subs)).await
}

/// The link as a picture.
#[utoipa::path(get, path = "/v1/links/{code}/qr.svg", tag = "links", params(
    ("code" = String, Path),
), responses(
    (status = 200, description = "A picture", body = String, content_type = "image/svg+xml"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(in crate::programme) async fn qr(State(app): State<App>, caller: Caller, Named(code): Named) -> Response {
    match drawn(&app, &caller, &code).await {
        Ok(svg) => {
            let headers = [
                (header::CONTENT_TYPE, "image/svg+xml"),
                (header::CONTENT_DISPOSITION, "inline; filename=\"link.svg\""),
            ];
            (headers, svg).into_response()
        }
        Err(failure) => ForPrograms(failure).into_response(),
    }
}

impl Asked for Subs {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let subs = ["sub1", "sub2", "sub3", "sub4", "sub5"].map(|name| {
            let sub = given.one(name).unwrap_or_default();
            if sub.chars().count() > MAX_SUB {
                given.refuse(name, "too_long", format!("`{name}` may have {MAX_SUB} characters here"));
            }
            sub
        });
        given.finish("sub1, sub2, sub3, sub4, sub5").map_err(Failure::Parameters)?;
        Ok(Self(subs))
    }
}

/// Where a link would lead.
pub(crate) async fn filled(app: &App, caller: &Caller, code: &str, subs: &Subs) -> Result<Preview, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    preview_of(found(app, caller, code).await?, subs)
}

/// Where a link as it stands would lead.
pub(super) fn preview_of(row: Row, Subs(subs): &Subs) -> Result<Preview, Failure> {
    let template = Template::compile(&row.destination)
        .map_err(|error| Failure::Fault(format!("a stored destination cannot be followed: {error}")))?;
    let subs: [&[u8]; SUBS] = std::array::from_fn(|i| subs[i].as_bytes());
    let mut url = Vec::new();
    let values =
        Values { token: Some(TOKEN), subs: &subs, other: &|name, out| out.extend(value(&row, name).bytes()) };
    template.render(&values, &mut url);
    let url = String::from_utf8(url).map_err(|_| Failure::Fault("a preview is not text".to_owned()))?;
    Ok(Preview { object: "link_preview", code: row.code, url, status: row.status })
}

fn value(row: &Row, name: Macro) -> String {
    match name {
        Macro::LinkCode => row.code.clone(),
        Macro::VendorId => row.vendor_number.to_string(),
        Macro::AffiliateId => row.affiliate_number.to_string(),
        Macro::ProductId => row.product_number.unwrap_or_default().to_string(),
        Macro::Source => SOURCE.to_owned(),
        Macro::Country => COUNTRY.to_owned(),
        Macro::Device => DEVICE.to_owned(),
        Macro::Browser => BROWSER.to_owned(),
        Macro::Os => OS.to_owned(),
        Macro::Timestamp => now().timestamp().to_string(),
        Macro::ClickId | Macro::Sub(_) => String::new(),
    }
}

/// The link as an SVG.
pub(crate) async fn drawn(app: &App, caller: &Caller, code: &str) -> Result<String, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let row = found(app, caller, code).await?;
    let url = format!("{}/{}", app.redirect_url, row.code);
    // A quarter may be dirty or covered, as on a flyer.
    let qr = QRBuilder::new(url).ecl(ECL::Q).build();
    let qr = qr.map_err(|error| Failure::Fault(format!("a link cannot be drawn: {error}")))?;
    Ok(SvgBuilder::default().to_str(&qr))
}

async fn found(app: &App, caller: &Caller, code: &str) -> Result<Row, Failure> {
    let code = possible_code(code)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, code).await?.ok_or_else(no_such_link)
}
