//! The demo's past: a fresh installation looks as if it had lived through 90 days, and every number of them holds.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sqlx::PgConnection;

use crate::house::{House, Reply, exchange, get, until};

/// A debug build on a busy machine; a release build takes a tenth.
const HISTORY: Duration = Duration::from_mins(4);

#[tokio::test]
async fn a_fresh_demo_has_a_past_that_adds_up_and_gets_no_second_one() -> Result<()> {
    let mut house = House::open_demo_with_history()?;
    until("the history is written", HISTORY, || Ok(house.said().contains("days of demo history")))
        .with_context(|| house.logs())?;
    house.audit()?;
    let before = sums(&mut house.database().await?).await?;
    let mut postgres = house.database().await?;
    days_have_clicks_and_weeks_a_shape(&mut postgres).await?;
    everything_has_happened(&mut postgres).await?;
    payouts_add_up(&mut postgres).await?;
    nothing_leads_out_of_the_demo(&mut postgres).await?;
    until("the books of clicks are closed", HISTORY, || {
        Ok(house.metric("aggregator", "aggregator_claimed_clicks")? > 100_000.0)
    })?;
    ensure!(
        house.metric("aggregator", "aggregator_conservation_difference_clicks")? == 0.0,
        "clicks are lost"
    );
    guests_are_welcome(&house)?;

    house.reopen()?;
    until("it looks for a history", HISTORY, || Ok(house.said().contains("history is there already")))?;
    let again = sums(&mut house.database().await?).await?;
    ensure!(before == again, "a second start changed {before:?} to {again:?}");
    house.audit()
}

/// Clicks, events, orders, bookings, people, documents.
async fn sums(postgres: &mut PgConnection) -> Result<Vec<i64>> {
    let mut sums = Vec::new();
    for sum in [
        "select sum(clicks)::bigint from flush_partition",
        "select count(*) from order_event",
        "select count(*) from customer_order",
        "select count(*) from ledger_tx",
        "select count(*) from affiliate",
        "select count(*) from verification_document",
        "select count(*) from link",
        "select count(*) from payout_batch",
    ] {
        sums.push(sqlx::query_scalar(sum).fetch_one(&mut *postgres).await?);
    }
    Ok(sums)
}

