//! Affiliates as operators, vendors and they themselves see them: lists, pages, profiles, decisions.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::people::For;
use crate::support::{World, noon};

/// Three who wait, one rejected, beside the two approved ones of the programme.
const APPLICANTS: &str = "\
    insert into affiliate (username, name, email, country, created_at, status, rejection_reason) values \
        ('anna.early', 'Anna Early', 'anna@example.com', 'SE', '2026-01-05', 'pending', null), \
        ('bert.late', 'Bert Late', 'bert@example.org', 'NO', '2026-02-05', 'pending', null), \
        ('cleo', 'Cleo Café', 'cleo@example.com', 'SE', '2026-03-05', 'rejected', 'no website'), \
        ('dora', 'Dora', 'dora@example.com', null, '2026-01-20', 'pending', null)";

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().expect("a list").iter().filter_map(|row| row["username"].as_str()).collect()
}

#[tokio::test]
async fn s38_pending_applications_come_first_and_s37_counts_at_a_glance() {
    let world = World::with_programme().await;
    world.run(APPLICANTS).await;
    let ada = world.signed_in(For::Programme("reviewer")).await;
    let list = world.read_by(&ada, "/v1/affiliates").await;
    assert_eq!(names(&list)[..3], ["bert.late", "dora", "anna.early"], "the newest that wait first");
    assert_eq!(names(&list).len(), 6);
    assert_eq!(list["counts"], json!({"pending": 3, "approved": 2, "rejected": 1}));
    let narrowed = world.read_by(&ada, "/v1/affiliates?status=rejected").await;
    assert_eq!(names(&narrowed), ["cleo"]);
    assert_eq!(narrowed["counts"], list["counts"], "counts are of all");
}

