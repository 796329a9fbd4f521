//! Bank accounts: sealed, masked, told about, and hashed so that equal ones are seen.

use serde_json::{Value, json};

use crate::people::{For, Person};
use crate::support::{Answer, World};

const OWN: &str = "/v1/affiliate/bank-account";

fn account(number: &str) -> Value {
    json!({"bank_name": "Example Bank", "account_number": number, "account_name": "Mara W", "swift_bic": "deutdeff500", "branch_code": "50-10"})
}

async fn put(world: &World, person: &Person, body: &Value) -> Answer {
    world.send_as(person, "PUT", OWN, body).await
}

#[tokio::test]
async fn s19_a_bank_account_has_every_field_and_shows_four_characters() {
    let world = World::with_programme().await;
    world.run("update affiliate set email = 'mara@example.com' where affiliate_id = 1").await;
    let (mara, ada) =
        (world.signed_in(For::Affiliate(1)).await, world.signed_in(For::Programme("finance")).await);
    assert_eq!(world.get_as(&mara, OWN).await.status, 404);
    let answer = put(&world, &mara, &account("DE75 5121 0800 1245 1261 99")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let own = world.read_by(&mara, OWN).await;
    assert_eq!(
        json!([own["bank_name"], own["account_number"], own["account_name"]]),
        json!(["Example Bank", "••••6199", "Mara W"])
    );
    let name = world.name_of(1).await;
    let seen = world.read_by(&ada, &format!("/v1/affiliates/{name}/bank-account")).await;
    assert_eq!(
        json!([seen["account_number"], seen["swift_bic"], seen["branch_code"]]),
        json!(["••••6199", "DEUTDEFF500", "50-10"])
    );
    let page = world.get_as(&ada, &format!("/v1/affiliates/{name}")).await;
    assert_eq!(page.json()["bank_account"]["account_number"], "••••6199");
    // Nowhere but sealed: not in the table, the record, the letter, or any answer.
    for text in world
        .column(
            "select row_to_json(b)::text || encode(b.sealed, 'escape') from bank_account b \
             union all select detail::text from audit_entry union all select body || subject from mail",
        )
        .await
        .iter()
        .chain([&answer.body, &page.body, &seen.to_string()])
    {
        assert!(!text.contains("12451261") && !text.contains("1245 1261"), "{text}");
    }
    assert_eq!(world.column("select subject from mail").await, ["Your bank account was changed"]);
    assert_eq!(
        world.column("select action from audit_entry order by audit_entry_id").await,
        ["bank_account.change", "bank_account.read"]
    );
    assert_eq!(world.count("select count(*) from bank_account where sealed is not null").await, 1);
}

#[tokio::test]
async fn equal_numbers_have_equal_hashes_however_they_are_written() {
    let world = World::with_programme().await;
    let (one, two) = (world.signed_in(For::Affiliate(1)).await, world.signed_in(For::Affiliate(2)).await);
    assert_eq!(put(&world, &one, &account("NO83 3000 1234 567")).await.status, 200);
    assert_eq!(put(&world, &two, &account("no8330001234567")).await.status, 200);
    assert_eq!(world.count("select count(distinct account_hash) from bank_account").await, 1);
    assert_eq!(
        world.count("select count(distinct sealed) from bank_account").await,
        2,
        "sealed ones tell nothing"
    );
    let before = world.column("select changed_at::text from bank_account where affiliate_id = 1").await;
    assert_eq!(put(&world, &one, &account("GB33BUKB20201555555555")).await.status, 200);
    assert_eq!(world.count("select count(distinct account_hash) from bank_account").await, 2);
    let after = world.column("select changed_at::text from bank_account where affiliate_id = 1").await;
    assert!(after > before, "payouts wait from now on");
}

#[tokio::test]
async fn bad_accounts_are_refused_by_field_and_never_repeated() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let with = |field: &str, value: Value| {
        let mut body = account("12345678");
        body[field] = value;
        body
    };
    for (body, code) in [
        (account("DE75512108001245126198"), "invalid_iban"),
        (account("123"), "invalid_account_number"),
        (account("1234<script>"), "invalid_account_number"),
        (with("swift_bic", json!("NOPE")), "invalid_swift_bic"),
        (with("branch_code", json!("12/34")), "invalid_branch_code"),
        (with("bank_name", json!("")), "invalid_name"),
        (with("account_name", json!("a\nb")), "invalid_name"),
        (with("changed_at", json!("2020-01-01T00:00:00Z")), "unknown_field"),
        (with("affiliate_id", json!(2)), "unknown_field"),
        (json!({"bank_name": "Example Bank"}), "missing_field"),
    ] {
        let answer = put(&world, &mara, &body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!(code)), "{body}: {}", answer.body);
        assert!(!answer.body.contains("1245126198"));
    }
    assert_eq!(world.count("select count(*) from bank_account").await, 0);
    assert_eq!(world.count("select count(*) from mail").await, 0);
}

#[tokio::test]
async fn bank_data_wants_a_password_of_late_and_the_right_person() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    world.run("update session set reauthenticated_at = now() - interval '11 minutes'").await;
    let late = put(&world, &mara, &account("12345678")).await;
    assert_eq!((late.status, &late.json()["code"]), (403, &json!("reauthentication_needed")));
    let (vendor, ada) =
        (world.signed_in(For::Vendor(1)).await, world.signed_in(For::Programme("reviewer")).await);
    let theirs = format!("/v1/affiliates/{}/bank-account", world.name_of(1).await);
    assert_eq!(world.get_as(&vendor, &theirs).await.status, 403);
    assert_eq!(world.get_as(&vendor, OWN).await.status, 403);
    assert_eq!(world.get_as(&mara, &theirs).await.status, 403);
    assert_eq!(world.send_as(&ada, "PUT", &theirs, &account("12345678")).await.status, 200);
    let finance = world.signed_in(For::Programme("finance")).await;
    assert_eq!(world.send_as(&finance, "PUT", &theirs, &account("12345678")).await.status, 403);
    let nobody = world.get_as(&ada, "/v1/affiliates/aff_00000000000000000000000000000000/bank-account").await;
    assert_eq!((nobody.status, &nobody.json()["code"]), (404, &json!("no_such_affiliate")));
}
