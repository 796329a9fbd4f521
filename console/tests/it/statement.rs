//! Statements: at whatever instant an account is cut, *opening + earned − reversed − paid = closing*, and the closing is
//! what the next statement opens with.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use common::ids::LinkId;
use common::ledger::{Account, Due, Maturity, Position, difference};
use common::money::Currency;
use serde_json::{Value, json};

use crate::orders_world::{NORDLICHT, READER, SECOND};
use crate::support::World;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a timestamp")
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn sums(part: &Value) -> [i64; 7] {
    ["opening", "earned", "reversed", "paid", "closing", "pending", "payable"]
        .map(|name| part[format!("{name}_minor")].as_i64().unwrap_or_else(|| panic!("no {name} in {part}")))
}

#[track_caller]
fn check(statement: &Value) -> [i64; 7] {
    let total = sums(&statement["total"]);
    let mut of_vendors = [0; 7];
    for vendor in statement["vendors"].as_array().expect("vendors") {
        let [opening, earned, reversed, paid, closing, pending, payable] = sums(vendor);
        assert_eq!(opening + earned - reversed - paid, closing, "{vendor}");
        assert_eq!(pending + payable, closing, "{vendor}");
        for (sum, part) in of_vendors.iter_mut().zip(sums(vendor)) {
            *sum += part;
        }
    }
    assert_eq!(of_vendors, total, "{statement}");
    let [opening, earned, reversed, paid, closing, ..] = total;
    assert_eq!(opening + earned - reversed - paid, closing);
    total
}

#[tokio::test]
async fn a_statement_tells_what_was_earned_reversed_and_paid() {
    let world = World::with_orders().await;
    for (query, expect) in [
        ("", [0, 1424, 300, 500, 624, 824, -200]),
        ("&from=2026-11-10", [500, 924, 300, 500, 624, 824, -200]),
        ("&to=2026-11-12T09:00:00Z", [0, 1424, 0, 0, 1424, 1424, 0]),
        ("&from=2026-11-12T09:00:00Z&to=2026-11-18T12:00:00Z", [1424, 0, 100, 0, 1324, 824, 500]),
        ("&from=2026-11-18T12:00:00Z&to=2026-11-18T12:00:00.000001Z", [1324, 0, 0, 500, 824, 824, 0]),
        ("&to=2026-10-01", [0; 7]),
    ] {
        let statement =
            world.json_as(READER, &format!("/v1/affiliates/1/statement?currency=EUR{query}")).await;
        assert_eq!(check(&statement), expect, "{query}");
    }
    let statement = world.json_as(READER, "/v1/affiliates/1/statement?currency=EUR").await;
    assert_eq!((&statement["affiliate"], &statement["name"]), (&json!("mara.w"), &json!("Mara W")));
    let bookings = statement["bookings"].as_array().expect("bookings");
    let kinds: Vec<&Value> = bookings.iter().map(|booking| &booking["kind"]).collect();
    assert_eq!(kinds, ["earned", "earned", "reversed", "matured", "paid", "reversed"]);
    assert_eq!(
        (
            &bookings[2]["order_id"],
            &bookings[2]["link"],
            &bookings[2]["reversed_minor"],
            &bookings[2]["pending_minor"]
        ),
        (&json!("ord_a1001"), &json!("summer-1"), &json!(100), &json!(-100))
    );
    let yen = world.json_as(READER, "/v1/affiliates/1/statement?currency=JPY").await;
    assert_eq!(check(&yen), [0, 63, 63, 0, 0, 0, 0], "currencies never meet");

    let both = world.json_as(READER, "/v1/affiliates/2/statement?currency=EUR").await;
    assert_eq!((check(&both)[1], both["vendors"].as_array().map(Vec::len)), (180, Some(2)));
    for (key, earned) in [(NORDLICHT, 100), (SECOND, 80)] {
        let own = world.json_as(key, "/v1/affiliates/2/statement?currency=EUR").await;
        assert_eq!(check(&own)[1], earned, "a vendor sees what it owes");
    }
    for (query, code) in [
        ("", "currency_needed"),
        ("currency=eur", "invalid_currency"),
        ("currency=EUR&from=2026-11-02&to=2026-11-01", "invalid_range"),
        ("currency=EUR&starting_after=1", "unknown_cursor"),
        ("currency=EUR&starting_after=999.1.A", "unknown_cursor"),
        ("currency=EUR&limit=101", "invalid_limit"),
    ] {
        let answer = world.read_as(READER, &format!("/v1/affiliates/1/statement?{query}")).await;
        let problem = answer.json();
        let codes: Vec<&Value> =
            problem["errors"].as_array().expect("all of them").iter().map(|bad| &bad["code"]).collect();
        assert!(answer.status == 400 && codes.contains(&&json!(code)), "{query}: {problem}");
    }
    assert_eq!(world.read_as(READER, "/v1/affiliates/x/statement?currency=EUR").await.status, 404);
}

