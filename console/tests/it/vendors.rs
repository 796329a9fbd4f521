//! Vendors and products: who may change what of them.

use serde_json::{Value, json};

use crate::programme_world::{Programme, column};

#[tokio::test]
async fn operators_take_vendors_in_and_vendors_keep_their_own_pages() {
    let p = Programme::new().await;
    let wanted = json!({"name": " Fictional Books ", "allowed_hosts": ["Books.Example.ORG", ".books.example.org"],
        "fallback_url": "https://books.example.org/sale"});
    let made = p.made(&p.operator, "/v1/vendors", &wanted).await;
    assert_eq!(made["name"], "Fictional Books");
    assert_eq!(made["allowed_hosts"], json!([".books.example.org", "books.example.org"]));
    for who in [&p.teas, &p.ada] {
        p.refused(who, "/v1/vendors", &wanted, 403, "not_for_this_account").await;
    }
    let path = format!("/v1/vendors/{}", made["vendor_id"].as_str().expect("an id"));
    for (bad, code) in [
        (json!({"fallback_url": "https://example.org/"}), "host_not_allowed"),
        (json!({"fallback_url": "https://books.example.org/{sub1}"}), "invalid_url"),
        (json!({"website": "javascript:alert(1)"}), "invalid_url"),
        (json!({"allowed_hosts": [".com"]}), "invalid_host"),
        (json!({"name": ""}), "invalid_name"),
        (json!({"is_active": false}), "unknown_field"),
        (json!({"vendor_id": "ven_1"}), "unknown_field"),
    ] {
        let answer = p.patch(&p.operator, &path, &bad).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (422, json!(code)),
            "{bad}: {}",
            answer.body
        );
    }

    let own = format!("/v1/vendors/{}", p.id("vendor", 1).await);
    let changed = p
        .patch(
            &p.teas,
            &own,
            &json!({"website": "https://tea.example.net", "fallback_url": "https://shop.example.com/"}),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.header("etag"), "\"v2\"");
    let changed = p.patch(&p.teas, &own, &json!({"fallback_url": null})).await.json();
    assert_eq!(
        (&changed["website"], &changed["fallback_url"]),
        (&json!("https://tea.example.net"), &Value::Null)
    );
    for (field, value) in [
        ("name", json!("Mine")),
        ("allowed_hosts", json!(["evil.example.org"])),
        ("allows_http", json!(true)),
    ] {
        let answer = p.patch(&p.teas, &own, &json!({field: value})).await;
        assert_eq!(answer.json()["code"], "not_for_this_account", "{field}");
    }
    // Somebody else's is not there, in the same words as what never was.
    let foreign = p.patch(&p.teas, &path, &json!({"website": null})).await;
    let missing = p.patch(&p.teas, "/v1/vendors/ven_nowhere", &json!({"website": null})).await;
    assert_eq!((foreign.status, &foreign.body), (404, &missing.body));
    assert_eq!(p.read(&p.teas, &path).await.body, p.read(&p.teas, "/v1/vendors/ven_nowhere").await.body);
    assert_eq!(column(&p.told(&p.teas, "/v1/vendors").await, "name"), [json!("Made-up Teas")]);
    assert_eq!(p.told(&p.ada, "/v1/vendors").await["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(p.count("select count(*) from audit_entry where action = 'vendor.change'").await, 2);
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_told_of_the_other() {
    let p = Programme::new().await;
    let path = format!("/v1/vendors/{}", p.id("vendor", 1).await);
    let etag = p.read(&p.operator, &path).await.header("etag").to_owned();
    let headers = [("content-type", "application/json"), ("if-match", etag.as_str())];
    let change = |n: u32| {
        let body = json!({"name": format!("Name {n}")}).to_string();
        let (p, path) = (&p, &path);
        async move { p.call(&p.operator, "PATCH", path, &headers, &body).await.status }
    };
    let statuses = futures_util::future::join_all((0..20).map(change)).await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    // A busy machine may tell some to come again; it never lets two win.
    assert_eq!((count(200), count(200) + count(412) + count(503)), (1, 20), "{statuses:?}");
    let off = p.act(&p.operator, &format!("{path}/deactivate")).await;
    assert_eq!(off.json()["is_active"], false);
    let again = p.act(&p.operator, &format!("{path}/deactivate")).await;
    assert_eq!((again.status, again.json()["code"].clone()), (409, json!("illegal_state")), "{}", again.body);
    assert_eq!(p.act(&p.teas, &format!("{path}/activate")).await.json()["code"], "not_for_this_account");
    assert_eq!(p.act(&p.operator, &format!("{path}/activate")).await.status, 200);
}

#[tokio::test]
async fn creating_twice_under_one_key_makes_one() {
    let p = Programme::new().await;
    let body = json!({"name": "Once", "allowed_hosts": ["once.example.org"]}).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
    let first = p.call(&p.operator, "POST", "/v1/vendors", &headers, &body).await;
    let again = p.call(&p.operator, "POST", "/v1/vendors", &headers, &body).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(p.count("select count(*) from vendor where name = 'Once'").await, 1);
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let p = Programme::new().await;
    for n in 0..5 {
        p.made(&p.operator, "/v1/vendors", &json!({"name": format!("Shop {n}"), "allowed_hosts": []})).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = p.told(&p.operator, &format!("/v1/vendors?limit=2&search=shop{after}")).await;
        seen.extend(column(&page, "name"));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        after = format!("&starting_after={cursor}");
    }
    assert_eq!(seen, ["Shop 4", "Shop 3", "Shop 2", "Shop 1", "Shop 0"].map(|name| json!(name)));
    let lost = p.read(&p.operator, "/v1/vendors?starting_after=ven_nowhere").await;
    assert_eq!((lost.status, lost.json()["code"].clone()), (400, json!("unknown_cursor")));
    let unknown = p.read(&p.operator, "/v1/vendors?vendor_id=1").await;
    assert_eq!((unknown.status, unknown.json()["code"].clone()), (400, json!("unknown_parameter")));
}
