//! Who is credited, and what everybody else is told.

use aggregator::jobs::settle::settle_all;
use common::ids::{LinkId, Seq};
use common::order::Event;
use common::token::Click;

use crate::shop::*;
use crate::world::World;

/// One order with these candidates; returns who is credited and every verdict, by time of the click.
async fn judged(world: &World, order_ref: &str, clicks: &[String]) -> (String, Vec<String>) {
    report(world, TEAPOTS, &placed(order_ref, NOON, 1_000, clicks)).await;
    settle(world, NOON).await;
    (credit(world, order_ref).await, verdicts(world, order_ref).await)
}

#[tokio::test]
async fn the_last_click_wins_unless_the_vendor_prefers_the_first() {
    let world = programme().await;
    let clicks = [token(BEN, NOON - 2), token(ADA, NOON - 1), token(BEN, NOON - 3)];
    let (credited, verdicts) = judged(&world, "last", &clicks).await;
    assert_eq!(
        (credited.as_str(), verdicts),
        ("1 by click", vec!["later".into(), "later".into(), "credited".into()])
    );
    let since = at(NOON);
    world
        .sql(&format!(
            "insert into vendor_terms (vendor_id, since, attribution) values (1, '{since}', 'first_click')"
        ))
        .await;
    let (credited, verdicts) = judged(&world, "first", &clicks).await;
    assert_eq!(
        (credited.as_str(), verdicts),
        ("2 by click", vec!["credited".into(), "later".into(), "later".into()])
    );
    // The terms before that instant stay what they were.
    report(
        &world,
        TEAPOTS,
        &placed("before", NOON - 1, 1_000, &[token(BEN, NOON - 3), token(ADA, NOON - 2)]),
    )
    .await;
    settle(&world, NOON).await;
    assert_eq!(credit(&world, "before").await, "1 by click");
    world.audit().await;
}

#[tokio::test]
async fn both_ends_belong_to_the_window() {
    let world = programme().await;
    let (window, skew) = (30 * DAY, 5 * MINUTE);
    for (order_ref, clicked_at, expect) in [
        ("too-old", NOON - window - 1, "before_window"),
        ("oldest", NOON - window, "credited"),
        ("newest", NOON + skew, "credited"),
        ("too-new", NOON + skew + 1, "after_order"),
    ] {
        let (credited, verdicts) = judged(&world, order_ref, &[token(ADA, clicked_at)]).await;
        assert_eq!(verdicts, [expect], "{order_ref}");
        assert_eq!(credited == "1 by click", expect == "credited", "{order_ref}: {credited}");
    }
    world.audit().await;
}

#[tokio::test]
async fn tokens_that_are_not_believed_are_kept_with_the_reason() {
    let world = programme().await;
    let good = token(ADA, NOON - MINUTE);
    let forged = format!("{}A", &good[..63]);
    let unknown_key = sign(&keyring("2:active"), &click(ADA, NOON - MINUTE));
    let unknown_link = token(LinkId(999), NOON - MINUTE);
    for (order_ref, token, verdict, words) in [
        ("forged", forged.as_str(), "token_signature", "the click token's signature is wrong"),
        ("short", "clk", "token_length", "a click token has 64 characters"),
        ("key", &unknown_key, "token_unknown_key", "the click token names an unknown key"),
        ("link", &unknown_link, "unknown_link", "the link it names is not known"),
    ] {
        let judged = judged(&world, order_ref, &[token.to_owned()]).await;
        assert_eq!(judged, (words.to_owned(), vec![verdict.to_owned()]), "{order_ref}");
    }
    assert_eq!(world.number("select count(*) from order_candidate where refused is not null").await, 3);
    assert_eq!(world.number("select count(*) from ledger_entry").await, 0);
    let (credited, _) = judged(&world, "none", &[]).await;
    assert_eq!(credited, "the order came without a click and without a coupon");
    world.audit().await;
}

#[tokio::test]
async fn a_signature_is_looked_at_once() {
    let world = programme().await;
    let (early, late) = (token(ADA, NOON - 2 * DAY), token(BEN, NOON - DAY));
    report(&world, TEAPOTS, &placed("A-1", NOON, 1_000, &[early])).await;
    settle(&world, NOON).await;
    // Key 1 leaks and is revoked: what was believed before stays, what comes now is not believed.
    let revoked = keyring("1:revoked,2:active");
    report(&world, TEAPOTS, &Event { event_id: "more".into(), ..placed("A-1", NOON + 1, 1_000, &[late]) })
        .await;
    settle_all(&world.stores, &revoked, at(NOON + 1)).await.expect("settled");
    assert_eq!(credit(&world, "A-1").await, "1 by click");
    assert_eq!(verdicts(&world, "A-1").await, ["credited", "token_revoked_key"]);
    world.sql("insert into order_due (vendor_id, order_ref) values (1, 'A-1')").await;
    settle(&world, NOON + 1).await;
    assert_eq!(
        verdicts(&world, "A-1").await,
        ["credited", "token_revoked_key"],
        "and neither is looked at again"
    );
    world.audit().await;
}