#[tokio::test]
async fn books_that_do_not_add_up_are_not_shown() {
    let world = World::with_orders().await;
    // Sums to zero as the ledger demands, but moves what one affiliate is owed to another.
    world
        .run(
            "insert into ledger_tx (vendor_id, idem, reason, at) values (1, 'odd', 'settle', '2026-11-20'); \
             insert into ledger_entry select ledger_tx_id, 1, a, case a when 1 then 1 else 5 end, 'A-1005', 'pending', 'EUR', \
             case a when 1 then 7 else -7 end from ledger_tx, generate_series(1, 2) a where idem = 'odd'",
        )
        .await;
    let answer = world.read_as(READER, "/v1/affiliates/1/statement?currency=EUR").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("fault")));
    assert!(!answer.body.contains("owed"), "the cause is in the log: {}", answer.body);
}

/// Orders settled and paid in every way, as `common::ledger` books them.
struct Books {
    posted: BTreeMap<(i64, String), BTreeMap<Position, i64>>,
    at: DateTime<Utc>,
    seed: u64,
}

impl Books {
    fn below(&mut self, limit: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % limit
    }

    /// The next booking: an order settles anew, or what is payable of it is paid.
    fn step(&mut self) -> (i64, String, &'static str, Vec<(Position, i64)>) {
        /// Vendor, link and affiliate: two vendors owe the second affiliate.
        const LINKS: [(i64, u64, u64); 5] = [(1, 1, 1), (1, 3, 1), (1, 5, 2), (2, 2, 2), (1, 4, 1)];
        let (vendor, ..) = LINKS[self.below(5) as usize];
        let of_vendor: Vec<_> = LINKS.into_iter().filter(|(of, ..)| *of == vendor).collect();
        let (_, link, affiliate) = of_vendor[self.below(of_vendor.len() as u64) as usize];
        let order_ref = format!("C-{}", self.below(4));
        let (commission_minor, waits, pays) =
            (self.below(9_000) as i64, self.below(2) == 0, self.below(3) == 0);
        let currency: Currency = "EUR".parse().expect("a currency");
        let posted = self.posted.entry((vendor, order_ref.clone())).or_default();
        let payable: Vec<(Position, i64)> = posted
            .iter()
            .filter(|(position, minor)| position.account == Account::Payable && **minor < 0)
            .map(|(position, minor)| (*position, *minor))
            .collect();
        let (reason, entries) = if pays && !payable.is_empty() {
            let pay = payable.iter().flat_map(|(position, minor)| {
                [(*position, -minor), (Position { account: Account::Cash, ..*position }, *minor)]
            });
            ("payout", pay.collect())
        } else {
            let maturity = if waits { Maturity::Pending } else { Maturity::Mature };
            let due = Due { affiliate, link: LinkId(link), currency, commission_minor, maturity };
            ("settle", difference(posted, Some(&due).filter(|_| commission_minor > 500)))
        };
        for (position, minor) in &entries {
            *posted.entry(*position).or_default() += minor;
        }
        let gap = self.below(3);
        self.at += TimeDelta::seconds(gap as i64);
        (vendor, order_ref, reason, entries)
    }
}

