//! Every route that is described, asked by others with somebody's names: what is another's is answered exactly as what
//! does not exist, nothing of theirs is told, and nothing of theirs is changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use console::Config;
use console::front::Reports;
use serde_json::{Map, Value, json};
use sqlx::AssertSqlSafe;

use crate::people::For;
use crate::support::{Answer, World, config, started};

/// Stands in every field of vendor 3 and affiliate 3, in one spelling or another.
const CANARY: &str = "canary";

/// Routes for people who are not known yet.
const OPEN: [&str; 8] = [
    "POST /v1/session",
    "POST /v1/password-resets",
    "POST /v1/password-resets/confirm",
    "POST /v1/email-verifications/confirm",
    "POST /v1/applications",
    "GET /v1/invitations/by-token",
    "POST /v1/webhooks/{webhook_endpoint_id}",
    "POST /v1/postback/{webhook_endpoint_id}",
];

/// What affiliates may say of any vendor that is on offer: what is refused then is refused for another reason.
const ABOUT_VENDORS: [&str; 2] = ["POST /v1/requests", "POST /v1/links"];

/// What vendors offer is there for every affiliate to see, and to ask for.
const ON_OFFER: [&str; 6] = [
    "GET /v1/vendors",
    "GET /v1/vendors/{vendor_id}",
    "GET /v1/vendors/{vendor_id}/terms",
    "GET /v1/products",
    "GET /v1/products/{product_id}",
    "GET /v1/products/{product_id}/rates",
];

/// Who asks, and what goes with it.
struct Asker {
    name: &'static str,
    headers: Vec<(String, String)>,
}

/// The names of things, by what addresses and bodies call them.
type Names = BTreeMap<&'static str, String>;

async fn foreign(world: &World) -> Names {
    let queries = [
        ("vendor_id", "select public_id from vendor where vendor_id = 3"),
        ("affiliate_id", "select public_id from affiliate where affiliate_id = 3"),
        ("product_id", "select public_id from product where vendor_id = 3"),
        ("partnership_id", "select public_id from partnership where vendor_id = 3"),
        ("request_id", "select request_id from affiliate_request where vendor_id = 3 and status = 'pending'"),
        ("code", "select code from link where vendor_id = 3"),
        ("coupon_id", "select public_id from coupon where vendor_id = 3"),
        ("invitation_id", "select invitation_id from invitation where vendor_id = 3"),
        ("document_id", "select document_id from verification_document where affiliate_id = 3"),
        ("target_id", "select target_id from webhook_target where vendor_id = 3"),
        ("message_id", "select message_id from webhook_message where vendor_id = 3"),
        ("account_id", "select account_id from account where vendor_id = 3"),
        ("api_key_id", "select api_key_id from api_key where vendor_id = 3"),
        ("order_id", "select order_id from customer_order where vendor_id = 3"),
        ("flag", "select flag from hold where vendor_id = 3"),
        ("payout_batch_id", "select payout_batch_id from payout_batch where vendor_id = 3"),
        ("event_id", "select event_id from order_event where vendor_id = 3"),
    ];
    let mut names = Names::from([("webhook_endpoint_id", "whk_nowhere".to_owned())]);
    for (name, query) in queries {
        names.insert(name, world.column(query).await.pop().expect(name));
    }
    names
}

/// Names of the same shape that nothing has.
fn missing(foreign: &Names) -> Names {
    let other = |(name, value): (&&'static str, &String)| {
        // A flag is one of a few words; what is missing with it is the order.
        let value = if *name == "flag" { value.clone() } else { altered(value) };
        (*name, value)
    };
    foreign.iter().map(other).collect()
}

fn altered(name: &str) -> String {
    let mut characters: Vec<char> = name.chars().collect();
    if let Some(last) = characters.last_mut() {
        *last = if *last == '0' { '1' } else { '0' };
    }
    characters.into_iter().collect()
}

/// The numbers of vendors and affiliates, where an address or a body takes those.
fn number_of(names: &Names, is_foreign: bool) -> (i64, &Names) {
    (if is_foreign { 3 } else { 987_654 }, names)
}

