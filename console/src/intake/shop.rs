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

#[cfg(test)]
mod tests {
    use super::super::{shopify, stripe, woocommerce};
    use super::*;

    type Read = fn(&Json) -> Result<Reading, Failure>;

    /// Every payload with one value anywhere in it replaced.
    fn changed(value: &Json, with: &Json) -> Vec<Json> {
        let mut all = vec![with.clone()];
        match value {
            Json::List(entries) => {
                for (at, entry) in entries.iter().enumerate() {
                    all.extend(changed(entry, with).into_iter().map(|entry| {
                        let mut entries = entries.clone();
                        entries[at] = entry;
                        Json::List(entries)
                    }));
                }
            }
            Json::Object(pairs) => {
                for (at, (_, entry)) in pairs.iter().enumerate() {
                    all.extend(changed(entry, with).into_iter().map(|entry| {
                        let mut pairs = pairs.clone();
                        pairs[at].1 = entry;
                        Json::Object(pairs)
                    }));
                }
            }
            _ => {}
        }
        all
    }

    #[test]
    fn no_odd_value_anywhere_is_a_panic_or_our_fault() {
        let samples: [(&str, Read); 7] = [
            (include_str!("../../tests/it/samples/stripe_session.json"), stripe::read),
            (include_str!("../../tests/it/samples/stripe_refund.json"), stripe::read),
            (include_str!("../../tests/it/samples/stripe_dispute.json"), stripe::read),
            (include_str!("../../tests/it/samples/shopify_order.json"), |json| {
                shopify::read(Some("orders/paid"), json)
            }),
            (include_str!("../../tests/it/samples/shopify_order.json"), |json| {
                shopify::read(Some("orders/create"), json)
            }),
            (include_str!("../../tests/it/samples/shopify_refund.json"), |json| {
                shopify::read(Some("refunds/create"), json)
            }),
            (include_str!("../../tests/it/samples/woocommerce_order.json"), |json| {
                woocommerce::read(Some("order.updated"), json)
            }),
        ];
        let odd = [
            Json::Null,
            Json::Bool(true),
            Json::Fraction,
            Json::Integer(-1),
            Json::Integer(i128::from(u64::MAX)),
            Json::Text(String::new()),
            Json::Text("\0".repeat(300)),
            Json::Text("9999999999.99".to_owned()),
            Json::Text("-1".to_owned()),
            Json::Text("0000-00-00T00:00:00Z".to_owned()),
            Json::List(vec![Json::Object(Vec::new()); 600]),
            Json::Object(Vec::new()),
        ];
        let (mut good, mut bad) = (0_u32, 0_u32);
        for (text, read) in samples {
            let sample = Json::parse(text.as_bytes()).expect("JSON");
            assert!(
                matches!(read(&sample), Ok(Reading::Events(drafts)) if drafts[0].check().is_empty()),
                "{text}"
            );
            for payload in odd.iter().flat_map(|with| changed(&sample, with)) {
                match read(&payload) {
                    Ok(Reading::Events(drafts)) if drafts.iter().all(|draft| draft.check().is_empty()) => {
                        good += 1;
                    }
                    Ok(_) => bad += 1,
                    Err(failure) => {
                        assert!(failure.kind().0.is_client_error(), "{payload:?}: {failure}");
                        bad += 1;
                    }
                }
            }
        }
        assert!(good > 1_000 && bad > 500, "{good} {bad}");
    }

    #[test]
    fn tokens_are_found_in_addresses() {
        let token = "t".repeat(64);
        for address in [
            format!("/p?clk={token}"),
            format!("https://shop.example.com/?a=b&clk={token}#x"),
            format!("/?clk=%20{token}"),
        ] {
            assert_eq!(token_of_address(&address).as_deref(), Some(token.as_str()), "{address}");
        }
        for address in ["/p", "?", "/p?clk=", "/p?clk=short", "/p#?clk"] {
            assert_eq!(token_of_address(address), None, "{address}");
        }
        assert_eq!(distinct(vec![token.clone(); 30].into_iter()), [token]);
    }
}
