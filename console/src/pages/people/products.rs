//! `/products`: what the vendors sell, where it is, what it costs, and what it pays.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use common::money::{Currency, parse_decimal};

use super::choices::{self, Choice};
use super::look::{Look, Tab, back};
use super::partnerships::AgreedRate;
use super::vendors::standing;
use crate::api::given;
use crate::auth::{Scope, Tenant};
use crate::conventions::{Asked as _, IfMatch, Named};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Amount, Badge, Day};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::{Failure, unusable};
use crate::programme::products::{self, Change, Filter, Product, Wanted};
use crate::programme::{rate_input, rates};
use crate::server::App;

const PATH: &str = "/products";

/// The fields of a new product. The price is told apart: people write `12.50`.
const NEW: [(&str, Kind); 5] = [
    ("vendor_id", Kind::Optional),
    ("name", Kind::Text),
    ("destination", Kind::Text),
    ("price_minor", Kind::Number),
    ("currency", Kind::Optional),
];

/// The fields of a change.
const CHANGED: [(&str, Kind); 4] = [
    ("name", Kind::Text),
    ("destination", Kind::Text),
    ("price_minor", Kind::NullableNumber),
    ("currency", Kind::Nullable),
];

/// The fields of another commission. Left empty, it ends the product's own.
const RATE: [(&str, Kind); 2] = [("rate", Kind::Optional), ("since", Kind::Day)];

#[derive(Template)]
#[template(path = "people/products.html")]
struct ProductsPage {
    frame: Frame,
    may_write: bool,
    names_vendor: bool,
    standings: Vec<Tab>,
    search: String,
    hidden: Vec<(String, String)>,
    rows: Vec<Row>,
    is_narrowed: bool,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    id: String,
    name: String,
    vendor_id: String,
    vendor: String,
    destination: String,
    price: Option<Amount>,
    rate: Option<String>,
    is_active: bool,
    standing: Badge,
    since: Day,
    version: i64,
}

impl From<Product> for Row {
    fn from(product: Product) -> Self {
        let price = product.price_minor.zip(product.currency);
        Self {
            price: price.map(|(minor, currency)| Amount::new(minor, &currency)),
            rate: rate_input::in_per_cent(product.rate_ppm),
            standing: standing(product.is_active),
            since: Day(product.created_at.date_naive()),
            is_active: product.is_active,
            version: product.row_version,
            id: product.product_id,
            name: product.name,
            vendor_id: product.vendor_id,
            vendor: product.vendor_name,
            destination: product.destination,
        }
    }
}

#[derive(Template)]
#[template(path = "people/product.html")]
struct ProductPage {
    frame: Frame,
    is_operator: bool,
    may_write: bool,
    row: Row,
    rates: Vec<AgreedRate>,
    notice_days: i64,
    fields: Fields,
}

#[derive(Template)]
#[template(path = "people/product_form.html")]
struct ProductForm {
    frame: Frame,
    /// The product that is changed; empty for a new one.
    id: String,
    /// Empty where it is clear whose it is.
    vendors: Vec<Choice>,
    fields: Fields,
}

/// Answers `/products`.
pub(super) async fn list(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<ProductsPage, Failure> {
    let look = Look::read(PATH, &visit.query, &["is_active", "search", "vendor"]);
    let listed = products::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    let choices = [("", "All"), ("true", "On offer"), ("false", "Not offered")];
    Ok(ProductsPage {
        frame: visit.frame(Place::Products),
        may_write: may_write(visit),
        names_vendor: visit.caller.vendor().is_none(),
        standings: look.tabs("is_active", choices.map(|(value, label)| (value, label, None))),
        search: look.value("search").to_owned(),
        hidden: look.hidden("search"),
        is_narrowed: look.is_narrowed(&["is_active", "search", "vendor"]),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(Row::from).collect(),
    })
}

fn may_write(visit: &Visit) -> bool {
    visit.caller.require(Scope::ProgrammeWrite).is_ok() && visit.caller.require_shop_side().is_ok()
}

/// Answers `/products/{id}`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(one(&app, &visit, &id, Fields::new())).await
}

async fn one(app: &App, visit: &Visit, id: &str, fields: Fields) -> Result<ProductPage, Failure> {
    let row = Row::from(products::shown(app, &visit.caller, id).await?);
    let agreed = rates::all_of_product(app, &visit.caller, id).await?.data;
    Ok(ProductPage {
        frame: visit.frame(Place::Products),
        is_operator: visit.caller.require_operator().is_ok(),
        may_write: may_write(visit),
        rates: AgreedRate::history(agreed, visit, "the partnership’s"),
        notice_days: rate_input::NOTICE.num_days(),
        row,
        fields,
    })
}

/// Answers `/products/new`.
pub(super) async fn new(State(app): State<App>, visit: Visit) -> Response {
    let fields = Fields::new().with("vendor_id", visit.asked("vendor").unwrap_or_default());
    visit.show(form(&app, &visit, "", fields)).await
}

