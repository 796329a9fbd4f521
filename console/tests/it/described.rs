//! What `/openapi.json` says of running the programme is what there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::programme_world::Programme;

#[tokio::test]
async fn every_route_is_described_with_shapes_that_are_there() {
    let p = Programme::new().await;
    let described = p.json("/openapi.json").await;
    let paths = described["paths"].as_object().expect("paths");
    for (path, methods) in [
        ("/v1/vendors", &["get", "post"][..]),
        ("/v1/vendors/{vendor_id}", &["get", "patch"]),
        ("/v1/products/{product_id}/rates", &["get", "post"]),
        ("/v1/partnerships/{partnership_id}/activate", &["post"]),
        ("/v1/requests/{request_id}/approve", &["post"]),
        ("/v1/links/{code}", &["get", "patch"]),
        ("/v1/links/import", &["post"]),
        ("/v1/links/{code}/qr.svg", &["get"]),
        ("/v1/coupons/{coupon_id}/end", &["post"]),
        ("/v1/invitations/by-token", &["get"]),
        ("/v1/webhook-targets/{target_id}/deliveries/{message_id}/retry", &["post"]),
    ] {
        let known: BTreeSet<&str> =
            paths.get(path).and_then(Value::as_object).expect(path).keys().map(String::as_str).collect();
        assert!(methods.iter().all(|method| known.contains(method)), "{path}: {known:?}");
    }
    // Two shapes under one name would be one of them.
    let schemas = described["components"]["schemas"].as_object().expect("schemas");
    for (name, field) in [
        ("VendorWanted", "allowed_hosts"),
        ("ProductWanted", "price_minor"),
        ("LinkWanted", "destination"),
        ("InvitationWanted", "emails"),
        ("WebhookTargetWanted", "topics"),
        ("Partnership", "commission_rate"),
        ("AffiliateRequest", "response_message"),
    ] {
        let shape = schemas.get(name).unwrap_or_else(|| panic!("{name} is not in {:?}", schemas.keys()));
        assert!(!shape["properties"][field].is_null(), "{name} has no {field}: {shape}");
    }
    let referred = described.to_string();
    for part in referred.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name} is referred to, but not there");
    }
}

/// Methods that a route may answer.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

#[tokio::test]
async fn the_router_and_the_description_know_the_same_routes() {
    let world = crate::support::World::empty().await;
    let described = world.json("/openapi.json").await;
    let paths = described["paths"].as_object().expect("paths");
    assert!(paths.len() > 80, "only {} paths are described", paths.len());
    for (path, methods) in paths {
        let address = path.replace(['{', '}'], "");
        let known: BTreeSet<String> =
            methods.as_object().expect("methods").keys().map(|method| method.to_uppercase()).collect();
        // The router says in `Allow` which methods it answers here; one of them is surely not among those it knows.
        // A body does not change that.
        let answer = world.send("TRACE", &address, &[("content-type", "application/json")], "{}").await;
        assert_eq!(answer.status, 405, "{path} is described, but the router does not know it");
        let allowed = answer.header("allow").split(',').map(str::trim).map(str::to_owned);
        let allowed: BTreeSet<String> = allowed.filter(|method| METHODS.contains(&method.as_str())).collect();
        assert_eq!(allowed, known, "{path}");
    }
}

/// Values of a parameter that its schema allows, and some that it does not.
fn values(schema: &Value) -> (Vec<String>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), vec!["%00".to_owned()]);
    if let Some(words) = schema["enum"].as_array() {
        good.extend(words.iter().filter_map(Value::as_str).map(str::to_owned));
        bad.push("nonsense".to_owned());
    }
    for (bound, beyond) in [("minimum", -1), ("maximum", 1)] {
        if let Some(number) = schema[bound].as_i64() {
            good.push(number.to_string());
            bad.push((number + beyond).to_string());
        }
    }
    (good, bad)
}

#[tokio::test]
async fn the_bounds_that_are_described_are_those_that_are_held() {
    let world = crate::support::World::with_orders().await;
    let all = console::auth::Scope::ALL.map(console::auth::Scope::name);
    let key = world.key("everything", None, &all).await;
    let described = world.json("/openapi.json").await;
    let (mut asked, mut wrong) = (0, String::new());
    for (path, methods) in described["paths"].as_object().expect("paths") {
        let parameters = methods["get"]["parameters"].as_array();
        let is_list = !path.contains('{') && methods["get"]["responses"]["200"].is_object();
        for parameter in parameters.into_iter().flatten().filter(|p| is_list && p["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name");
            let (good, bad) = values(&parameter["schema"]);
            let needed = if path == "/v1/order-events" && name != "parked" { "parked=true&" } else { "" };
            let all = good.iter().map(|value| (value, true)).chain(bad.iter().map(|value| (value, false)));
            for (value, is_good) in all {
                asked += 1;
                let path = format!("{path}?{needed}{name}={value}");
                let answer = world.send("GET", &path, &[("authorization", &key)], "").await;
                let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
                // The last row of a page is not one of them all.
                let is_taken = answer.status == 200 || code == "unknown_cursor" && is_good;
                if is_taken != is_good || answer.status >= 500 {
                    let _ = writeln!(wrong, "{path}: {} {}", answer.status, answer.body);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(asked > 100, "only {asked} values were sent");
}

#[test]
fn no_route_of_the_api_is_added_past_its_description() {
    fn sources(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }
    // Pages, assets and the snippet are not described, and the last one adds what is.
    const OTHERS: [&str; 4] = ["pages", "assets.rs", "intake.rs", "openapi.rs"];
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    assert!(files.len() > 100, "the sources are read");
    for file in files {
        let place = file.strip_prefix(&source).expect("a source").display().to_string();
        let is_other = OTHERS.iter().any(|other| place.starts_with(other));
        let text = std::fs::read_to_string(&file).expect("text");
        assert!(
            is_other || !text.contains(".route("),
            "{place}: use routes!(…), so that /openapi.json tells of it"
        );
    }
}
