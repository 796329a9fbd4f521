//! What forms let people choose from: vendors, and what these sell.

use crate::api::given::MAX_LIMIT;
use crate::conventions::Page;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::programme::{products, vendors};
use crate::server::App;

/// A value and its words.
pub(in crate::pages) type Choice = (String, String);

/// The vendors that the visitor may name, by name, and the one that is chosen already. Those past the first page can be
/// chosen from their own pages.
pub(in crate::pages) async fn vendors(
    app: &App,
    visit: &Visit,
    none: &str,
    chosen: &str,
) -> Result<Vec<Choice>, Failure> {
    let filter = vendors::Filter { is_active: Some(true), search: None, page: whole_page() };
    let listed = vendors::page(app, &visit.caller, &filter).await?.data.into_iter();
    let mut choices: Vec<Choice> = listed.map(|vendor| (vendor.vendor_id, vendor.name)).collect();
    if !chosen.is_empty() && choices.iter().all(|(id, _)| id != chosen) {
        let vendor = vendors::shown(app, &visit.caller, chosen).await?;
        choices.push((vendor.vendor_id, vendor.name));
    }
    Ok(ordered(choices, none))
}

/// The products on offer, each with whose it is.
pub(super) async fn products(app: &App, visit: &Visit, none: &str) -> Result<Vec<Choice>, Failure> {
    let filter = products::Filter { vendor: None, is_active: Some(true), search: None, page: whole_page() };
    let listed = products::page(app, &visit.caller, &filter).await?.data.into_iter();
    let choice = |product: products::Product| {
        (product.product_id, format!("{}: {}", product.vendor_name, product.name))
    };
    Ok(ordered(listed.map(choice).collect(), none))
}

fn whole_page() -> Page {
    Page { limit: MAX_LIMIT, after: None }
}

/// In the order of their words, after the words for none of them.
fn ordered(mut choices: Vec<Choice>, none: &str) -> Vec<Choice> {
    choices.sort_by_key(|(_, words)| words.to_lowercase());
    choices.insert(0, (String::new(), none.to_owned()));
    choices
}