/// A body as a schema wants it, that names these things wherever it can.
fn sample(schema: &Value, all: &Value, field: &str, (number, names): (i64, &Names)) -> Value {
    let whole = (number, names);
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return sample(&all[name], all, field, whole);
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[several].as_array() {
            let choice = choices.iter().find(|choice| choice["type"] != "null").unwrap_or(&Value::Null);
            return sample(choice, all, field, whole);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| **kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str().unwrap_or_default() {
        "object" => {
            let fields = schema["properties"].as_object().cloned().unwrap_or_default();
            let fields = fields.iter().map(|(name, part)| (name.clone(), sample(part, all, name, whole)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        "array" => json!([sample(&schema["items"], all, field, whole)]),
        "integer" if field.ends_with("_id") => json!(number),
        "integer" => json!(1),
        "boolean" => json!(false),
        _ if schema["format"] == "date-time" => json!("2027-06-01T00:00:00Z"),
        _ => json!(match field {
            "vendor" | "vendor_id" => names["vendor_id"].clone(),
            "affiliate" | "affiliate_id" => names["affiliate_id"].clone(),
            "product_id" => names["product_id"].clone(),
            "link" => names["code"].clone(),
            "email" | "emails" => "somebody@example.com".to_owned(),
            "rate" => "10%".to_owned(),
            "currency" => "NOK".to_owned(),
            other => format!("x-{other}"),
        }),
    }
}

/// One request that a route may be sent.
struct Request {
    path: String,
    body: Option<String>,
}

/// Every way this route can be asked about these things: by its address and body, and by each of its parameters.
fn requests(path: &str, route: &Value, all: &Value, whole: (i64, &Names)) -> Vec<Request> {
    let (number, names) = whole;
    let mut address = path.to_owned();
    let mut queries = vec![String::new()];
    for parameter in route["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().expect("a name");
        let is_number =
            parameter["schema"]["type"] == "integer" || parameter["schema"]["type"][0] == "integer";
        let meant = if name == "starting_after" {
            // The last thing in the address is what the list has.
            let list = path.rsplit('/').next().unwrap_or_default().replace('-', "_");
            let of_list =
                names.iter().find(|(id, _)| id.strip_suffix("_id").is_some_and(|id| list.starts_with(id)));
            of_list
                .map(|(_, value)| value.clone())
                .or_else(|| path.ends_with("links").then(|| names["code"].clone()))
        } else {
            let id = format!("{name}_id");
            let of_link = (name == "link").then(|| names["code"].clone());
            names.get(name).or_else(|| names.get(id.as_str())).cloned().or(of_link)
        };
        let value = if is_number && meant.is_some() { Some(number.to_string()) } else { meant };
        match (parameter["in"].as_str(), value) {
            (Some("path"), value) => {
                address = address
                    .replace(&format!("{{{name}}}"), &value.unwrap_or_else(|| panic!("{path}: {name}")));
            }
            (Some("query"), Some(value)) => queries.push(format!("{name}={value}")),
            _ => {}
        }
    }
    let always = match path {
        "/v1/order-events" => "parked=true&",
        path if path.ends_with("/statement") => "currency=NOK&",
        _ => "",
    };
    let body = route["requestBody"]["content"]["application/json"]["schema"].as_object();
    let body = body.map(|schema| sample(&Value::Object(schema.clone()), all, "", whole).to_string());
    let request = |query: &String| {
        let query = format!("{always}{query}");
        let path = if query.is_empty() { address.clone() } else { format!("{address}?{query}") };
        Request { path, body: body.clone() }
    };
    queries.iter().map(request).collect()
}

async fn ask(world: &World, asker: &Asker, method: &str, request: &Request) -> Answer {
    let mut headers: Vec<(&str, &str)> =
        asker.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push(("content-type", "application/json"));
    world.send(method, &request.path, &headers, request.body.as_deref().unwrap_or_default()).await
}

/// Everything that belongs to vendor 3 or affiliate 3, as one number.
async fn belongings(world: &World) -> Vec<String> {
    let tables = world
        .column(
            "select c.relname || ' ' || string_agg(a.attname || ' = 3', ' or ') from pg_class c \
             join pg_attribute a on a.attrelid = c.oid and a.attname in ('vendor_id', 'affiliate_id') and not a.attisdropped \
             where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.relname order by c.relname",
        )
        .await;
    let mut seen = Vec::new();
    for table in tables {
        let (name, theirs) = table.split_once(' ').expect("two parts");
        let query = format!(
            "select '{name} ' || coalesce(md5(string_agg(t::text, '' order by t::text)), '') from {name} t where {theirs}"
        );
        seen.push(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&world.owner).await.expect("a digest"));
    }
    seen
}

/// Without what names the thing that was asked about, and what is another at every request.
fn faceless(answer: &Answer, names: &Names) -> String {
    let mut text = format!("{} {}", answer.status, answer.body);
    for name in names.values() {
        text = text.replace(name.as_str(), "NAME");
    }
    text.replace("987654", "NUMBER")
}

/// What affiliates may choose among: whoever offers something.
const NAME_ON_OFFER: &str = "canary-vendor";

/// A world with somebody else in it, and whoever asks about them.
struct Crawl {
    world: World,
    askers: [Asker; 3],
    foreign: Names,
    missing: Names,
    asked: usize,
    found: String,
}

impl Crawl {
    async fn begin() -> Self {
        let mut world = World::with_orders().await;
        world.run(include_str!("crawl_world.sql")).await;
        // Reports are for nobody without a name, as they are outside tests.
        let settings = Config { reports: Reports::Closed, ..config(&world.url) };
        let (console, _closed) = started(settings).await;
        world.console = console;
        let scopes = console::auth::Scope::ALL.map(console::auth::Scope::name);
        let key = world.key("crawling", Some(1), &scopes).await;
        let askers = [
            Asker { name: "vendor", headers: vec![("authorization".to_owned(), key)] },
            Asker { name: "affiliate", headers: signed_in(&world, For::Affiliate(1)).await },
            Asker { name: "nobody", headers: Vec::new() },
        ];
        let foreign = foreign(&world).await;
        let missing = missing(&foreign);
        Self { world, askers, foreign, missing, asked: 0, found: String::new() }
    }

    /// Asks one route in every way, about what is another's and about what is nobody's.
    async fn route(&mut self, asker: usize, name: &str, route: &Value, all: &Value) {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let theirs = requests(path, route, all, number_of(&self.foreign, true));
        let nobodys = requests(path, route, all, number_of(&self.missing, false));
        for (theirs, nobodys) in theirs.iter().zip(&nobodys) {
            self.asked += 1;
            let asker = &self.askers[asker];
            let answer = ask(&self.world, asker, method, theirs).await;
            let is_on_offer = asker.name == "affiliate" && ON_OFFER.contains(&name);
            if let Some(wrong) = wrong(asker, name, &answer, is_on_offer) {
                let _ = writeln!(self.found, "{}: {name} {}: {wrong}", asker.name, theirs.path);
            }
            if is_on_offer || (asker.name == "affiliate" && ABOUT_VENDORS.contains(&name)) {
                continue;
            }
            let other = ask(&self.world, asker, method, nobodys).await;
            // A list of one's own, or something of one's own that was made or changed.
            let is_own = |answer: &Answer| (200..300).contains(&answer.status);
            // Whoever signs in or applies twice in a row waits, whatever they say.
            if other.status == 429 || (is_own(&answer) && is_own(&other)) {
                continue;
            }
            let (seen, wanted) = (faceless(&answer, &self.foreign), faceless(&other, &self.missing));
            if seen != wanted {
                let _ = writeln!(
                    self.found,
                    "{} tells another's from none: {name} {}\n  {seen}\n  {wanted}",
                    asker.name, theirs.path
                );
            }
        }
    }

    /// Opens one page about what is another's and about what is nobody's.
    async fn page(&mut self, asker: usize, page: &str) {
        let theirs = Request { path: named(page, &self.foreign), body: None };
        let nobodys = Request { path: named(page, &self.missing), body: None };
        self.asked += 1;
        let asker = &self.askers[asker];
        let answer = ask(&self.world, asker, "GET", &theirs).await;
        let is_on_offer =
            asker.name == "affiliate" && PAGES_ON_OFFER.iter().any(|known| page.starts_with(known));
        let told = answer.body.to_lowercase();
        let told = if asker.name == "affiliate" { told.replace(NAME_ON_OFFER, "") } else { told };
        if answer.status >= 500 || (told.contains(CANARY) && !is_on_offer) {
            let _ = writeln!(self.found, "{}: {}: {}", asker.name, theirs.path, answer.body);
        }
        let other = ask(&self.world, asker, "GET", &nobodys).await;
        if answer.status != other.status && !is_on_offer {
            let (seen, wanted) = (answer.status, other.status);
            let _ = writeln!(self.found, "{}: {}: {seen}, not {wanted}", asker.name, theirs.path);
        }
    }
}

/// What is wrong with an answer about somebody else, if anything is.
fn wrong(asker: &Asker, name: &str, answer: &Answer, is_on_offer: bool) -> Option<String> {
    if answer.status >= 500 && answer.status != 503 {
        return Some(format!("a server error: {}", answer.body));
    }
    if answer.body.to_lowercase().contains(CANARY) && !is_on_offer {
        return Some(format!("is told of another: {}", answer.body));
    }
    let is_open = OPEN.contains(&name) || name.contains("/v1/postback");
    let is_stranger = asker.name == "nobody" && !is_open;
    (is_stranger && answer.status != 401).then(|| format!("is not asked who they are: {}", answer.status))
}

async fn signed_in(world: &World, whom: For) -> Vec<(String, String)> {
    let person = world.signed_in(whom).await;
    person.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

#[tokio::test]
async fn nothing_of_another_is_told_or_changed_whatever_is_asked() {
    let mut crawl = Crawl::begin().await;
    let before = belongings(&crawl.world).await;
    let described = crawl.world.json("/openapi.json").await;
    let (paths, all) = (described["paths"].as_object().expect("paths"), &described["components"]["schemas"]);
    for asker in 0..crawl.askers.len() {
        for (path, methods) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
            for (method, route) in methods.as_object().expect("methods") {
                let name = format!("{} {path}", method.to_uppercase());
                // It would end the crawl.
                if name != "DELETE /v1/session" {
                    crawl.route(asker, &name, route, all).await;
                }
            }
        }
    }
    let Crawl { world, found, asked, .. } = crawl;
    assert!(found.is_empty(), "{found}");
    eprintln!("{asked} requests about another");
    assert!(asked > 400, "only {asked} requests were made");
    assert_eq!(belongings(&world).await, before, "nothing of theirs is changed");
}

/// Pages whose address stands elsewhere.
const MORE_PAGES: [&str; 6] =
    ["/orders", "/reports?by_what=affiliates", "/statement", "/holds", "/payouts", "/profile/documents"];

/// Pages that show affiliates what vendors offer.
const PAGES_ON_OFFER: [&str; 4] = ["/vendors", "/products", "/requests/new", "/links/new"];

/// Every page, as the sources of the pages name them.
fn pages() -> Vec<String> {
    let mut found: Vec<String> = MORE_PAGES.map(str::to_owned).to_vec();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
    for area in ["pages.rs", "pages/money.rs", "pages/own.rs", "pages/people.rs"] {
        let text = std::fs::read_to_string(folder.with_file_name(area)).expect("the sources");
        let routes = text.split(".route(").skip(1);
        let literal = routes.filter_map(|route| route.trim_start().strip_prefix('"')?.split('"').next());
        found.extend(literal.filter(|page| !page.starts_with("/sign-")).map(str::to_owned));
    }
    found.sort();
    found.dedup();
    found
}

/// A page's address with these names in it.
fn named(page: &str, names: &Names) -> String {
    let area = page.split('/').nth(1).unwrap_or_default().trim_end_matches('s');
    let id = match area {
        "key" => "api_key_id".to_owned(),
        "team" => "account_id".to_owned(),
        "webhook" => "target_id".to_owned(),
        area => format!("{area}_id"),
    };
    let mut address = page.to_owned();
    for (place, name) in [
        ("{id}", id.as_str()),
        ("{document}", "document_id"),
        ("{message}", "message_id"),
        ("{step}", "flag"),
    ] {
        address = address.replace(place, names.get(name).map_or("nothing", String::as_str));
    }
    for (name, value) in names {
        address = address.replace(&format!("{{{name}}}"), value);
    }
    address.replace("{name}", "nothing")
}

#[tokio::test]
async fn no_page_shows_what_is_anothers() {
    let mut crawl = Crawl::begin().await;
    // People, not programs, open pages.
    crawl.askers[0].headers = signed_in(&crawl.world, For::Vendor(1)).await;
    for asker in 0..crawl.askers.len() {
        for page in pages() {
            crawl.page(asker, &page).await;
        }
    }
    assert!(crawl.found.is_empty(), "{}", crawl.found);
    assert!(crawl.asked > 150, "only {} pages were opened", crawl.asked);
}
