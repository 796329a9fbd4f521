//! A hundred thousand affiliates: every order and filter of the list goes by an index and stays quick.

use crate::pace::quick;
use crate::people::For;
use crate::support::World;

/// Affiliates 3 to 100,002, every fiftieth waiting, every thousandth switched off, with two links each. No edge is told.
const MANY: &str = "\
    set session_replication_role = replica; \
    insert into affiliate (username, name, email, status, approved_at, is_active, country, created_at) \
    select 'user' || n, chr(97 + n % 26) || 'ame ' || n, 'user' || n || '@example.com', \
           case when n % 50 = 0 then 'pending' else 'approved' end, case when n % 50 <> 0 then now() end, n % 1000 <> 7, \
           case n % 100 when 1 then 'SE' when 2 then 'NO' else 'DE' end, timestamptz '2025-01-01' + n * interval '5 minutes' \
    from generate_series(1, 100000) n; \
    insert into partnership (vendor_id, affiliate_id, status, joined_at) \
    select 2, affiliate_id, 'active', created_at from affiliate where affiliate_id > 2 \
    union all select 1, affiliate_id, 'active', created_at from affiliate where affiliate_id between 3 and 1000; \
    insert into link (code, vendor_id, affiliate_id, destination) \
    select 'scale' || affiliate_id || '-' || n, 2, affiliate_id, 'https://shop.example.com/' \
    from affiliate, generate_series(1, 2) n where affiliate_id > 2; \
    insert into click_hourly select link_id, date_trunc('hour', now()) - n * interval '7 hours', 5, 1 \
    from link, generate_series(1, 3) n where link_id > 150000; \
    insert into order_daily select link_id, current_date - 1, 'EUR', 1, 1000, 100 from link where link_id > 150000; \
    set session_replication_role = origin; \
    analyze;";

#[tokio::test]
async fn lists_of_affiliates_stay_quick_and_go_by_an_index() {
    let world = World::with_programme().await;
    world.run(MANY).await;
    world.run("vacuum affiliate").await; // so that counts need not look at the rows
    let ada = world.signed_in(For::Programme("reviewer")).await;
    let vendor = world.signed_in(For::Vendor(1)).await;
    let first = world.read_by(&ada, "/v1/affiliates?limit=100&sort=newest").await;
    let cursor = first["next_cursor"].as_str().expect("another page");
    for query in [
        "limit=100".to_owned(),
        format!("limit=100&starting_after={cursor}"),
        format!("limit=100&sort=newest&starting_after={cursor}"),
        "limit=100&sort=oldest".to_owned(),
        "limit=100&sort=name".to_owned(),
        format!("limit=100&sort=username&starting_after={cursor}"),
        "limit=100&status=pending".to_owned(),
        "limit=100&country=SE&status=approved".to_owned(),
        "is_active=false".to_owned(),
        "search=user77".to_owned(),
        "search=b".to_owned(),
    ] {
        for person in [&ada, &vendor] {
            let read = async || world.get_as(person, &format!("/v1/affiliates?{query}")).await;
            let answer = quick(&query, read).await;
            // To a vendor, whoever is not a partner is no place in a list.
            assert!(answer.status == 200 || query.contains("starting_after"), "{query}: {}", answer.body);
        }
    }
    // Few are found and put in order; many are met on the way.
    for search in ["user7777", "user7"] {
        let right: Vec<String> = sqlx::query_scalar(
            "select username from affiliate where starts_with(username, $1) order by created_at, affiliate_id limit 100",
        )
        .bind(search)
        .fetch_all(&world.owner)
        .await
        .expect("the right ones");
        let list =
            world.read_by(&ada, &format!("/v1/affiliates?limit=100&sort=oldest&search={search}")).await;
        let listed = list["data"].as_array().expect("a page").iter().map(|row| &row["username"]);
        assert!(listed.eq(&right), "{search}: {right:?}");
    }
    let list = include_str!("../../src/affiliates/list.sql");
    let none = "null, null, null, null, null";
    let from = "77777, false, '2025-06-01', 'user7', 'name 7', 101, null";
    let start = "null, null, null, null, null, 101, null";
    let found = "null, null, null, null, null, 101, array[3, 4, 5, 99901]";
    let mut plans = Vec::new();
    for (filters, sort, place) in [
        (none, "review", start),
        (none, "review", from),
        (none, "newest", from),
        (none, "oldest", from),
        (none, "username", from),
        (none, "name", from),
        ("'pending', null, null, null, null", "review", start),
        ("'approved', null, null, null, null", "review", from),
        ("null, false, null, null, null", "review", start),
        ("null, null, 'SE', null, null", "review", start),
        (none, "review", found),
    ] {
        plans.push((list, format!("execute p ({filters}, '{sort}', {place})")));
    }
    for search in ["user77", "b"] {
        let search = format!("execute p ('{search}', U&'{search}\\+10FFFF', 1001)");
        plans.push((include_str!("../../src/affiliates/search.sql"), search));
    }
    for statement in
        [include_str!("../../src/affiliates/clicks.sql"), include_str!("../../src/affiliates/earnings.sql")]
    {
        plans.push((
            statement,
            "execute p (array[3, 4, 5, 99901, 99902], '2026-01-01', '2027-01-01')".to_owned(),
        ));
    }
    for (statement, execute) in plans {
        let plan = world.plan(statement, &execute).await;
        assert!(!plan.contains("Seq Scan"), "{execute}\n{plan}");
        // A filter that leaves few rows may sort them; no order of the whole list does.
        let is_narrow =
            ["'user77'", "'b'", "null, false", "array["].iter().any(|word| execute.contains(word));
        assert!(is_narrow || !plan.contains("Sort"), "{execute}\n{plan}");
    }
}
