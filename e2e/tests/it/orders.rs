//! Orders on the real binaries: from a click to money, and back. `script/nightly` runs the same with more of everything.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::house::{House, SOON, binary, until};

/// The same kills and orders in every run; `loadtest orders` without a seed is for finding new ones.
const SEED: &str = "2";
/// Orders within ten seconds of their click are held as suspicious; this one is not.
pub(crate) const NOT_FAST: TimeDelta = TimeDelta::seconds(11);
/// How many post the same at the same moment.
const POSTERS: usize = 100;

pub(crate) const SHOP: &str = "llk_shop0000_made-up-secret-of-the-shop";
const ASKER: &str = "llk_asker000_made-up-secret-of-tilda";
const APPROVER: &str = "llk_approver_made-up-secret-of-otto";

fn loadtest_orders(arguments: &[&str]) -> Result<Value> {
    let output = Command::new(binary("loadtest"))
        .arg("orders")
        .args(arguments)
        .args(["--seed", SEED])
        .stdin(Stdio::null())
        .output()
        .context("loadtest orders")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("it said: {said}"))?;
    for wrong in ["differences", "violations", "refused"] {
        ensure!(report[wrong] == 0, "{wrong} is {}: {report}\n{said}", report[wrong]);
    }
    for target in ["console", "aggregator", "postgres"] {
        let kills = report["acts"][format!("kill_{target}")].as_u64();
        ensure!(kills > Some(0), "{target} was not killed: {report}");
    }
    ensure!(output.status.success(), "it ended with {}: {report}\n{said}", output.status);
    Ok(report)
}

#[test]
fn the_books_are_the_rules_whatever_comes_first_and_whatever_is_killed() -> Result<()> {
    let report = loadtest_orders(&["--orders", "400", "--seconds", "30", "--kill-every", "2s"])?;
    let posts = report["posts"].as_u64().context("posts")?;
    ensure!(posts > 4_000 && report["duplicates"].as_u64() > Some(posts / 2), "{report}");
    for status in ["Abandoned", "Pending", "Completed", "Refunded", "Cancelled"] {
        ensure!(report["statuses"][status].as_u64() > Some(0), "no order is {status}: {report}");
    }
    ensure!(report["credited"].as_u64() > Some(0) && report["held"].as_u64() > Some(0), "{report}");
    Ok(())
}

#[test]
fn what_is_paid_in_the_middle_is_settled_up_at_the_end() -> Result<()> {
    let report = loadtest_orders(&["--orders", "600", "--seconds", "30", "--kill-every", "2s", "--payouts"])?;
    ensure!(report["paid"].as_u64() > Some(0), "no batch was paid: {report}");
    ensure!(report["statuses"]["Paid"].as_u64() > Some(0), "no order is paid: {report}");
    ensure!(report["ledger"]["cash"].as_i64() < Some(0), "{report}");
    Ok(())
}

/// Keys, terms and a rate for the programme of `House::programme`: 12.5 %, payable at once.
pub(crate) async fn open_for_business(house: &House) -> Result<()> {
    let mut conn = house.database().await?;
    for (key, name, scopes) in [
        (SHOP, "The shop", "{orders:write}"),
        (ASKER, "Tilda Treasurer", "{reports:read,payouts:write}"),
        (APPROVER, "Otto Overseer", "{reports:read,payouts:approve}"),
    ] {
        let (id, secret) = key.trim_start_matches("llk_").split_once('_').context("a key")?;
        sqlx::query(
            "insert into api_key (api_key_id, vendor_id, name, secret_sha256, scopes)
             select $1, case when $1 = 'shop0000' then max(vendor_id) end, $2, sha256(convert_to($3, 'UTF8')), $4::text[]
             from vendor",
        )
        .bind(id)
        .bind(name)
        .bind(secret)
        .bind(scopes)
        .execute(&mut conn)
        .await?;
    }
    sqlx::raw_sql(
        "insert into vendor_terms (vendor_id, since, hold_days) select vendor_id, now() - interval '90 days', 0 from vendor;
         insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm)
         select vendor_id, affiliate_id, now() - interval '90 days', 125000 from partnership;
         insert into bank_account (affiliate_id, account_hash, changed_at)
         select affiliate_id, sha256('made up'), now() - interval '90 days' from affiliate;",
    )
    .execute(&mut conn)
    .await?;
    Ok(())
}

pub(crate) fn event(id: &str, kind: &str, at: DateTime<Utc>) -> Value {
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({ "event_id": id, "order_ref": "A-1001", "type": kind, "occurred_at": at })
}

pub(crate) fn sale(id: &str, kind: &str, at: DateTime<Utc>, token: &str) -> Value {
    let mut sale = event(id, kind, at);
    sale["currency"] = "EUR".into();
    sale["items"] = json!([{ "item_id": "1", "name": "Teapot", "quantity": 1, "net_minor": 4_990 },
                           { "item_id": "2", "name": "Tin", "quantity": 2, "net_minor": 1_580 }]);
    sale["click_id"] = token.into();
    sale
}

fn becomes(house: &House, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut last = Value::Null;
    let found = until(what, SOON, || {
        last = house.read("/v1/orders", ASKER)?["data"][0].clone();
        Ok(is_so(&last))
    });
    found.with_context(|| format!("the order is {last}"))?;
    Ok(last)
}