#[tokio::test]
async fn lists_are_searched_filtered_sorted_and_paged() {
    let world = World::with_programme().await;
    world.run(APPLICANTS).await;
    let ada = world.signed_in(For::Programme("finance")).await;
    for (query, found) in [
        ("search=ANNA", &["anna.early"][..]),
        ("search=cleo+caf%C3%A9", &["cleo"]),
        ("search=bert%40example", &["bert.late"]),
        ("search=early", &[]),
        ("search=%25", &[]),
        ("search=_", &[]),
        ("country=SE", &["anna.early", "cleo"]),
        ("country=SE&status=rejected", &["cleo"]),
        ("is_active=false", &[]),
        ("sort=username", &["anna.early", "bert.late", "cleo", "dora", "mara.w", "trailnotes"]),
        ("sort=username&search=mara", &["mara.w"]),
        ("sort=oldest&status=pending", &["anna.early", "dora", "bert.late"]),
        ("sort=newest&status=pending", &["bert.late", "dora", "anna.early"]),
    ] {
        let list = world.read_by(&ada, &format!("/v1/affiliates?{query}")).await;
        assert_eq!(names(&list), found, "{query}");
    }
    for sort in ["review", "newest", "oldest", "username", "name"] {
        let whole = world.read_by(&ada, &format!("/v1/affiliates?sort={sort}")).await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = world.read_by(&ada, &format!("/v1/affiliates?sort={sort}&limit=2{cursor}")).await;
            seen.extend(names(&page).into_iter().map(str::to_owned));
            assert_eq!(page["has_more"], page["next_cursor"].is_string());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&starting_after={next}");
        }
        assert_eq!(seen, names(&whole), "{sort}");
    }
    for (query, field) in [
        ("status=active", "status"),
        ("is_active=1", "is_active"),
        ("country=Sweden", "country"),
        ("sort=revenue", "sort"),
        ("starting_after=aff_0", "starting_after"),
        ("from=yesterday", "from"),
        ("vendor_id=1", "vendor_id"),
    ] {
        let answer = world.get_as(&ada, &format!("/v1/affiliates?{query}")).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn s4_s5_s6_figures_are_of_the_span_and_of_each_affiliate() {
    let world = World::with_programme().await;
    for (link, days, human, filtered) in
        [(1, 1, 40, 4), (1, 2, 10, 0), (4, 1, 5, 0), (5, 1, 7, 1), (1, 60, 999, 0)]
    {
        world.clicks(link, noon(days), human, filtered).await;
    }
    let day = |days: u64| noon(days).date_naive();
    for (link, days, visitors) in [(1, 1, 0..800), (4, 1, 400..1_200), (5, 1, 0..10)] {
        world.visitors(link, day(days), visitors).await;
    }
    world
        .run(
            "insert into order_daily select 1, current_date - 1, 'EUR', 3, 12000, 1500; \
             insert into order_daily select 4, current_date - 1, 'EUR', 1, 1000, 100; \
             insert into order_daily select 4, current_date - 1, 'JPY', 1, 500, 50; \
             insert into order_daily select 1, current_date - 90, 'EUR', 9, 9, 9",
        )
        .await;
    let ada = world.signed_in(For::Programme("finance")).await;
    let list = world.read_by(&ada, "/v1/affiliates?sort=username").await;
    let mara = &list["data"][0]["figures"];
    assert_eq!(
        json!([mara["human_clicks"], mara["filtered_clicks"], mara["sales"], mara["conversion_ppm"]]),
        json!([55, 4, 5, 90_909])
    );
    let unique = mara["unique_visits"].as_f64().expect("a number");
    assert!((unique - 1_200.0).abs() < 40.0, "a union of links, not a sum: {unique}");
    let money = |currency: &str, sales: i64, revenue: i64, commission: i64| json!({"currency": currency, "sales": sales, "revenue_minor": revenue, "commission_minor": commission});
    assert_eq!(mara["earnings"], json!([money("EUR", 4, 13_000, 1_600), money("JPY", 1, 500, 50)]));
    assert_eq!(list["data"][1]["figures"]["human_clicks"], 7);
    let (from, to) = (day(90), noon(1) - TimeDelta::days(1));
    let earlier = world
        .read_by(&ada, &format!("/v1/affiliates?sort=username&from={from}&to={}", to.date_naive()))
        .await;
    assert_eq!(earlier["data"][0]["figures"]["human_clicks"], 999);
    assert_eq!(
        earlier["data"][1]["figures"]["conversion_ppm"],
        Value::Null,
        "no clicks, nothing to divide by"
    );
}

#[tokio::test]
async fn s7_s17_s18_a_profile_has_every_field_and_is_changed_by_its_owner() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    world.run("update affiliate set email = 'mara@example.com' where affiliate_id = 1").await;
    let change = json!({"name": "Mara Wanderer", "phone": "+46 70 123 45 67", "country": "SE", "bio": "Tents.",
        "website": "https://mara.example.com/", "social_media": {"instagram": "@mara.w", "twitter": "mara", "facebook": "mara.w"}});
    let answer = world.send_as(&mara, "PATCH", "/v1/affiliate", &change).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("etag"), "\"v2\"");
    let profile = world.read_by(&mara, "/v1/affiliate").await;
    for (field, value) in [
        ("username", json!("mara.w")),
        ("name", json!("Mara Wanderer")),
        ("email", json!("mara@example.com")),
        ("phone", json!("+46 70 123 45 67")),
        ("country", json!("SE")),
        ("bio", json!("Tents.")),
        ("website", json!("https://mara.example.com/")),
        ("social_media", json!({"instagram": "mara.w", "twitter": "mara", "facebook": "mara.w"})),
        ("status", json!("approved")),
        ("member_status", json!("Active")),
        ("bank_account", Value::Null),
    ] {
        assert_eq!(profile[field], value, "{field}");
    }
    assert!(profile["signed_up_at"].is_string() && profile["approved_at"].is_string());
    let stale =
        world.send_matching(&mara, "PATCH", "/v1/affiliate", &json!({"bio": "x"}), Some("\"v1\"")).await;
    assert_eq!((stale.status, stale.json()["code"].as_str()), (412, Some("precondition_failed")));
    let cleared =
        world.send_matching(&mara, "PATCH", "/v1/affiliate", &json!({"bio": null}), Some("\"v2\"")).await;
    assert_eq!((cleared.status, &cleared.json()["bio"]), (200, &Value::Null));
    let audit = world
        .column("select actor || ' ' || detail::text from audit_entry where action = 'affiliate.update'")
        .await;
    assert_eq!(audit.len(), 2);
    assert!(audit[0].contains("Ada Example") && !audit[0].contains("+46"), "{audit:?}");
}