async fn days_have_clicks_and_weeks_a_shape(postgres: &mut PgConnection) -> Result<()> {
    let days: Vec<(i64, f64, f64)> = sqlx::query_as(
        "select sum(human_clicks)::bigint, extract(isodow from (hour at time zone 'utc')::date)::float8,
                sum(filtered_clicks)::float8
         from click_hourly where hour < date_trunc('day', now(), 'utc') group by (hour at time zone 'utc')::date",
    )
    .fetch_all(&mut *postgres)
    .await?;
    // Midnight may have passed since.
    ensure!((89..=90).contains(&days.len()) && days.iter().all(|(human, ..)| *human > 300), "{days:?}");
    let mean = |is: fn(f64) -> bool| {
        let of: Vec<f64> =
            days.iter().filter(|(_, day, _)| is(*day)).map(|(human, ..)| *human as f64).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    ensure!(mean(|day| day >= 6.0) < 0.9 * mean(|day| day <= 4.0), "weekends are as busy as weeks");
    let usual = mean(|_| true);
    ensure!(days.iter().any(|(human, ..)| *human as f64 > 1.6 * usual), "there was no campaign");
    let filtered: f64 = days.iter().map(|(.., filtered)| filtered).sum();
    ensure!(filtered > 0.05 * usual * days.len() as f64, "no programs came");
    let nights: f64 = sqlx::query_scalar(
        "select (sum(human_clicks) filter (where extract(hour from hour at time zone 'utc') between 1 and 4))::float8
                / sum(human_clicks)::float8 from click_hourly",
    )
    .fetch_one(postgres)
    .await?;
    ensure!(nights < 0.05, "people click at night: {nights}");
    Ok(())
}

/// Every word of every closed list that a page filters by is somebody's.
async fn everything_has_happened(postgres: &mut PgConnection) -> Result<()> {
    for (what, words) in [
        ("status from customer_order", &["Abandoned", "Cancelled", "Completed", "Paid", "Pending", "Refunded"][..]),
        ("credited_by from customer_order where credited_by is not null", &["click", "coupon"]),
        (
            "flag from hold",
            &["click_velocity", "fast_order", "self_referral", "shared_bank_account", "token_spread"],
        ),
        ("state from hold", &["confirmed", "open", "released"]),
        ("state from payout_batch", &["open", "paid", "rejected"]),
        ("status from affiliate", &["approved", "pending", "rejected"]),
        ("status from partnership", &["active", "approved", "inactive", "pending", "rejected"]),
        ("status from affiliate_request", &["approved", "pending", "rejected"]),
        ("status from verification_document", &["approved", "pending", "rejected"]),
        ("account from ledger_entry", &["cash", "expense", "payable", "pending"]),
        (
            "case when accepted_at is not null then 'accepted' when revoked_at is not null then 'revoked'
                  when expires_at < now() then 'expired' when opened_at is not null then 'opened' else 'sent' end
             from invitation",
            &["accepted", "expired", "opened", "revoked", "sent"],
        ),
        (
            "case when delivered_at is null then 'given up' else 'delivered' end from webhook_delivery",
            &["delivered", "given up"],
        ),
    ] {
        let found: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select distinct {what} order by 1")))
            .fetch_all(&mut *postgres)
            .await
            .with_context(|| what.to_owned())?;
        ensure!(found == words, "{what}: {found:?}");
    }
    for (what, at_least) in [
        ("count(*) from link where not is_active", 3),
        ("count(*) from link where expiry_date < now()", 2),
        ("count(*) from affiliate where not is_active", 1),
        ("count(*) from audit_entry where at < now() - interval '30 days'", 30),
        ("count(distinct reason) from hold", 5),
        ("count(distinct not_credited) from customer_order", 3),
        (
            "count(*) from partnership_rate r join partnership p using (vendor_id, affiliate_id) where r.since > p.joined_at",
            5,
        ),
    ] {
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select {what}")))
            .fetch_one(&mut *postgres)
            .await
            .with_context(|| what.to_owned())?;
        ensure!(found >= at_least, "{what}: {found}");
    }
    Ok(())
}

/// What two people decided is what was booked, batch by batch.
async fn payouts_add_up(postgres: &mut PgConnection) -> Result<()> {
    let batches: Vec<(String, i64, i64, bool)> = sqlx::query_as(
        "select b.payout_batch_id, sum(l.paid_minor)::bigint,
                (select -sum(e.amount_minor) from ledger_entry e join ledger_tx t using (ledger_tx_id)
                 where e.account = 'cash' and t.idem like 'payout:' || b.payout_batch_id || ':%')::bigint,
                b.decided_by <> b.requested_by and b.paid_at > b.decided_at and b.decided_at > b.requested_at
         from payout_batch b join payout_line l using (payout_batch_id) where b.state = 'paid' group by b.payout_batch_id",
    )
    .fetch_all(postgres)
    .await?;
    ensure!(batches.len() >= 2, "a payout a month: {batches:?}");
    ensure!(
        batches.iter().all(|(_, paid, cash, in_order)| paid == cash && *paid > 0 && *in_order),
        "{batches:?}"
    );
    Ok(())
}

/// Whatever somebody follows out of the demo, nobody is there.
async fn nothing_leads_out_of_the_demo(postgres: &mut PgConnection) -> Result<()> {
    for (column, table) in [
        ("website", "vendor"),
        ("fallback_url", "vendor"),
        ("destination", "link"),
        ("email", "affiliate"),
        ("website", "affiliate"),
        ("email", "invitation"),
        ("url", "webhook_target"),
        ("body -> 'customer' ->> 'email'", "order_event"),
    ] {
        let statement = format!("select count(*) from {table} where {column} !~ '[@/.]example\\.com(/|$)'");
        let astray: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&mut *postgres).await?;
        ensure!(astray == 0, "{table}.{column} leads elsewhere {astray} times");
    }
    Ok(())
}

/// One click makes anybody on this machine one of the demo's people, and pages say that it is one.
fn guests_are_welcome(house: &House) -> Result<()> {
    let form = house.console("/sign-in")?;
    ensure!(form.body.contains("made-up people, made-up money"), "the page does not say that it is a demo");
    for guest in ["operator", "vendor", "affiliate", "finance"] {
        ensure!(form.body.contains(&format!("value=\"{guest}\"")), "there is no button for the {guest}");
        let entered = enter(house, guest)?;
        let cookie = entered.headers.get("set-cookie").and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.with_context(|| format!("{guest}: {}", entered.status))?;
        let session = get(house.address("console", "listen")?, "/v1/session", &[("cookie", cookie)])?;
        ensure!(session.status == 200, "{guest} is not signed in: {}", session.body);
    }
    Ok(())
}

fn enter(house: &House, guest: &str) -> Result<Reply> {
    let (address, form) = (house.address("console", "listen")?, format!("as={guest}"));
    let head = format!("POST /sign-in/demo HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    exchange(address, &format!("{head}{kind}content-length: {}\r\n\r\n{form}", form.len()))
}

#[tokio::test]
async fn an_empty_house_is_no_demo() -> Result<()> {
    let house = House::open()?;
    ensure!(enter(&house, "operator")?.status == 404, "anybody can be the operator");
    let form = house.console("/sign-in")?;
    ensure!(!form.body.contains("/sign-in/demo") && !form.body.contains("made-up money"), "{}", form.body);
    house.audit()
}
