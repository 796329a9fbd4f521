//! The demo's people: let in with one click where the console was started as a demo, and nowhere else.

use console::Config;
use console::front::Guests;

use crate::support::{Answer, World, config, send, started};

const PEOPLE: &str = "
    insert into vendor (name) values ('Example Tea House');
    insert into affiliate (username, name, status) values ('ada', 'Ada Placeholder', 'approved');
    insert into account (email, name, role, vendor_id, affiliate_id) values
        ('operator@example.com', 'First Operator', 'admin', null, null),
        ('vendor@example.com', 'Example Shopkeeper', 'vendor', 1, null),
        ('ada@ada.example.com', 'Ada Placeholder', 'affiliate', null, 1);
    -- somebody took the address of the demo's second operator for something else
    insert into account (email, name, role) values ('finance@example.com', 'Rita Reviewer', 'reviewer');";

async fn press(address: std::net::SocketAddr, headers: &[(&str, &str)], form: &str) -> Answer {
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    send(address, "POST", "/sign-in/demo", &[&kind[..], headers].concat(), form).await
}

#[tokio::test]
async fn a_demo_lets_everybody_in_as_one_of_its_people() {
    let world = World::empty().await;
    world.run(PEOPLE).await;
    let (demo, _shutdown) = started(Config { guests: Guests::Welcome, ..config(&world.url) }).await;
    let form = send(demo.address, "GET", "/sign-in?next=%2Flinks%3Fby%3Dhour", &[], "").await;
    assert!(form.body.contains("Demo programme: made-up people, made-up money"), "{}", form.body);
    assert_eq!(form.body.matches("action=\"/sign-in/demo\"").count(), 4);
    for (word, role) in [("operator", "admin"), ("vendor", "vendor"), ("affiliate", "affiliate")] {
        let entered = press(demo.address, &[], &format!("as={word}&next=%2Flinks%3Fby%3Dhour")).await;
        assert_eq!(
            (entered.status, entered.header("location")),
            (303, "/links?by=hour"),
            "{word}: {}",
            entered.body
        );
        let cookie = entered.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        let session = send(demo.address, "GET", "/v1/session", &[("Cookie", &cookie)], "").await.json();
        assert_eq!(session["role"], role, "{session}");
    }
    let acts: i64 = sqlx::query_scalar(
        "select count(*) from audit_entry where action = 'session.begin' and detail @> '{\"demo\": true}'",
    )
    .fetch_one(&world.owner)
    .await
    .expect("a count");
    assert_eq!(acts, 3);
    for (nobody, form) in [("another role", "as=finance"), ("a stranger", "as=root"), ("nothing", "")] {
        let refused = press(demo.address, &[], form).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (404, ""), "{nobody}");
    }
    world.run("update account set disabled_at = now() where role = 'vendor'").await;
    assert_eq!(press(demo.address, &[], "as=vendor").await.status, 404, "whoever is disabled is out");
    for foreign in [("Origin", "https://evil.example.com"), ("Sec-Fetch-Site", "cross-site")] {
        assert_eq!(press(demo.address, &[foreign], "as=operator").await.status, 403, "{foreign:?}");
    }
    let astray = press(demo.address, &[], "as=operator&next=%2F%2Fevil.example.com").await;
    assert_eq!(astray.header("location"), "/");
}

#[tokio::test]
async fn anywhere_else_there_is_no_such_door() {
    let world = World::empty().await;
    world.run(PEOPLE).await;
    let form = world.read_as_nobody("/sign-in").await;
    assert!(!form.body.contains("/sign-in/demo") && !form.body.contains("made-up"), "{}", form.body);
    for word in ["operator", "vendor", "affiliate", "finance"] {
        let refused = press(world.console.address, &[], &format!("as={word}")).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (404, ""), "{word}");
    }
}