#[tokio::test]
async fn a_click_is_judged_by_what_stood_when_it_happened() {
    let world = programme().await;
    let switch = NOON - DAY;
    // Each switched off for exactly one millisecond; what holds today does not matter.
    let off = |table: &str, key: &str, off: &str, on: &str| {
        format!(
            "insert into {table} values ({key}, '{}', {off}), ({key}, '{}', {on});",
            at(switch),
            at(switch + 1)
        )
    };
    for (what, sql, verdict) in [
        ("link", off("link_standing", "1", "false, null", "true, null"), "link_paused"),
        ("vendor", off("vendor_standing", "1", "false", "true"), "vendor_inactive"),
        (
            "approval",
            off("affiliate_standing", "1", "'rejected', true", "'approved', true"),
            "affiliate_not_approved",
        ),
        (
            "affiliate",
            off("affiliate_standing", "1", "'approved', false", "'approved', true"),
            "affiliate_inactive",
        ),
        ("partners", off("partnership_standing", "1, 1", "'inactive'", "'active'"), "partnership_inactive"),
        (
            "expiry",
            format!("insert into link_standing values (1, '{}', true, '{}')", at(switch - 1), at(switch)),
            "link_expired",
        ),
    ] {
        world.sql(&sql).await;
        for (clicked_at, expect) in [(switch - 1, "credited"), (switch, verdict), (switch + 1, "credited")] {
            let order_ref = format!("{what}-{clicked_at}");
            let (_, verdicts) = judged(&world, &order_ref, &[token(ADA, clicked_at)]).await;
            let expired = what == "expiry" && clicked_at > switch;
            assert_eq!(verdicts, [if expired { verdict } else { expect }], "{order_ref}");
        }
        world.sql(&format!("delete from link_standing where since >= '{0}'; delete from vendor_standing where since >= '{0}';
             delete from affiliate_standing where since >= '{0}'; delete from partnership_standing where since >= '{0}'",
            at(switch - 1))).await;
    }
    world.audit().await;
}

#[tokio::test]
async fn a_link_that_is_younger_than_its_click_by_a_clock_is_believed() {
    let world = programme().await;
    world.sql(&format!("update link_standing set since = '{}' where link_id = 1", at(NOON))).await;
    for (clicked_at, expect) in [(NOON - 5 * MINUTE, "credited"), (NOON - 5 * MINUTE - 1, "link_paused")] {
        let (_, verdicts) = judged(&world, &clicked_at.to_string(), &[token(ADA, clicked_at)]).await;
        assert_eq!(verdicts, [expect]);
    }
}

#[tokio::test]
async fn a_coupon_credits_where_no_click_does() {
    let world = programme().await;
    world.sql(&format!(
        "insert into coupon values (1, 'TEA10', 2, '{0}', '{1}'), (1, 'ZZZ', 1, '{0}', null), (2, 'KETTLE', 4, '{0}', null)",
        at(NOON), at(NOON + DAY)
    )).await;
    let with = |order_ref: &str, ordered_at: u64, coupon: &str, clicks: &[String]| Event {
        coupon: Some(coupon.to_owned()),
        ..placed(order_ref, ordered_at, 1_000, clicks)
    };
    for (order_ref, ordered_at, coupon, clicks, expect, verdict) in [
        (
            "early",
            NOON - 1,
            "TEA10",
            vec![],
            "the coupon was not valid when the order was placed",
            "coupon_not_valid",
        ),
        ("first", NOON, " tea10", vec![], "2 by coupon", "credited"),
        ("last", NOON + DAY - 1, "TEA10", vec![], "2 by coupon", "credited"),
        (
            "late",
            NOON + DAY,
            "TEA10",
            vec![],
            "the coupon was not valid when the order was placed",
            "coupon_not_valid",
        ),
        ("clicked", NOON, "TEA10", vec![token(ADA, NOON - MINUTE)], "1 by click", "behind_click"),
        ("stranger", NOON, "KETTLE", vec![], "the coupon belongs to no affiliate", "unknown_coupon"),
    ] {
        report(&world, TEAPOTS, &with(order_ref, ordered_at, coupon, &clicks)).await;
        settle(&world, ordered_at).await;
        assert_eq!(credit(&world, order_ref).await, expect, "{order_ref}");
        let question = format!(
            "select verdict from order_candidate where kind = 'coupon' and order_ref = '{order_ref}'"
        );
        assert_eq!(text(&world, &question).await, verdict, "{order_ref}");
    }
    // Of two good coupons, the first by its letters.
    report(&world, TEAPOTS, &with("two", NOON, "ZZZ", &[])).await;
    report(&world, TEAPOTS, &Event { event_id: "second".into(), ..with("two", NOON + 1, "TEA10", &[]) })
        .await;
    settle(&world, NOON + 1).await;
    assert_eq!(credit(&world, "two").await, "2 by coupon");
    assert_eq!(verdicts(&world, "two").await, ["credited", "behind_coupon"]);
    world.audit().await;
}

#[tokio::test]
async fn two_clicks_of_one_millisecond_are_told_apart_by_their_records() {
    let world = programme().await;
    let of = |link, n| sign(&keyring("1:active"), &Click { seq: Seq(n), ..click(link, NOON - 1) });
    let (credited, _) = judged(&world, "A-1", &[of(ADA, 1), of(BEN, 2)]).await;
    assert_eq!(credited, "2 by click");
    let (credited, _) = judged(&world, "A-2", &[of(ADA, 2), of(BEN, 1)]).await;
    assert_eq!(credited, "1 by click");
}
