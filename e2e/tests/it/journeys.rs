//! What users were promised, on the real binaries.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::token;
use rustix::process::Signal;

use crate::house::{House, SOON, until};

/// Two flush intervals and more: what would be counted twice would be by then.
const SETTLED: Duration = Duration::from_secs(12);
/// Switches of the suspension test, and how soon every edge must obey.
const SWITCHES: usize = 200;
const SWITCH_P99: Duration = Duration::from_secs(1);

fn codes(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{prefix}{i:04}")).collect()
}

fn reported(house: &House, code: &str, clicks: u64) -> Result<()> {
    until(&format!("{clicks} clicks of {code} are reported"), SOON, || {
        Ok(house.report(code)?["human_clicks"] == clicks)
    })
    .with_context(|| format!("{:?}", house.report(code)))
}

#[tokio::test]
async fn one_click_is_reported_once_though_everything_was_killed_in_between() -> Result<()> {
    let house = House::open()?;
    house.programme(&codes("once", 1)).await?;

    let reply = house.click("/once0000?sub1=news%20letter")?;
    ensure!(reply.status == 302, "{}", reply.status);
    ensure!(reply.location().starts_with("https://shop.example.com/once0000?clk="), "{}", reply.location());
    ensure!(reply.location().ends_with("&sub1=news%20letter"), "{}", reply.location());
    ensure!(reply.headers.get("cache-control").is_some_and(|value| value.contains("no-store")));
    let click = token::decode_unverified(reply.token().context("a token")?.as_bytes()).context("decodes")?;

    for name in ["redirector", "redis", "aggregator", "postgres", "console", "redirector", "redis"] {
        house.kill(name)?;
    }
    reported(&house, "once0000", 1)?;
    std::thread::sleep(SETTLED);
    let report = house.report("once0000")?;
    ensure!(
        report["human_clicks"] == 1 && report["unique_visits"] == 1 && report["filtered_clicks"] == 0,
        "{report}"
    );

    let mut conn = house.database().await?;
    let (link,): (i64,) =
        sqlx::query_as("select link_id from link where code = 'once0000'").fetch_one(&mut conn).await?;
    ensure!(click.link.0.cast_signed() == link, "the token names another link");
    let page = house.page("/links/once0000")?;
    ensure!(page.status == 200 && page.body.contains("once0000"), "the page answers {}", page.status);
    let difference = house.metric("aggregator", "aggregator_conservation_difference_clicks")?;
    ensure!(difference.abs() < 0.5, "the books differ by {difference} clicks");
    house.audit()
}

#[tokio::test]
async fn a_link_switched_off_stops_being_tracked_within_a_second() -> Result<()> {
    let house = House::open()?;
    let codes = codes("off", SWITCHES);
    house.programme(&codes).await?;
    let mut conn = house.database().await?;
    let mut times = Vec::new();
    for code in &codes {
        ensure!(house.click(&format!("/{code}"))?.token().is_some(), "{code} is tracked before");
        sqlx::query("update link set is_active = false where code = $1")
            .bind(code)
            .execute(&mut conn)
            .await?;
        let committed = runtime::clock::monotonic();
        until(&format!("{code} is no longer tracked"), SOON, || {
            Ok(house.click(&format!("/{code}"))?.status == 410)
        })?;
        times.push(committed.elapsed());
    }
    times.sort();
    let (p50, p99) = (times[SWITCHES / 2], times[SWITCHES * 99 / 100]);
    eprintln!("{SWITCHES} switches: p50 {p50:?}, p99 {p99:?}, longest {:?}", times[SWITCHES - 1]);
    ensure!(p99 < SWITCH_P99, "p99 {p99:?}");
    house.audit()
}

/// A reviewer's key.
const REVIEWER: &str = "llk_reviewer0_made-up-secret-of-rob";

