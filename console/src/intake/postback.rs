//! `GET` and `POST /v1/postback/{webhook_endpoint_id}`: trackers report by opening an address.
//!
//! They spell the same things differently; [`Given`] knows their spellings. A shared secret stands in for a signature:
//! it is compared first and kept nowhere.

use axum::extract::{Path, Request, State};
use axum::http::Method;
use axum::response::Response;
use common::money::{Currency, parse_decimal};
use common::order::{Event, Item, Kind, Reversal};
use common::time::Millis;
use url::form_urlencoded;

use super::answer::Answer;
use super::draft::{Draft, Time, WHOLE_ORDER};
use super::endpoint::{self, header};
use super::fields::Flaws;
use super::shop::Reading;
use super::write::Source;
use super::{answer, signature, webhook};
use crate::body;
use crate::problem::{BadParameter, Failure, Problem};
use crate::server::App;

/// Bytes of a form: a dozen short parameters.
const MAX_FORM: usize = 16 * 1024;

/// Parameters of trackers that say nothing about an order.
const PASSED_OVER: [&str; 12] = [
    "secret", "adv", "sub", "sub_id_", "param", "nid", "oid", "affid", "offer_id", "event", "return", "cost",
];

/// A tracker opens the address.
#[utoipa::path(get, path = "/v1/postback/{webhook_endpoint_id}", tag = "orders", params(
    ("webhook_endpoint_id" = String, Path, description = "`whk_…`"),
    ("secret" = Option<String>, Query, description = "The shared secret, unless `X-Postback-Secret` has it"),
    ("txid" = Option<String>, Query, description = "The order; also `order_id`, `tid`"),
    ("click_id" = Option<String>, Query, description = "The click's token; also `cid`, `subid`, `transaction_id`"),
    ("status" = Option<String>, Query, description = "`lead`, `pending`, `sale`, `approved`, `completed`, `refunded`, `rejected`, `cancelled` or `chargeback`"),
    ("amount" = Option<String>, Query, description = "`12.50`; also `payout`"),
    ("currency" = Option<String>, Query, description = "Three capitals"),
    ("event_id" = Option<String>, Query, description = "Made of the order and its status unless given"),
    ("coupon" = Option<String>, Query, description = "What the shopper typed"),
), responses(
    (status = 201, description = "Taken in", body = Answer),
    (status = 200, description = "Known already; nothing was changed", body = Answer),
    (status = 202, description = "Kept, and takes no part until somebody has let it in", body = Answer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The console has no secret to open the shared one with", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn opened(state: State<App>, path: Path<String>, request: Request) -> Response {
    receive(state, path, request).await
}

/// A tracker sends a form with the same parameters.
#[utoipa::path(post, path = "/v1/postback/{webhook_endpoint_id}", tag = "orders", params(
    ("webhook_endpoint_id" = String, Path, description = "`whk_…`"),
), request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 201, description = "Taken in", body = Answer),
    (status = 200, description = "Known already; nothing was changed", body = Answer),
    (status = 202, description = "Kept, and takes no part until somebody has let it in", body = Answer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The console has no secret to open the shared one with", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn posted(state: State<App>, path: Path<String>, request: Request) -> Response {
    receive(state, path, request).await
}

async fn receive(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    let taken = async {
        let endpoint = endpoint::find(&app, &name, |source| source == Source::Postback).await?;
        let (parts, body) = request.into_parts();
        if parts.method == Method::HEAD {
            // The router answers HEAD where it answers GET; looking must not report anything.
            return Err(Failure::Method);
        }
        let form = body::read(&parts.headers, body, MAX_FORM).await?;
        let mut given = Given::read(parts.uri.query().unwrap_or_default(), &form);
        let secret = given.take(&["secret"]);
        let secret = header(&parts.headers, "x-postback-secret").or(secret.as_deref());
        signature::shared(&endpoint.secrets, secret).map_err(Failure::BadSignature)?;
        Ok((endpoint, given.event()?))
    };
    match taken.await {
        Ok((endpoint, reading)) => webhook::conclude(&app, &endpoint, reading).await,
        Err(failure) => answer::refused(Source::Postback, failure),
    }
}

/// The parameters that nobody took yet, and what was wrong with those that were.
struct Given {
    pairs: Vec<(String, String)>,
    flaws: Flaws,
}

impl Given {
    /// Of the address and of a form; an empty parameter is one that a tracker had nothing for.
    fn read(query: &str, form: &[u8]) -> Self {
        let parse = |text| form_urlencoded::parse(text).into_owned();
        let pairs = parse(query.as_bytes()).chain(parse(form));
        Self { pairs: pairs.filter(|(_, value)| !value.trim().is_empty()).collect(), flaws: Flaws::new() }
    }

