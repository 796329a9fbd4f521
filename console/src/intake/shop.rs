//! What the payloads of shop systems have in common. Their fields are many and grow, so what we do not read is passed
//! over; what we do read must be exactly what it should be.

use chrono::{DateTime, NaiveDateTime};
use common::money::{Currency, parse_decimal};
use common::order::{Customer, MAX_TEXT};
use common::time::Millis;
use common::token::TOKEN_CHARS;
use url::form_urlencoded;

use super::draft::Draft;
use super::json::Json;
use crate::problem::{BadParameter, Failure};

/// What a payload comes to.
#[derive(Debug)]
pub(super) enum Reading {
    /// Events to write down.
    Events(Vec<Draft>),
    /// Nothing of use: a code for the counter, and words for whoever looks why.
    Nothing(&'static str, String),
}

impl Reading {
    /// One event.
    pub(super) fn one(draft: Draft) -> Self {
        Self::Events(vec![draft])
    }
}

/// A field that cannot be used.
pub(super) fn bad(field: &str, code: &'static str, words: &str) -> Failure {
    Failure::Content(vec![BadParameter {
        field: field.to_owned(),
        code,
        detail: format!("`{field}` {words}"),
    }])
}

/// The number or text that names a thing.
pub(super) fn need_id(json: &Json, field: &str) -> Result<String, Failure> {
    json.get(field).and_then(Json::id).ok_or_else(|| bad(field, "missing", "is missing or names nothing"))
}

/// A currency by its code, in any case: systems differ.
pub(super) fn need_currency(json: &Json, path: &[&str]) -> Result<Currency, Failure> {
    let field = path.join(".");
    let code = json.at(path).and_then(Json::text).ok_or_else(|| bad(&field, "missing", "is missing"))?;
    code.to_ascii_uppercase()
        .parse()
        .map_err(|error| bad(&field, "unknown_currency", &format!("cannot be used: {error}")))
}

/// A decimal text such as `12.50`, exactly.
pub(super) fn need_amount(
    json: &Json,
    path: &[&str],
    place: &str,
    currency: Currency,
) -> Result<i64, Failure> {
    let field = format!("{place}{}", path.join("."));
    let text = json
        .at(path)
        .and_then(Json::text)
        .ok_or_else(|| bad(&field, "missing", "is missing or not a decimal text such as \"12.50\""))?;
    parse_decimal(text, currency)
        .map_err(|error| bad(&field, "bad_amount", &format!("cannot be used: {error}")))
}

/// An amount that may be missing, and is then nothing.
pub(super) fn amount(json: &Json, path: &[&str], place: &str, currency: Currency) -> Result<i64, Failure> {
    if json.at(path).is_none() { Ok(0) } else { need_amount(json, path, place, currency) }
}

/// An instant with its offset, in milliseconds.
pub(super) fn need_instant(json: &Json, field: &str) -> Result<Millis, Failure> {
    instant(json.get(field))
        .ok_or_else(|| bad(field, "invalid_timestamp", "is missing or not an RFC 3339 timestamp"))
}

/// An instant with its offset, or without one and then in UTC.
pub(super) fn instant(json: Option<&Json>) -> Option<Millis> {
    let text = json?.text()?;
    let utc = || text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc().timestamp_millis());
    let millis = DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis()).or_else(utc)?;
    u64::try_from(millis).ok().map(Millis)
}

/// Words that people typed or shops made up, as much of them as is kept.
pub(super) fn words(json: Option<&Json>) -> Option<String> {
    let text: String = json?.text()?.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    (!text.is_empty()).then_some(text)
}

/// Who bought, if anything is said about it.
pub(super) fn customer(
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    country: Option<String>,
) -> Option<Customer> {
    let customer = Customer { name, email, phone, country };
    (customer != Customer::default()).then_some(customer)
}

/// First and last name as one.
pub(super) fn full_name(json: &Json) -> Option<String> {
    let parts = [words(json.get("first_name")), words(json.get("last_name"))];
    let name: Vec<String> = parts.into_iter().flatten().collect();
    let name: String = name.join(" ").chars().take(MAX_TEXT).collect();
    (!name.is_empty()).then_some(name)
}

/// A click token, if a text has the length of one. What else it is, its signature will tell.
pub(super) fn token(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() == TOKEN_CHARS && text.is_ascii()).then(|| text.to_owned())
}

/// The click token in the address that a shopper came by.
pub(super) fn token_of_address(address: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "clk")
        .and_then(|(_, value)| token(&value))
}

/// Each token once, in the order they were found.
pub(super) fn distinct(tokens: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for token in tokens {
        if !distinct.contains(&token) {
            distinct.push(token);
        }
    }
    distinct.truncate(common::order::MAX_CLICK_IDS);
    distinct
}

/// Seconds since 1970: the version of what a shop system changed at that moment.
pub(super) fn version(at: Millis) -> u64 {
    at.0 / 1_000
}