#[tokio::test]
async fn an_affiliate_suspended_over_the_api_is_not_tracked_a_second_later_and_resumes_exactly() -> Result<()>
{
    let house = House::open()?;
    house.programme(&["kept-1".to_owned(), "kept-2".to_owned(), "off-before".to_owned()]).await?;
    let mut conn = house.database().await?;
    let (id, secret) = REVIEWER.trim_start_matches("llk_").split_once('_').context("a key")?;
    sqlx::query("insert into api_key (api_key_id, name, secret_sha256, scopes) values ($1, 'Rob Reviewer', sha256(convert_to($2, 'UTF8')), '{affiliates:review}')")
        .bind(id)
        .bind(secret)
        .execute(&mut conn)
        .await?;
    sqlx::raw_sql("update link set is_active = false where code = 'off-before'").execute(&mut conn).await?;
    let (affiliate,): (String,) =
        sqlx::query_as("select public_id from affiliate").fetch_one(&mut conn).await?;
    let decide = |deed: &str| -> Result<()> {
        let answer =
            house.post(&format!("/v1/affiliates/{affiliate}/{deed}"), REVIEWER, &serde_json::json!({}))?;
        ensure!(answer.status == 200, "{deed} answered {}: {}", answer.status, answer.body);
        Ok(())
    };
    until("the link that was off before is off", SOON, || Ok(house.click("/off-before")?.status == 410))?;
    let mut times = Vec::new();
    for _ in 0..SWITCHES {
        for code in ["kept-1", "kept-2"] {
            until(&format!("{code} is tracked"), SOON, || {
                Ok(house.click(&format!("/{code}"))?.token().is_some())
            })?;
        }
        decide("suspend")?;
        let answered = runtime::clock::monotonic();
        for code in ["kept-1", "kept-2"] {
            until(&format!("{code} is no longer tracked"), SOON, || {
                Ok(house.click(&format!("/{code}"))?.status == 410)
            })?;
        }
        times.push(answered.elapsed());
        decide("reactivate")?;
    }
    until("the links resume", SOON, || Ok(house.click("/kept-1")?.token().is_some()))?;
    let still = house.click("/off-before")?;
    ensure!(still.status == 410, "a link that was off before came back: {}", still.status);
    times.sort();
    let (p50, p99) = (times[SWITCHES / 2], times[SWITCHES * 99 / 100]);
    eprintln!("{SWITCHES} suspensions: p50 {p50:?}, p99 {p99:?}, longest {:?}", times[SWITCHES - 1]);
    ensure!(p99 < SWITCH_P99, "p99 {p99:?}");
    house.audit()
}

#[tokio::test]
async fn redis_hung_or_emptied_costs_no_click_and_no_redirect() -> Result<()> {
    let house = House::open()?;
    house.programme(&codes("flush", 1)).await?;
    let mut redis = redis::Client::open(house.redis_url.as_str())?.get_multiplexed_async_connection().await?;
    let mut clicks = 0;
    let mut click = |house: &House, n: u64| -> Result<u64> {
        for _ in 0..n {
            let reply = house.click("/flush0000")?;
            ensure!(reply.status == 302 && reply.token().is_some(), "answered {}", reply.status);
        }
        clicks += n;
        Ok(clicks)
    };
    click(&house, 20)?;
    house.signal("redis", Signal::STOP)?;
    click(&house, 20)?;
    house.signal("redis", Signal::CONT)?;
    click(&house, 20)?;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await?;
    let total = click(&house, 20)?;
    reported(&house, "flush0000", total)?;
    // Emptied while nobody clicks: the idle lanes must notice by themselves, and the links must come back.
    let total = click(&house, 20)?;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await?;
    reported(&house, "flush0000", total)?;
    until("the links are published again", SOON, || {
        let client = redis::Client::open(house.redis_url.as_str())?;
        Ok(redis::cmd("EXISTS").arg("l:flush0000").query::<u8>(&mut client.get_connection()?)? == 1)
    })?;
    std::thread::sleep(SETTLED);
    reported(&house, "flush0000", total)?;
    house.audit()
}

#[tokio::test]
async fn ended_and_unknown_links_get_a_plain_page_or_the_fallback() -> Result<()> {
    let house = House::open()?;
    house.programme(&codes("end", 3)).await?;
    let mut conn = house.database().await?;
    sqlx::raw_sql("update link set expiry_date = now() - interval '1 second' where code = 'end0000'")
        .execute(&mut conn)
        .await?;
    until("an expired link has ended", SOON, || Ok(house.click("/end0000")?.status == 410))?;
    sqlx::raw_sql("update vendor set fallback_url = 'https://shop.example.com/sorry'")
        .execute(&mut conn)
        .await?;
    until("the fallback is used", SOON, || {
        let reply = house.click("/end0000")?;
        Ok(reply.status == 302 && reply.location() == "https://shop.example.com/sorry")
    })?;
    sqlx::raw_sql("delete from link where code = 'end0001'").execute(&mut conn).await?;
    until("a deleted link is unknown", SOON, || Ok(house.click("/end0001")?.status == 404))?;
    sqlx::raw_sql("update affiliate set is_active = false").execute(&mut conn).await?;
    until("a suspended affiliate's link is no longer tracked", SOON, || {
        Ok(house.click("/end0002")?.token().is_none())
    })?;
    sqlx::raw_sql("update affiliate set is_active = true").execute(&mut conn).await?;
    until("and resumes", SOON, || Ok(house.click("/end0002")?.token().is_some()))?;
    let unknown = house.click("/never-made")?;
    ensure!(unknown.status == 404 && unknown.body.contains("<html"), "{}", unknown.body);
    house.audit()
}