fn pay(house: &House) -> Result<Value> {
    let asked = house.post("/v1/payouts", ASKER, &json!({ "currency": "EUR" }))?;
    ensure!(asked.status == 202, "{}: {}", asked.status, asked.body);
    let asked: Value = serde_json::from_str(&asked.body)?;
    let id = asked["payout_batch_id"].as_str().context("an id")?.to_owned();
    let path = format!("/v1/payouts/{id}");
    until("the batch is collected", SOON, || Ok(house.read(&path, ASKER)?["state"] != "requested"))?;
    let batch = house.read(&path, ASKER)?;
    if batch["state"] == "empty" {
        return Ok(batch);
    }
    let own = house.post(&format!("{path}/approve"), ASKER, &json!({}))?;
    ensure!(own.status == 403, "whoever may only ask approves: {}: {}", own.status, own.body);
    let approved = house.post(&format!("{path}/approve"), APPROVER, &json!({ "note": "looked at" }))?;
    ensure!(approved.status == 200, "{}: {}", approved.status, approved.body);
    until("the batch is paid", SOON, || Ok(house.read(&path, ASKER)?["state"] == "paid"))?;
    house.read(&path, ASKER)
}

#[tokio::test]
async fn a_click_becomes_an_order_commission_a_payout_and_is_taken_back() -> Result<()> {
    let house = House::open()?;
    house.programme(&["journey1".to_owned()]).await?;
    open_for_business(&house).await?;

    let token = house.click("/journey1")?.token().context("a token")?.to_owned();
    let ordered: DateTime<Utc> = DateTime::<Utc>::from(runtime::clock::system_time()) + NOT_FAST;
    // Done is told before bought, and bought by very many at once.
    let completed =
        house.post("/v1/orders", SHOP, &event("done", "completed", ordered + TimeDelta::seconds(1)))?;
    ensure!(completed.status == 201, "{}: {}", completed.status, completed.body);
    let placed = sale("bought", "placed", ordered, &token);
    let answers: Vec<Result<u16>> = std::thread::scope(|scope| {
        let post = || house.post("/v1/orders", SHOP, &placed).map(|reply| reply.status);
        let posting: Vec<_> = (0..POSTERS).map(|_| scope.spawn(post)).collect();
        posting.into_iter().map(|poster| poster.join().expect("no panic")).collect()
    });
    let answers: Vec<u16> = answers.into_iter().collect::<Result<_>>()?;
    ensure!(answers.iter().filter(|status| **status == 201).count() == 1, "{answers:?}");
    // Some may be asked to come again: that is no loss. Nobody is told that it failed.
    ensure!(answers.iter().all(|status| matches!(status, 200 | 201 | 503)), "{answers:?}");
    let mut other = placed.clone();
    other["items"][0]["net_minor"] = 1.into();
    let reused = house.post("/v1/orders", SHOP, &other)?;
    ensure!(reused.status == 409 && reused.body.contains("event_id_reused"), "{}", reused.body);

    // 12.5 % of 49.90 is 6.2375, of 15.80 it is 1.975.
    let order = becomes(&house, "it has earned", |o| {
        o["status"] == "Completed" && o["commission_minor"] == 624 + 198
    })?;
    ensure!(order["link"] == "journey1" && order["credited_by"] == "click", "{order}");
    let id = order["order_id"].as_str().context("an id")?.to_owned();
    let why = house.read(&format!("/v1/orders/{id}/explanation"), ASKER)?;
    ensure!(why.to_string().contains("credited"), "{why}");

    until("the commission is payable", SOON, || Ok(pay(&house)?["state"] == "paid"))?;
    becomes(&house, "it is paid", |o| o["status"] == "Paid" && o["paid_minor"] == 822)?;

    let mut refund = event("back", "refunded", ordered + TimeDelta::seconds(2));
    refund["currency"] = "EUR".into();
    refund["refund"] =
        json!({ "refund_id": "r1", "items": [{ "item_id": "1", "quantity": 1, "amount_minor": 4_990 }] });
    let refunded = house.post("/v1/orders", SHOP, &refund)?;
    ensure!(refunded.status == 201, "{}: {}", refunded.status, refunded.body);
    becomes(&house, "the refund counts", |o| o["refunded_minor"] == 4_990 && o["commission_minor"] == 198)?;

    let mut conn = house.database().await?;
    let accounts: Vec<(String, i64)> = sqlx::query_as(
        "select account, sum(amount_minor)::bigint from ledger_entry group by account having sum(amount_minor) <> 0 order by account",
    )
    .fetch_all(&mut conn)
    .await?;
    let expect = [("cash", -822), ("expense", 198), ("payable", 624)].map(|(a, n)| (a.to_owned(), n));
    ensure!(accounts == expect, "{accounts:?}: 6.24 must be waiting to be taken back");
    let events: (i64, i64) = sqlx::query_as(
        "select (select count(*) from order_event where event_id = 'bought'),
                (select count(*) from ledger_tx where reason = 'payout')",
    )
    .fetch_one(&mut conn)
    .await?;
    ensure!(events == (1, 1), "{events:?}");
    let empty = pay(&house)?;
    ensure!(empty["state"] == "empty", "less than nothing was paid: {empty}");
    house.audit()
}