    fn refuse(&mut self, field: &str, code: &'static str, words: &str) {
        let detail = format!("`{field}` {words}");
        self.flaws.push(BadParameter { field: field.to_owned(), code, detail });
    }

    /// Takes the first of some spellings that is there. Two different values of one are none.
    fn take(&mut self, spellings: &[&str]) -> Option<String> {
        let name = *spellings.iter().find(|name| self.pairs.iter().any(|(given, _)| given == *name))?;
        let mut values: Vec<String> =
            self.pairs.extract_if(.., |(given, _)| given == name).map(|(_, value)| value).collect();
        values.dedup();
        if values.len() > 1 {
            self.refuse(name, "repeated_parameter", "is given twice with different values");
        }
        values.pop()
    }

    /// The event that the parameters tell of.
    fn event(mut self) -> Result<Reading, Failure> {
        let mut click = self.take(&["click_id", "cid", "subid", "transaction_id"]);
        let mut order = self.take(&["txid", "order_id"]);
        // `tid` is the order's for those who name the click otherwise, and the click's for those who do not.
        match (&click, &order) {
            (None, _) => click = self.take(&["tid"]),
            (Some(_), None) => order = self.take(&["tid"]),
            (Some(_), Some(_)) => {}
        }
        let is_kind_of_event = self.pairs.iter().any(|(name, _)| name == "et")
            && !self.pairs.iter().any(|(name, _)| name == "status");
        let status = self.take(&["status", "et"]);
        let amount = self.take(&["amount", "payout"]);
        let currency = self.take(&["currency"]);
        let event_id = self.take(&["event_id"]);
        let coupon = self.take(&["coupon"]);
        let Some(kind) = kind(status.as_deref()) else {
            if is_kind_of_event {
                return Ok(Reading::Nothing(
                    "event_type",
                    "events of this type are not about orders".to_owned(),
                ));
            }
            self.refuse("status", "unknown_status", "must be lead, pending, sale, approved, completed, refunded, rejected, cancelled or chargeback");
            return Err(Failure::Content(self.flaws));
        };
        let (amount, currency) = self.money(amount.as_deref(), currency.as_deref());
        let Some(order) = order.or_else(|| click.clone()) else {
            self.refuse("txid", "missing", "is missing: name the order, or at least the click");
            return Err(Failure::Content(self.flaws));
        };
        self.finish()?;
        // A reversal without an amount takes back everything.
        let kind = if amount.is_none() && matches!(kind, Kind::Refunded | Kind::Chargeback) {
            Kind::Cancelled
        } else {
            kind
        };
        let event = Event {
            event_id: event_id.unwrap_or_else(|| format!("{order}:{}", kind.name())),
            kind,
            // What was approved goes before what was announced.
            version: u64::from(kind == Kind::Completed),
            occurred_at: Millis(0),
            currency,
            items: items(kind, amount),
            others_only: false,
            reversal: reversal(kind, &order, amount),
            click_ids: click.into_iter().collect(),
            coupon,
            customer: None,
            delivery: None,
            order_ref: order,
        };
        Ok(Reading::one(Draft::plain(event, Time::OfArrival)))
    }

    fn money(&mut self, amount: Option<&str>, currency: Option<&str>) -> (Option<i64>, Option<Currency>) {
        let code = currency.map(|code| code.trim().to_ascii_uppercase());
        let currency = match code.map(|code| code.parse::<Currency>()).transpose() {
            Ok(currency) => currency,
            Err(error) => {
                self.refuse("currency", "unknown_currency", &format!("cannot be used: {error}"));
                return (None, None);
            }
        };
        match (amount, currency) {
            (None, currency) => (None, currency),
            (Some(_), None) => {
                self.refuse("currency", "missing", "is needed beside an amount: three letters, such as EUR");
                (None, None)
            }
            (Some(amount), Some(currency)) => match parse_decimal(amount.trim(), currency) {
                Ok(amount) => (Some(amount), Some(currency)),
                Err(error) => {
                    self.refuse("amount", "bad_amount", &format!("cannot be used: {error}"));
                    (None, None)
                }
            },
        }
    }

    /// Complains about parameters that nobody knows: a mistyped amount must not be worth nothing.
    fn finish(mut self) -> Result<(), Failure> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let known = PASSED_OVER.iter().any(|prefix| {
                name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
            });
            if !known {
                let name: String = name.chars().take(60).collect();
                let words = "is not a parameter here; known are click_id, txid, amount, currency, status, event_id, coupon, \
                             secret and what docs/orders.md lists";
                self.refuse(&name, "unknown_parameter", words);
            }
        }
        if self.flaws.is_empty() { Ok(()) } else { Err(Failure::Content(self.flaws)) }
    }
}