async fn book(world: &World, books: &mut Books, steps: usize) -> Vec<DateTime<Utc>> {
    let mut tx = world.owner.begin().await.expect("a transaction");
    sqlx::raw_sql(
        "insert into customer_order (vendor_id, order_ref, order_id) \
         select v, 'C-' || n, 'ord_c' || v || n from generate_series(1, 2) v, generate_series(0, 3) n",
    )
    .execute(&mut *tx)
    .await
    .expect("orders");
    let mut instants = Vec::new();
    for step in 0..steps {
        let (vendor, order_ref, reason, entries) = books.step();
        if entries.is_empty() {
            continue;
        }
        instants.push(books.at);
        let id: i64 = sqlx::query_scalar(
            "insert into ledger_tx (vendor_id, idem, reason, at) values ($1, $2, $3, $4) returning ledger_tx_id",
        )
        .bind(vendor)
        .bind(step.to_string())
        .bind(reason)
        .bind(books.at)
        .fetch_one(&mut *tx)
        .await
        .expect("a booking");
        for (position, minor) in entries {
            sqlx::query("insert into ledger_entry values ($1, $2, $3, $4, $5, $6, $7, $8)")
                .bind(id)
                .bind(vendor)
                .bind(position.affiliate as i64)
                .bind(position.link.0 as i64)
                .bind(&order_ref)
                .bind(position.account.name())
                .bind(position.currency.as_str())
                .bind(minor)
                .execute(&mut *tx)
                .await
                .expect("an entry");
        }
    }
    tx.commit().await.expect("the books balance");
    instants
}

#[tokio::test]
async fn accounts_add_up_wherever_they_are_cut() {
    let world = World::with_orders().await;
    world.run("alter table ledger_entry disable trigger append_only; delete from ledger_entry; alter table ledger_entry enable trigger append_only").await;
    let mut books = Books { posted: BTreeMap::new(), at: at("2026-11-15T00:00:00Z"), seed: 20_261_121 };
    let instants = book(&world, &mut books, 160).await;
    let end = books.at + TimeDelta::days(1);
    for affiliate in [1, 2] {
        let read = async |from: DateTime<Utc>, to: DateTime<Utc>| {
            let path = format!(
                "/v1/affiliates/{affiliate}/statement?currency=EUR&from={}&to={}",
                text(from),
                text(to)
            );
            check(&world.json_as(READER, &path).await)
        };
        let all = read(DateTime::UNIX_EPOCH, end).await;
        assert_eq!(all[0], 0, "nothing was owed before the beginning");
        assert!(all[1] > 0 && all[2] > 0 && all[3] > 0, "the test books everything there is: {all:?}");
        let mut cuts = vec![DateTime::UNIX_EPOCH];
        for _ in 0..24 {
            let near = instants[books.below(instants.len() as u64) as usize];
            cuts.push(near + TimeDelta::microseconds(books.below(3) as i64 - 1));
        }
        cuts.push(end);
        cuts.sort_unstable();
        cuts.dedup();
        let (mut opening, mut moved) = (0, [0; 3]);
        for pair in cuts.windows(2) {
            let part = read(pair[0], pair[1]).await;
            assert_eq!(part[0], opening, "it opens with what the one before closed with");
            opening = part[4];
            for (sum, minor) in moved.iter_mut().zip(&part[1..4]) {
                *sum += minor;
            }
        }
        assert_eq!((opening, &moved[..]), (all[4], &all[1..4]), "the parts are the whole");
    }
}

#[tokio::test]
async fn bookings_are_paged_and_sum_to_the_movements() {
    let world = World::with_orders().await;
    let mut books = Books { posted: BTreeMap::new(), at: at("2026-11-15T00:00:00Z"), seed: 7 };
    book(&world, &mut books, 80).await;
    let path = "/v1/affiliates/2/statement?currency=EUR&limit=7";
    let (mut cursor, mut seen, mut moved) = (String::new(), Vec::new(), [0; 5]);
    let statement = loop {
        let page = world.json_as(READER, &format!("{path}{cursor}")).await;
        for booking in page["bookings"].as_array().expect("bookings") {
            seen.push((booking["at"].clone(), booking["booking_id"].as_str().expect("an id").to_owned()));
            let minor = |name: &str| booking[format!("{name}_minor")].as_i64().expect("a number");
            let [earned, reversed, paid, pending, payable] =
                ["earned", "reversed", "paid", "pending", "payable"].map(minor);
            assert_eq!(earned - reversed - paid, pending + payable, "{booking}");
            for (sum, minor) in moved.iter_mut().zip([earned, reversed, paid, pending, payable]) {
                *sum += minor;
            }
        }
        if page["has_more"] == false {
            break page;
        }
        cursor = format!("&starting_after={}", seen.last().expect("a full page").1);
    };
    let [_, earned, reversed, paid, _, pending, payable] = check(&statement);
    assert_eq!(moved, [earned, reversed, paid, pending, payable]);
    let distinct: std::collections::HashSet<&String> = seen.iter().map(|(_, id)| id).collect();
    assert!(distinct.len() == seen.len() && seen.len() > 14, "each booking once, over several pages");
}
