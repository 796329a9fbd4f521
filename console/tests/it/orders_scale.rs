//! A hundred thousand orders: lists stay quick wherever they are opened, and go by an index.

use crate::orders_world::{NORDLICHT, PROGRAMME};
use crate::pace::quick;
use crate::support::World;

const MANY: &str = "\
    insert into customer_order (vendor_id, order_ref, order_id, status, currency, net_minor, placed_at, event_count) \
    select 1 + n % 2, 'S-' || n, 'ord_s' || lpad(n::text, 6, '0'), 'Pending', 'EUR', 100, \
           timestamptz '2026-01-01' + n * interval '1 minute', 1 from generate_series(1, 100000) n; \
    insert into order_daily select 1 + n % 5, date '2024-01-01' + n, 'EUR', 1, 1, 1 from generate_series(1, 800) n; \
    insert into order_daily select 100 + n, date '2020-01-01' + n % 1000, 'EUR', 1, 1, 1 from generate_series(1, 50000) n; \
    analyze;";

#[tokio::test]
async fn lists_of_orders_stay_quick_and_go_by_an_index() {
    let world = World::with_orders().await;
    world.run(MANY).await;
    for (key, path) in [
        (PROGRAMME, "/v1/orders?limit=100"),
        (PROGRAMME, "/v1/orders?limit=100&starting_after=ord_s000200"),
        (PROGRAMME, "/v1/orders?from=2026-01-01&to=2026-01-02"),
        (NORDLICHT, "/v1/orders?limit=100"),
        (NORDLICHT, "/v1/orders?limit=100&starting_after=ord_s000200"),
        (NORDLICHT, "/v1/orders?link=summer-1"),
        (PROGRAMME, "/v1/orders/ord_s050000/explanation"),
    ] {
        let answer = quick(path, async || world.read_as(key, path).await).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let orders = include_str!("../../src/report/order_facts.sql");
    let table = [
        (orders, "execute p (null, null, null, null, null, null, null, null, null, null, 26, null, null)"),
        (
            orders,
            "execute p (1, null, null, null, null, null, null, '2026-02-01', 'ord_s044640', null, 26, null, null)",
        ),
        (
            orders,
            "execute p (null, null, null, null, null, '2026-02-01', '2026-02-02', null, null, null, 26, null, null)",
        ),
        (
            orders,
            "execute p (1, null, null, null, null, null, null, null, null, 'ord_s000001', 1, null, null)",
        ),
        (
            orders,
            "execute p (null, null, null, null, null, null, null, null, null, null, 26, null, 'S-000001')",
        ),
        (
            include_str!("../../src/report/link_earnings.sql"),
            "execute p (array[1, 2, 3], date '2026-01-01', date '2026-01-08')",
        ),
        (
            include_str!("../../src/report/earners.sql"),
            "execute p (date '2026-01-01', date '2026-01-08', 'link', 'revenue', 'EUR', 6, false, array[date '2026-01-07'], \
             date '2026-01-07', date '2026-01-08', true)",
        ),
        (
            include_str!("../../src/report/earners_kept.sql"),
            "execute p (array[date '2026-01-07'], array[date '2026-01-02'], 'link', 'revenue', 'EUR', 6, 1, 0)",
        ),
        (
            include_str!("../../src/report/kept_earnings.sql"),
            "execute p (array[date '2026-01-07'], array[date '2026-01-02'], 'product', array[1, 2], 1, 0)",
        ),
        (
            include_str!("../../src/report/group_earnings.sql"),
            "execute p (date '2026-01-01', date '2026-01-08', 'affiliate', array[1, 2], false, array[date '2026-01-07'], \
             date '2026-01-07', date '2026-01-08', true)",
        ),
        (
            include_str!("../../src/report/group_earnings.sql"),
            "execute p (date '2026-01-01', date '2026-01-08', 'product', array[1, 2], false, array[date '2026-01-07'], \
             date '2026-01-07', date '2026-01-08', true)",
        ),
        (
            include_str!("../../src/report/earnings_series.sql"),
            "execute p (date '2026-01-01', date '2026-01-08', 'month', false, 0, array[date '2026-01-07'], date '2026-01-07', \
             date '2026-01-08', true)",
        ),
    ];
    for (statement, execute) in table {
        let plan = world.plan(statement, execute).await;
        for table in ["customer_order", "order_daily"] {
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{execute}\n{plan}");
        }
    }
    // Earnings are read by statements that are planned once, for whatever values.
    let [.., kept, of_affiliates, of_products, by_day] = table;
    for (statement, execute) in [kept, of_affiliates, of_products, by_day] {
        let plan = world.plan_once(statement, execute).await;
        assert!(!plan.contains("Seq Scan on order_daily"), "{execute}\n{plan}");
    }
}
