//! Many links at once: as JSON, and as a file.

use serde_json::{Value, json};

use crate::programme_world::{Programme, column};

#[tokio::test]
async fn what_can_be_made_of_a_batch_is_made() {
    let p = Programme::new().await;
    let vendor = p.id("vendor", 1).await;
    let good = json!({"vendor_id": vendor, "destination": "https://shop.example.com/"});
    let mut links: Vec<Value> = (0..497).map(|_| good.clone()).collect();
    links.push(json!({"vendor_id": vendor, "destination": "https://evil.example.org/"}));
    links.push(json!({"vendor_id": p.id("vendor", 2).await, "product_id": p.id("product", 2).await}));
    links.push(json!({"vendor_id": vendor, "destination": "https://shop.example.com/", "code": "mine-1"}));
    let answer = p.write(&p.ada, "/v1/links/batch", &json!({"links": links})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let outcomes = answer.json();
    assert_eq!((&outcomes["created"], &outcomes["refused"]), (&json!(498), &json!(2)));
    let error =
        |row: usize| (outcomes["data"][row]["row"].clone(), outcomes["data"][row]["error"]["code"].clone());
    assert_eq!(error(497), (json!(497), json!("host_not_allowed")));
    assert_eq!(error(498), (json!(498), json!("no_partnership")));
    assert_eq!(outcomes["data"][499]["code"], "mine-1");
    assert_eq!(p.count("select count(distinct code) from link").await, 498);
    // What nobody can be called is nobody, in one row as in the only one.
    let headers = [("content-type", "application/json")];
    for wanted in [json!({"vendor_id": "\0"}), json!({"vendor_id": vendor, "product_id": "\0"})] {
        let batch = p
            .call(&p.ada, "POST", "/v1/links/batch", &headers, &json!({"links": [wanted, good]}).to_string())
            .await;
        assert_eq!((batch.status, &batch.json()["created"]), (200, &json!(1)), "{}", batch.body);
        let one = p.call(&p.ada, "POST", "/v1/links", &headers, &wanted.to_string()).await;
        assert_eq!(one.status, 422, "{}", one.body);
    }
    p.refused(&p.ada, "/v1/links/batch", &json!({"links": []}), 422, "too_many").await;
    p.refused(&p.ada, "/v1/links/batch", &json!({"links": vec![good; 501]}), 422, "too_many").await;
    p.refused(&p.teas, "/v1/links/batch", &json!({"links": [{}]}), 403, "not_for_this_account").await;
    let strange = json!({"links": [{"vendor_id": vendor, "is_active": true}]});
    p.refused(&p.ada, "/v1/links/batch", &strange, 422, "unknown_field").await;
}

#[tokio::test]
async fn a_file_is_taken_in_row_by_row() {
    let p = Programme::new().await;
    let (vendor, product) = (p.id("vendor", 1).await, p.id("product", 1).await);
    let file = format!(
        "vendor_id,product_id,destination,code,expiry_date\r\n\
         {vendor},{product},,tea-1,\r\n\
         {vendor},,\"https://shop.example.com/?a=1,2\",tea-2,2036-01-01T00:00:00Z\r\n\
         {vendor},,https://evil.example.org/,tea-3,\r\n\
         {vendor},{product},,tea-1,\r\n\
         {vendor},{product},,tea-4,tomorrow\r\n"
    );
    let headers = [("content-type", "text/csv"), ("idempotency-key", "file-1")];
    let answer = p.call(&p.ada, "POST", "/v1/links/import", &headers, &file).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let outcomes = answer.json();
    assert_eq!(column(&outcomes, "row"), [2, 3, 4, 5, 6].map(|row| json!(row)));
    assert_eq!(
        column(&outcomes, "outcome"),
        ["created", "created", "refused", "refused", "refused"].map(|o| json!(o))
    );
    let errors: Vec<Value> = column(&outcomes, "error").iter().map(|error| error["code"].clone()).collect();
    assert_eq!(errors[2..], ["host_not_allowed", "code_taken", "invalid_timestamp"].map(|code| json!(code)));
    let again = p.call(&p.ada, "POST", "/v1/links/import", &headers, &file).await;
    assert_eq!(again.body, answer.body, "the same file under the same key");
    assert_eq!(p.count("select count(*) from link").await, 2);
    let destination = p.text("select destination from link where code = 'tea-2'").await;
    assert_eq!(destination, "https://shop.example.com/?a=1,2");
    let json =
        p.call(&p.ada, "POST", "/v1/links/import", &[("content-type", "application/json")], "[]").await;
    assert_eq!(json.status, 415, "{}", json.body);
    let long = "x".repeat(1024 * 1024 + 1);
    assert_eq!(p.call(&p.ada, "POST", "/v1/links/import", &headers[..1], &long).await.status, 413);
}