async fn form(app: &App, visit: &Visit, id: &str, fields: Fields) -> Result<ProductForm, Failure> {
    visit.caller.require(Scope::ProgrammeWrite)?;
    visit.caller.require_shop_side()?;
    let vendors = match visit.caller.tenant {
        Tenant::Programme if id.is_empty() => {
            choices::vendors(app, visit, "Choose a vendor", fields.value("vendor_id")).await?
        }
        _ => Vec::new(),
    };
    Ok(ProductForm { frame: visit.frame(Place::Products), id: id.to_owned(), vendors, fields })
}

/// Answers `/products/{id}/edit`.
pub(super) async fn edit(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    let page = async {
        let product = products::shown(&app, &visit.caller, &id).await?;
        let currency: Option<Currency> = product.currency.and_then(|currency| currency.parse().ok());
        let price = product.price_minor.zip(currency);
        let price = price.map(|(minor, currency)| common::money::format_decimal(minor, currency));
        let fields = Fields::new()
            .with("name", product.name)
            .with("destination", product.destination)
            .with("price", price.unwrap_or_default())
            .with("currency", currency.map(|currency| currency.to_string()).unwrap_or_default())
            .with("version", product.row_version.to_string());
        form(&app, &visit, &id, fields).await
    };
    visit.show(page).await
}

/// The price in the smallest unit, as the API reads it. `None`: none was written.
fn price(fields: &Fields) -> Result<Option<i64>, Failure> {
    let (price, currency) = (fields.value("price").trim(), fields.value("currency").trim());
    if price.is_empty() {
        return Ok(None);
    }
    let currency = given::currency(currency).map_err(|bad| Failure::Content(vec![bad]))?;
    let minor = parse_decimal(price, currency);
    minor.map(Some).map_err(|error| unusable("price", "invalid_amount", error.to_string()))
}

/// The fields with the price that they say. A currency of nothing says nothing.
fn priced(fields: Fields, price: Option<i64>) -> Fields {
    match price {
        Some(minor) => fields.with("price_minor", minor.to_string()),
        None => fields.with("price_minor", "").with("currency", ""),
    }
}

/// Puts a product on offer.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let fields = match price(&fields) {
        Ok(price) => priced(fields, price),
        Err(failure) => return again(&app, &visit, "", fields, failure).await,
    };
    let made = async {
        let made = products::make(&app, &visit.caller, fields.read::<Wanted>(&NEW)?).await?;
        Ok::<Redirect, Failure>(Done::Made.at(&format!("{PATH}/{}", made.product_id)))
    };
    match made.await {
        Ok(done) => done.into_response(),
        Err(failure) => again(&app, &visit, "", fields, failure).await,
    }
}

/// Changes a product.
pub(super) async fn amend(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let fields = match price(&fields) {
        Ok(price) => priced(fields, price),
        Err(failure) => return again(&app, &visit, &id, fields, failure).await,
    };
    let changed = async {
        let (change, if_match) = (fields.read::<Change>(&CHANGED)?, IfMatch::only(fields.value("version")));
        products::amend(&app, &visit.caller, &if_match, &id, change).await?;
        Ok::<Redirect, Failure>(Done::Saved.at(&format!("{PATH}/{id}")))
    };
    match changed.await {
        Ok(done) => done.into_response(),
        Err(failure) => again(&app, &visit, &id, fields, failure).await,
    }
}

/// The form again with what is wrong in it, where that can be told.
async fn again(app: &App, visit: &Visit, id: &str, fields: Fields, failure: Failure) -> Response {
    if !matches!(failure, Failure::Content(_) | Failure::Conflict(..)) {
        return visit.failed(failure);
    }
    match form(app, visit, id, fields.refuse(&failure)).await {
        Ok(page) => visit.again(&failure, &page),
        Err(failure) => visit.failed(failure),
    }
}

/// Gives a product a commission of its own, or ends it.
pub(super) async fn set_rate(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let set = async {
        let if_match = IfMatch::only(fields.value("version"));
        rates::for_product(&app, &visit.caller, &if_match, &id, fields.read(&RATE)?).await?;
        Ok::<Redirect, Failure>(Done::RateAgreed.at(&format!("{PATH}/{id}")))
    };
    match set.await {
        Ok(done) => done.into_response(),
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            match one(&app, &visit, &id, fields.refuse(&failure)).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Puts a product on offer again.
pub(super) async fn offer(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &id, request, Done::ProductOffered)).await
}

/// Takes a product off offer.
pub(super) async fn withdraw(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &id, request, Done::ProductWithdrawn)).await
}

async fn switched(
    app: &App,
    visit: &Visit,
    id: &str,
    request: Request,
    done: Done,
) -> Result<Redirect, Failure> {
    visit.form(request).await?;
    let change = Change { is_active: Some(done == Done::ProductOffered), ..Change::default() };
    products::amend(app, &visit.caller, &IfMatch::any(), id, change).await?;
    Ok(done.to(id, &back(visit, PATH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_people_write_them() {
        let minor = |written: &str, currency: &str| {
            price(&Fields::new().with("price", written).with("currency", currency))
        };
        assert_eq!(minor("12.50", "EUR").expect("a price"), Some(1_250));
        assert_eq!(minor("", "EUR").expect("no price"), None);
        assert!(
            minor("12.505", "EUR").is_err() && minor("12,50", "EUR").is_err() && minor("12", "").is_err()
        );
    }
}
