//! What `/openapi.json` says of running the programme is what there is.

use std::collections::BTreeSet;

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
