//! Who earned most is the same from what is kept, whatever changes.

use chrono::Days;

use crate::rollups::{alike, everybody, roll_up, same, today, told};

/// Rankings by orders and money, so short that there are more than they show.
fn earners() -> Vec<String> {
    let from = today() - Days::new(6);
    let mut paths = Vec::new();
    for (by, limits) in [("link", [3, 25]), ("product", [1, 4]), ("affiliate", [1, 1])] {
        for (order, currency) in [
            ("orders", "EUR"),
            ("revenue", "EUR"),
            ("revenue", "SEK"),
            ("commission", "EUR"),
            ("human", "EUR"),
        ] {
            for limit in limits {
                paths.push(format!(
                    "/v1/reports/breakdown?by={by}&sort={order}&currency={currency}&limit={limit}&from={from}"
                ));
            }
        }
    }
    paths
}

#[tokio::test]
async fn who_earned_most_is_the_same_from_what_is_kept_and_of_days_that_changed() {
    let world = alike().await;
    let day = today();
    world
        .run(&format!(
            "insert into product (vendor_id, name, destination) select 1, 'made-up ' || n, 'https://shop.example.com/' from generate_series(1, 5) n; \
             update link set product_id = (select min(product_id) from product where name like 'made-up%') + link_id % 5 \
             where vendor_id = 1 and link_id % 3 > 0; \
             insert into order_daily \
             select link_id, '{day}'::date - ago, currency, 1 + (link_id + ago) % 3, 100 + link_id * 37 % 501, 1 + link_id * 7 % 90 \
             from link, (values (0), (1), (3), (5)) days (ago), (values ('EUR'), ('SEK')) money (currency) \
             where (link_id + ago) % 4 > 0 and (currency = 'EUR' or link_id % 3 = 0)"
        ))
        .await;
    let people = everybody(&world).await;
    let paths = earners();
    let told = async || told(&world, &people, &paths).await;
    let by_row = told().await;
    roll_up(&world).await;
    same(&told().await, &by_row, "kept");

    // What is kept is what is read: a sum that is wrong there makes somebody the first.
    world
        .run("update rollup_earner set revenue_minor = revenue_minor + 1000000 where id = 9 and by = 'link'")
        .await;
    let wrong = told().await;
    let differ = wrong.iter().zip(&by_row).filter(|(wrong, right)| wrong != right);
    assert!(differ.count() >= 6, "in two currencies, for the programme and a vendor");
    world
        .run("update rollup_earner set revenue_minor = revenue_minor - 1000000 where id = 9 and by = 'link'")
        .await;

    for change in [
        format!(
            "update order_daily set orders = orders + 5, revenue_minor = revenue_minor * 3 where day = '{day}'::date - 3 and link_id % 5 = 0; \
             delete from order_daily where day = '{day}'::date - 5 and link_id % 7 = 0; \
             update order_daily set commission_minor = 0 where day = '{day}'::date - 5 and link_id % 7 = 1; \
             select rollup_touch('orders', array['{day}'::date - 3, '{day}'::date - 5])"
        ),
        "update affiliate set is_active = false where affiliate_id = 2".to_owned(),
        "update affiliate set is_active = true where affiliate_id = 2".to_owned(),
    ] {
        let before = told().await;
        world.run(&change).await;
        let changed = told().await;
        assert_ne!(changed, before, "{change}");
        world.run("delete from rollup_earning").await;
        same(&told().await, &changed, "as without what is kept");
        roll_up(&world).await;
        same(&told().await, &changed, "and when it is kept anew");
    }
}
