//! `/links/new`: a link to a vendor's product or to a page of the shop, for affiliates and operators.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::can_be_mended;
use crate::api::given::MAX_LIMIT;
use crate::conventions::Page;
use crate::pages::form::{Fields, Kind};
use crate::pages::message::sentence;
use crate::pages::render;
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::{BadParameter, Failure};
use crate::programme::links::make::Wanted;
use crate::programme::{links, partnerships, products};
use crate::server::App;

/// The fields as the API reads them, once a partnership is taken apart into its two names.
const SHAPE: [(&str, Kind); 6] = [
    ("vendor_id", Kind::Text),
    ("affiliate_id", Kind::Optional),
    ("product_id", Kind::Optional),
    ("destination", Kind::Optional),
    ("code", Kind::Optional),
    ("expiry_date", Kind::Optional),
];

#[derive(Template)]
#[template(path = "own/link_new.html")]
struct NewPage {
    frame: Frame,
    fields: Fields,
    /// Who may be promoted, and for operators by whom: the value, and the words.
    partners: Vec<(String, String)>,
    products: Vec<(String, String)>,
    is_affiliate: bool,
}

/// Where the link would lead, or why it would not be made.
#[derive(Template)]
#[template(path = "own/link_preview.html")]
struct Preview {
    leads_to: Result<String, String>,
}

/// Shows the form.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    let fields = ["product_id", "vendor_id"].into_iter().fold(Fields::new(), |fields, name| {
        let value = visit.asked(name).unwrap_or_default();
        fields.with(name, value)
    });
    visit.show(page(&app, &visit, fields)).await
}

/// Makes the link, and leads to it.
pub(super) async fn submit(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let made = async {
        let wanted: Wanted = taken_apart(&fields).read(&SHAPE)?;
        links::make(&app, &visit.caller, wanted).await
    };
    match made.await {
        Ok(link) => Done::LinkMade.at(&format!("/links/{}", link.row.code)).into_response(),
        Err(failure) if can_be_mended(&failure) => {
            match page(&app, &visit, refused(fields, &failure)).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Says while somebody types where the link would lead.
pub(super) async fn preview(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let tried = async {
        let wanted: Wanted = taken_apart(&Fields::sent(visit.form(request).await?)).read(&SHAPE)?;
        links::tried(&app, &visit.caller, wanted).await
    };
    let leads_to = match tried.await {
        Ok(link) => Ok(link.url),
        Err(Failure::Content(wrong)) => Err(wrong.first().map_or_else(String::new, in_words)),
        Err(failure) if can_be_mended(&failure) => Err(sentence(&failure.to_string())),
        Err(failure) => return visit.failed(failure),
    };
    render(StatusCode::OK, &Preview { leads_to })
}

/// What is wrong, for somebody who sees labels and not names.
fn in_words(wrong: &BadParameter) -> String {
    match (wrong.field.as_str(), wrong.code) {
        ("destination", "missing_field") => "Choose a product, or say which page.".to_owned(),
        _ => sentence(&wrong.detail.replace('`', "")),
    }
}

async fn page(app: &App, visit: &Visit, fields: Fields) -> Result<NewPage, Failure> {
    let caller = &visit.caller;
    let whole_page = Page { limit: MAX_LIMIT, after: None };
    let active = partnerships::Filter {
        vendor: visit.asked("vendor"),
        affiliate: visit.asked("affiliate"),
        status: Some("active".to_owned()),
        page: whole_page.clone(),
    };
    let offered = products::Filter { is_active: Some(true), page: whole_page, ..products::Filter::default() };
    let is_affiliate = caller.is_affiliate();
    let partners = partnerships::page(app, caller, &active).await?.data.into_iter().map(|partner| {
        if is_affiliate {
            (partner.vendor_id, partner.vendor_name)
        } else {
            let value = format!("{} {}", partner.vendor_id, partner.affiliate_id);
            (value, format!("{} by {}", partner.vendor_name, partner.affiliate))
        }
    });
    let partners: Vec<(String, String)> = partners.collect();
    let is_partner = |vendor: &str| partners.iter().any(|(value, _)| value.split(' ').next() == Some(vendor));
    let offered = products::page(app, caller, &offered).await?.data.into_iter();
    let products = offered
        .filter(|product| is_partner(&product.vendor_id))
        .map(|product| (product.product_id, format!("{}: {}", product.vendor_name, product.name)))
        .collect();
    Ok(NewPage { frame: visit.frame(Place::Links), fields, partners, products, is_affiliate })
}

/// The fields with the names of a vendor and an affiliate in place of their partnership, and a day's last second in
/// place of the day.
fn taken_apart(fields: &Fields) -> Fields {
    let partner = fields.value("vendor_id").to_owned();
    let (vendor, affiliate) = partner.split_once(' ').unwrap_or((&partner, ""));
    let rest = ["product_id", "destination", "code"]
        .into_iter()
        .fold(Fields::new(), |rest, name| rest.with(name, fields.value(name)));
    rest.with("vendor_id", vendor)
        .with("affiliate_id", affiliate)
        .with("expiry_date", last_second(fields.value("expiry_date")))
}

/// A link expires when its last day has ended. What is no day is left for the API's type to refuse.
pub(super) fn last_second(day: &str) -> String {
    if day.is_empty() { String::new() } else { format!("{day}T23:59:59Z") }
}

/// A code that is taken is wrong at its field.
fn refused(fields: Fields, failure: &Failure) -> Fields {
    match failure {
        Failure::Conflict(code @ "code_taken", words) => fields.refuse(&super::wrong("code", code, words)),
        other => fields.refuse(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partnership_is_two_names_and_a_day_ends() {
        let fields = Fields::new().with("vendor_id", "ven_1 aff_2").with("expiry_date", "2027-01-31");
        let apart = taken_apart(&fields);
        assert_eq!((apart.value("vendor_id"), apart.value("affiliate_id")), ("ven_1", "aff_2"));
        assert_eq!(apart.value("expiry_date"), "2027-01-31T23:59:59Z");
        let own = taken_apart(&Fields::new().with("vendor_id", "ven_1"));
        assert_eq!((own.value("affiliate_id"), own.value("expiry_date")), ("", ""));
    }
}