/// What happened, in trackers' words. `None`: not about an order.
fn kind(status: Option<&str>) -> Option<Kind> {
    Some(match status.map(|status| status.trim().to_ascii_lowercase()).as_deref() {
        None | Some("sale" | "approved" | "completed" | "purchase" | "paid") => Kind::Completed,
        Some("lead" | "pending" | "hold") => Kind::Placed,
        Some("refunded" | "refund") => Kind::Refunded,
        Some("chargeback") => Kind::Chargeback,
        Some("rejected" | "declined" | "cancelled" | "canceled") => Kind::Cancelled,
        Some(_) => return None,
    })
}

fn items(kind: Kind, amount: Option<i64>) -> Vec<Item> {
    let sells = matches!(kind, Kind::Placed | Kind::Completed);
    let item = |net_minor| Item {
        item_id: WHOLE_ORDER.to_owned(),
        product_id: None,
        name: None,
        quantity: 1,
        net_minor,
    };
    amount.filter(|_| sells).map(item).into_iter().collect()
}

fn reversal(kind: Kind, order: &str, amount: Option<i64>) -> Option<Reversal> {
    let reverses = matches!(kind, Kind::Refunded | Kind::Chargeback);
    let amount_minor = amount.filter(|_| reverses);
    amount_minor.is_some().then(|| Reversal {
        reversal_id: order.to_owned(),
        amount_minor,
        items: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Event, String> {
        match Given::read(query, b"").event() {
            Ok(Reading::Events(mut drafts)) => Ok(drafts.remove(0).event),
            Ok(Reading::Nothing(code, _)) => Err(code.to_owned()),
            Err(failure) => Err(failure.kind().1.to_owned()),
        }
    }

    #[test]
    fn trackers_spell_the_same_things_differently() {
        let (token, order) = ("t".repeat(64), "A-1");
        for query in [
            format!("click_id={token}&txid={order}&amount=49.90&currency=EUR"),
            format!("cid={token}&payout=49.90&txid={order}&et=sale&currency=eur"),
            format!("subid={token}&status=sale&payout=49.90&tid={order}&currency=eur&sub_id_1=x"),
            format!("tid={token}&order_id={order}&amount=49.90&currency=EUR&adv1=x&adv2=y"),
            format!("transaction_id={token}&order_id={order}&amount=49.9&currency=EUR&nid=7"),
        ] {
            let event = read(&query).expect(&query);
            assert_eq!((event.order_ref.as_str(), event.click_ids), (order, vec![token.clone()]), "{query}");
            assert_eq!(
                (event.items[0].net_minor, event.kind, event.version),
                (4990, Kind::Completed, 1),
                "{query}"
            );
            assert_eq!(event.event_id, "A-1:completed", "{query}");
        }
        let precedence = read("click_id=a&cid=b&subid=c&txid=1&amount=1&payout=2&currency=EUR");
        assert_eq!(precedence, Err("unknown_parameter".to_owned()), "two spellings at once are a mistake");
        let alone = read(&format!("subid={token}&status=lead")).expect("one order for each click");
        assert_eq!((alone.order_ref, alone.kind), (token, Kind::Placed));
    }

    #[test]
    fn reversals_take_back_an_amount_or_everything() {
        for (status, amount, kind) in [
            ("refunded", "&amount=5&currency=EUR", Kind::Refunded),
            ("refunded", "", Kind::Cancelled),
            ("chargeback", "&amount=5&currency=EUR", Kind::Chargeback),
            ("Rejected", "", Kind::Cancelled),
            ("cancelled", "", Kind::Cancelled),
        ] {
            let event = read(&format!("txid=1&status={status}{amount}")).expect(status);
            assert_eq!((event.kind, event.reversal.is_some()), (kind, !amount.is_empty()), "{status}");
            assert!(event.items.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (query, code) in [
            ("status=sale", "missing"),
            ("txid=1&amount=5", "missing"),
            ("txid=1&amount=5.001&currency=EUR", "bad_amount"),
            ("txid=1&amount=-5&currency=EUR", "bad_amount"),
            ("txid=1&amount=1e3&currency=EUR", "bad_amount"),
            ("txid=1&amount=5&currency=XXX", "unknown_currency"),
            ("txid=1&amuont=5&currency=EUR", "unknown_parameter"),
            ("txid=1&txid=2", "repeated_parameter"),
            ("txid=1&status=sold", "unknown_status"),
            ("txid=1&et=registration", "event_type"),
        ] {
            assert_eq!(read(query), Err(code.to_owned()), "{query}");
        }
        assert!(read("txid=1&txid=1&amount=").is_ok(), "an empty macro and the same thing twice");
    }
}
