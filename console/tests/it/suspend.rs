//! Suspending and reactivating: exactly the links that were on, nothing deleted, and figures that leave and come back.

use serde_json::{Value, json};

use crate::people::For;
use crate::support::{World, noon};

const SUSPEND: &str = "suspend";

/// Which links of the first affiliate are on, and what the edges are told.
async fn links(world: &World) -> Vec<String> {
    world
        .column(
            "select p.code || ' ' || l.is_active || ' ' || p.is_active || ' ' || l.paused_with_affiliate \
             from link_published p join link l using (link_id) where l.affiliate_id = 1 order by l.link_id",
        )
        .await
}

#[tokio::test]
async fn s15_s16_s26_s28_s29_suspending_and_reactivating_are_exact() {
    let world = World::with_programme().await;
    let ada = world.signed_in(For::Programme("reviewer")).await;
    let mara = format!("/v1/affiliates/{}", world.name_of(1).await);
    world.run("delete from link_change").await;
    let before = links(&world).await;
    assert_eq!(
        before,
        ["summer-1 true true false", "paused-1 false false false", "expired-1 true true false"]
    );

    let answer = world.act(&ada, &format!("{mara}/{SUSPEND}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let seen = answer.json();
    assert_eq!(
        json!([seen["is_active"], seen["member_status"], seen["status"]]),
        json!([false, "Suspended", "approved"]),
        "the status is another thing"
    );
    assert_eq!(
        links(&world).await,
        ["summer-1 false false true", "paused-1 false false false", "expired-1 false false true"]
    );
    assert_eq!(
        world.count("select count(distinct link_id) from link_change").await,
        3,
        "every edge hears of each link"
    );
    assert_eq!(world.count("select count(*) from link where affiliate_id = 2 and not is_active").await, 0);
    let again = world.act(&ada, &format!("{mara}/block")).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("illegal_state")));

    let answer = world.act(&ada, &format!("{mara}/reactivate")).await;
    assert_eq!((answer.status, &answer.json()["member_status"]), (200, &json!("Active")));
    assert_eq!(links(&world).await, before, "those that were off before stay off");
    assert_eq!(world.act(&ada, &format!("{mara}/reactivate")).await.status, 409);
    let audit = world
        .column("select action || ' ' || (detail->>'links') from audit_entry order by audit_entry_id")
        .await;
    assert_eq!(audit, ["affiliate.suspend 2", "affiliate.reactivate 2"]);
}

#[tokio::test]
async fn s26_a_pending_affiliate_can_be_blocked_and_stays_pending() {
    let world = World::with_programme().await;
    world
        .run("insert into affiliate (username, name, email) values ('anna', 'Anna', 'anna@example.com')")
        .await;
    let ada = world.signed_in(For::Programme("reviewer")).await;
    let anna = format!("/v1/affiliates/{}", world.name_of(3).await);
    let blocked = world.act(&ada, &format!("{anna}/block")).await.json();
    assert_eq!(json!([blocked["status"], blocked["is_active"]]), json!(["pending", false]));
    let approved = world.act(&ada, &format!("{anna}/approve")).await.json();
    assert_eq!(
        json!([approved["status"], approved["is_active"]]),
        json!(["approved", false]),
        "two different things"
    );
    assert_eq!(
        world.column("select subject from mail order by mail_id").await,
        ["Your account was suspended", "Your application was approved"]
    );
}

/// What the programme's summary says of the last days.
async fn figures(world: &World) -> Value {
    let summary = world.json("/v1/reports/summary").await;
    json!([
        summary["human_clicks"],
        summary["filtered_clicks"],
        summary["unique_visits"],
        summary["earnings"]
    ])
}

#[tokio::test]
async fn s27_figures_leave_analytics_and_come_back_and_nothing_is_deleted() {
    let world = World::with_programme().await;
    for (link, human, filtered) in [(1, 40, 4), (2, 7, 1), (4, 3, 0)] {
        world.clicks(link, noon(1), human, filtered).await;
    }
    world.visitors(1, noon(1).date_naive(), 0..30).await;
    world.visitors(2, noon(1).date_naive(), 20..40).await;
    world
        .run(
            "insert into order_daily select 1, current_date - 1, 'EUR', 3, 12000, 1500; \
             insert into order_daily select 2, current_date - 1, 'EUR', 1, 500, 50",
        )
        .await;
    let ada = world.signed_in(For::Programme("reviewer")).await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let path = format!("/v1/affiliates/{}", world.name_of(1).await);
    let rows = "select (select count(*) from click_hourly) + (select count(*) from visit_daily) + (select count(*) from order_daily)";
    let (before, stored) = (figures(&world).await, world.count(rows).await);
    let own = world.read_by(&mara, "/v1/reports/summary").await;
    assert_eq!(before[0], 50);

    assert_eq!(world.act(&ada, &format!("{path}/{SUSPEND}")).await.status, 200);
    let without = figures(&world).await;
    assert_eq!((&without[0], &without[1], &without[2]), (&json!(7), &json!(1), &json!(20)));
    assert_ne!(without[3], before[3]);
    assert_eq!(world.count(rows).await, stored, "nothing is deleted");
    let list = world.read_by(&ada, "/v1/affiliates?is_active=false").await;
    assert_eq!(list["data"][0]["figures"]["human_clicks"], 43, "the affiliate's own page still has them");
    let still = world.read_by(&mara, "/v1/reports/summary").await;
    assert_eq!(still["human_clicks"], own["human_clicks"], "and so have they");

    assert_eq!(world.act(&ada, &format!("{path}/reactivate")).await.status, 200);
    assert_eq!(figures(&world).await, before);
}