#[tokio::test]
async fn s47_what_the_programme_decides_cannot_be_sent() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let columns = world
        .column("select column_name from information_schema.columns where table_name = 'affiliate'")
        .await;
    let own = ["name", "phone", "country", "bio", "website"];
    for column in columns.iter().filter(|column| !own.contains(&column.as_str())) {
        let answer =
            world.send_as(&mara, "PATCH", "/v1/affiliate", &json!({ column.as_str(): "approved" })).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status, &problem["code"]),
            (422, &json!("unknown_field")),
            "{column}: {}",
            answer.body
        );
    }
    let other = world.name_of(2).await;
    for (method, path) in [
        ("PATCH", format!("/v1/affiliates/{other}")),
        ("POST", format!("/v1/affiliates/{other}/approve")),
        ("POST", format!("/v1/affiliates/{}/reactivate", world.name_of(1).await)),
    ] {
        assert_eq!(world.send_as(&mara, method, &path, &json!({})).await.status, 403, "{path}");
    }
    assert_eq!(world.get_as(&mara, "/v1/affiliates").await.status, 403);
    assert_eq!(world.get_as(&mara, &format!("/v1/affiliates/{other}")).await.status, 403);
}

#[tokio::test]
async fn vendors_see_their_partners_and_nothing_private() {
    let world = World::with_programme().await;
    world
        .run(
            "update affiliate set email = 'canary' || affiliate_id || '@example.com', phone = '+46 canary', bio = 'Hikes.' where affiliate_id in (1, 2); \
             insert into affiliate (username, name, status) values ('stranger', 'Stranger', 'approved')",
        )
        .await;
    world.clicks(5, noon(1), 7, 0).await;
    world.clicks(2, noon(1), 100, 0).await;
    let (own, theirs) = (world.signed_in(For::Vendor(2)).await, world.signed_in(For::Vendor(1)).await);
    let list = world.get_as(&own, "/v1/affiliates").await;
    assert!(!list.body.contains("canary"), "{}", list.body);
    assert_eq!(names(&list.json()), ["trailnotes"]);
    assert_eq!(list.json()["counts"], json!({"pending": 0, "approved": 1, "rejected": 0}));
    assert_eq!(list.json()["data"][0]["figures"]["human_clicks"], 100, "clicks on its own links only");
    assert_eq!(
        names(&world.read_by(&theirs, "/v1/affiliates?sort=username").await),
        ["mara.w", "trailnotes"]
    );
    assert_eq!(names(&world.read_by(&theirs, "/v1/affiliates?search=canary").await), [] as [&str; 0]);
    let partner = world.get_as(&own, &format!("/v1/affiliates/{}", world.name_of(2).await)).await;
    assert_eq!((partner.status, &partner.json()["bio"]), (200, &json!("Hikes.")));
    assert!(!partner.body.contains("canary") && partner.json().get("email").is_none());
    let foreign = world.get_as(&own, &format!("/v1/affiliates/{}", world.name_of(1).await)).await;
    let missing = world.get_as(&own, "/v1/affiliates/aff_00000000000000000000000000000000").await;
    for odd in ["%00", "%ff", "1", "aff_%27or%271"] {
        let answer = world.get_as(&own, &format!("/v1/affiliates/{odd}")).await;
        assert_eq!((answer.status, &answer.body), (404, &missing.body), "{odd}");
    }
    assert_eq!((foreign.status, &foreign.body), (404, &missing.body));
}

#[tokio::test]
async fn s23_s25_approving_stamps_the_time_and_writes() {
    let world = World::with_programme().await;
    world.run(APPLICANTS).await;
    let ada = world.signed_in(For::Programme("reviewer")).await;
    let anna = format!("/v1/affiliates/{}", world.name_of(3).await);
    let before = world.read_by(&ada, &anna).await;
    assert_eq!((&before["status"], &before["approved_at"]), (&json!("pending"), &Value::Null));
    let stale =
        world.send_matching(&ada, "POST", &format!("{anna}/approve"), &json!({}), Some("\"v9\"")).await;
    assert_eq!(stale.status, 412);
    let answer = world.act(&ada, &format!("{anna}/approve")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let after = answer.json();
    assert_eq!((&after["status"], &after["is_active"]), (&json!("approved"), &json!(true)));
    assert!(after["approved_at"].is_string());
    for (path, body) in [("approve", json!({})), ("reject", json!({"reason": "late"}))] {
        let again = world.send_as(&ada, "POST", &format!("{anna}/{path}"), &body).await;
        assert_eq!((again.status, &again.json()["code"]), (409, &json!("illegal_state")), "{path}");
        assert!(again.body.contains("approved"), "{}", again.body);
    }
    assert_eq!(
        world.column("select recipient || ': ' || subject from mail").await,
        ["anna@example.com: Your application was approved"]
    );
    assert_eq!(
        world
            .count("select count(*) from audit_entry where action = 'affiliate.approve' and affiliate_id = 3")
            .await,
        1
    );
}

#[tokio::test]
async fn s24_rejection_reason_is_filled_on_reject() {
    let world = World::with_programme().await;
    world.run(APPLICANTS).await;
    let ada = world.signed_in(For::Programme("admin")).await;
    let anna = format!("/v1/affiliates/{}", world.name_of(3).await);
    for body in [
        json!({}),
        json!({"reason": ""}),
        json!({"reason": "  "}),
        json!({"reason": "x".repeat(2_001)}),
        json!({"reason": "a\u{0}b"}),
        json!({"reason": "x", "status": "approved"}),
    ] {
        let answer = world.send_as(&ada, "POST", &format!("{anna}/reject"), &body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.body);
    }
    let answer =
        world.send_as(&ada, "POST", &format!("{anna}/reject"), &json!({"reason": "No website yet."})).await;
    assert_eq!((answer.status, &answer.json()["rejection_reason"]), (200, &json!("No website yet.")));
    assert_eq!(answer.json()["status"], "rejected");
    let approve = world.act(&ada, &format!("{anna}/approve")).await;
    assert_eq!((approve.status, &approve.json()["code"]), (409, &json!("illegal_state")));
    let bodies = world.column("select body from mail").await;
    assert!(bodies.len() == 1 && bodies[0].contains("No website yet."), "{bodies:?}");
}

#[tokio::test]
async fn decisions_want_the_scope_and_the_programme() {
    let world = World::with_programme().await;
    world.run(APPLICANTS).await;
    let anna = format!("/v1/affiliates/{}", world.name_of(3).await);
    for whom in [For::Programme("finance"), For::Vendor(1), For::Affiliate(3)] {
        let person = world.signed_in(whom).await;
        for action in ["approve", "reject", "suspend", "block", "reactivate"] {
            let answer =
                world.send_as(&person, "POST", &format!("{anna}/{action}"), &json!({"reason": "x"})).await;
            assert_eq!(answer.status, 403, "{whom:?} {action}");
        }
    }
    let vendors = world.key("vendorkey", Some(1), &["affiliates:review", "affiliates:read"]).await;
    assert_eq!(world.post(&format!("{anna}/approve"), &vendors, &json!({})).await.status, 403);
    let reviewers = world.key("reviewkey", None, &["affiliates:review"]).await;
    assert_eq!(world.post(&format!("{anna}/approve"), &reviewers, &json!({})).await.status, 200);
    assert_eq!(world.send("POST", &format!("{anna}/suspend"), &[], "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_who_decide_at_once_one_wins() {
    let world = Arc::new(World::with_programme().await);
    world.run(APPLICANTS).await;
    let key = world.key("reviewkey", None, &["affiliates:review"]).await;
    let anna = format!("/v1/affiliates/{}", world.name_of(3).await);
    let decisions: Vec<_> = (0..100)
        .map(|n| {
            let (world, key, anna) = (world.clone(), key.clone(), anna.clone());
            tokio::spawn(async move {
                let (path, body) =
                    if n % 2 == 0 { ("approve", json!({})) } else { ("reject", json!({"reason": "no"})) };
                // A busy machine has too few connections for all at once, and says that nothing was done.
                loop {
                    let answer = world.post(&format!("{anna}/{path}"), &key, &body).await;
                    if answer.status != 503 {
                        return (answer.status, path);
                    }
                }
            })
        })
        .collect();
    let (mut won, mut lost) = (Vec::new(), 0);
    for decision in decisions {
        match decision.await.expect("an answer") {
            (200, path) => won.push(path),
            (409, _) => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((won.len(), lost), (1, 99));
    let status = world.column("select status from affiliate where affiliate_id = 3").await;
    assert_eq!(status, [if won[0] == "approve" { "approved" } else { "rejected" }]);
    assert_eq!(world.count("select count(*) from audit_entry").await, 1);
    assert_eq!(world.count("select count(*) from mail").await, 1);
}

/// Sends an application as a page of a browser would.
async fn apply(world: &World, body: &Value) -> crate::support::Answer {
    world.send("POST", "/v1/applications", &[("content-type", "application/json")], &body.to_string()).await
}

fn application(username: &str, email: &str) -> Value {
    json!({"username": username, "email": email, "name": "Nora New", "phone": "+47 22 33 44 55", "country": "no", "bio": "Skis.",
        "website": "https://nora.example.com", "social_media": {"instagram": "nora"}})
}

#[tokio::test]
async fn anybody_may_apply_and_becomes_pending() {
    let world = World::with_programme().await;
    let mut sent = application("nora", "Nora@Example.com");
    sent["password"] = json!("short");
    assert_eq!(apply(&world, &sent).await.json()["code"], "password_too_short");
    sent["password"] = json!("a long walk over the fells");
    let answer = apply(&world, &sent).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(
        (&answer.json()["status"], &answer.json()["email"]),
        (&json!("pending"), &json!("nora@example.com"))
    );
    let ada = world.signed_in(For::Programme("reviewer")).await;
    let list = world.read_by(&ada, "/v1/affiliates?status=pending").await;
    let nora = &list["data"][0];
    assert_eq!(
        json!([
            nora["username"],
            nora["country"],
            nora["is_active"],
            nora["approved_at"],
            nora["social_media"]["instagram"]
        ]),
        json!(["nora", "NO", true, null, "nora"])
    );
    assert_eq!(
        world.column("select role || ' ' || email || ' ' || (email_verified_at is null) || left(password_hash, 9) from account where email = 'nora@example.com'").await,
        ["affiliate nora@example.com true$argon2id"]
    );
    assert_eq!(world.column("select recipient || ': ' || subject from mail").await.len(), 1);
    assert_eq!(world.count("select count(*) from mailed_token where purpose = 'verify_email'").await, 1);
    assert_eq!(
        world.column("select actor || ' ' || action from audit_entry").await,
        ["Nora New <nora@example.com> affiliate.apply"]
    );
    for field in [
        "status",
        "is_active",
        "approved_at",
        "rejection_reason",
        "affiliate_id",
        "role",
        "vendor_id",
        "email_verified_at",
    ] {
        let mut body = application("other", "other@example.com");
        body[field] = json!("approved");
        let refused = apply(&world, &body).await;
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{}", refused.body);
    }
}

#[tokio::test]
async fn an_address_that_is_known_is_told_only_to_its_owner() {
    let world = World::with_programme().await;
    let first = apply(&world, &application("nora", "nora@example.com")).await;
    let again = apply(&world, &application("nora.2", "NORA@example.com")).await;
    assert_eq!((again.status, again.body.replace("nora.2", "nora")), (first.status, first.body));
    assert_eq!(world.count("select count(*) from affiliate where username like 'nora%'").await, 1);
    assert_eq!(
        world.column("select subject from mail order by mail_id").await[1],
        "You already have an account"
    );
    let taken = apply(&world, &application("mara.w", "fresh@example.com")).await;
    assert_eq!((taken.status, &taken.json()["code"]), (409, &json!("username_taken")));
}

#[tokio::test]
async fn an_invitation_is_used_once_and_proves_its_address() {
    let world = World::with_programme().await;
    world
        .run(
            "insert into invitation (email, vendor_id, token_sha256, invited_by, expires_at) values \
                ('nora@example.com', 1, sha256('good'), 'Ada', now() + interval '1 day'), \
                ('late@example.com', null, sha256('late'), 'Ada', now() - interval '1 day')",
        )
        .await;
    let with = |username: &str, email: &str, token: &str| {
        let mut body = application(username, email);
        body["invitation"] = json!(token);
        body
    };
    for token in ["late", "unknown"] {
        let answer = apply(&world, &with("late", "late@example.com", token)).await;
        assert_eq!((answer.status, &answer.json()["field"]), (422, &json!("invitation")), "{token}");
    }
    assert_eq!(world.count("select count(*) from affiliate where username = 'late'").await, 0);
    assert_eq!(apply(&world, &with("nora", "nora@example.com", "good")).await.status, 202);
    assert_eq!(world.count("select count(*) from account where email = 'nora@example.com' and email_verified_at is not null").await, 1);
    assert_eq!(
        world
            .count(
                "select count(*) from invitation where accepted_at is not null and affiliate_id is not null"
            )
            .await,
        1
    );
    assert_eq!(apply(&world, &with("nils", "nils@example.com", "good")).await.status, 422, "it is used up");
}

#[tokio::test]
async fn applications_from_one_address_are_throttled() {
    let world = World::with_programme().await;
    for n in 0..20 {
        assert_ne!(apply(&world, &json!({"n": n})).await.status, 429);
    }
    assert_ne!(apply(&world, &json!({})).await.status, 429, "the one that makes the next ones wait");
    let refused = apply(&world, &application("nora", "nora@example.com")).await;
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("too_many_attempts")));
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=900).contains(&seconds)));
    assert_eq!(world.count("select count(*) from affiliate").await, 2);
}
