//! The programme from nothing to the first payout, by its pages alone: four people, each in a window of their own.
//!
//! invite → sign up → upload → approve → partnership → link → click → order → commission → payout

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::chromium::Chromium;
use super::roles::{console, sign_in};
use super::window::Window;
use crate::house::{House, SOON, until};

const FIRST: &str = "operator@example.com";
const SECOND: &str = "fiona@example.com";
const MIRA: &str = "mira@mira.example.com";
const PASSWORD: &str = "four plain kettles sing";
const CODE: &str = "first-pot";
/// Orders within ten seconds of their click are held as suspicious; this one is not.
const NOT_FAST: TimeDelta = TimeDelta::seconds(11);

#[tokio::test]
async fn from_an_invitation_to_a_payout() -> Result<()> {
    let Some(chromium) = Chromium::start()? else { return Ok(()) };
    let house = House::open()?;
    let base = console(&house)?;
    let [operator, second, mira] = [(); 3].map(|()| chromium.window(&base));
    let (operator, second, mira) = (operator?, second?, mira?);
    sign_in(&operator, FIRST, &first_password(&house)?)?;

    opens_a_shop(&operator)?;
    is_invited(&operator, &mira)?;
    proves_who_she_is(&house, &mira)?;
    is_approved(&operator)?;
    makes_a_link(&mira)?;
    let order = is_clicked_and_sells(&house, &operator)?;
    sees_what_she_earned(&mira, &order)?;
    gets_a_colleague(&operator, &second)?;
    two_weeks_pass(&house).await?;
    pays(&operator, &second)?;

    mira.go("/payouts")?;
    says(&mira, &["Payments", "4.99"])?;
    mira.go("/orders")?;
    says(&mira, &[&order, "Paid"])?;
    for window in [&operator, &second, &mira] {
        let complaints = window.heard()?.complaints;
        ensure!(complaints.is_empty(), "{complaints:?}");
    }
    house.audit()
}

/// A vendor who pays commission as soon as an order is completed, and a teapot.
fn opens_a_shop(operator: &Window<'_>) -> Result<()> {
    operator.follow("Vendors")?;
    operator.follow("New vendor")?;
    operator.fill("name", "Example Tea House")?;
    operator.fill("allowed_hosts", "tea.example.com")?;
    operator.follow("Create")?;
    operator.go("/vendors")?;
    operator.follow("Example Tea House")?;
    operator.fill("hold_days", "0")?;
    operator.follow("Agree")?;
    says(operator, &["0 days"])?;
    operator.follow("Products")?;
    operator.follow("New product")?;
    operator.fill("vendor_id", "Example Tea House")?;
    operator.fill("name", "Teapot")?;
    operator.fill("destination", "https://tea.example.com/teapot")?;
    operator.follow("Create")?;
    says(operator, &["Teapot"])
}

/// Mira gets a mail and applies by its link.
fn is_invited(operator: &Window<'_>, mira: &Window<'_>) -> Result<()> {
    operator.follow("Invitations")?;
    operator.follow("Invite affiliates")?;
    operator.fill("emails", MIRA)?;
    operator.fill("vendor_id", "Example Tea House")?;
    operator.fill("rate", "10%")?;
    operator.follow("Send invitations")?;
    says(operator, &[MIRA])?;

    mira.go(&link_in_mail(operator, MIRA, "/join")?)?;
    says(mira, &["Example Tea House invites you", "10"])?;
    mira.fill("name", "Mira Mockup")?;
    mira.fill("username", "mira")?;
    mira.fill("email", MIRA)?;
    mira.fill("password", PASSWORD)?;
    mira.follow("Apply")?;
    says(mira, &["Your application is here"])?;
    // The invitation reached her: there is nothing to confirm.
    sign_in(mira, MIRA, PASSWORD)
}

/// Mira sends a picture of her passport and says where her money goes.
fn proves_who_she_is(house: &House, mira: &Window<'_>) -> Result<()> {
    let passport = house.data().join("passport.png");
    std::fs::write(&passport, GREY_POINT)?;
    mira.go("/profile/documents")?;
    mira.choose("file", Path::new(&passport))?;
    mira.follow("Send the document")?;
    says(mira, &["Pending"])?;
    mira.follow("Bank account")?;
    mira.fill("bank_name", "Bank of Nowhere")?;
    mira.fill("account_name", "Mira Mockup")?;
    mira.fill("account_number", "DE89370400440532013000")?;
    mira.follow("Save the account")?;
    says(mira, &["3000", "Payouts to it wait"])
}

/// With the approval the partnership begins, at what was offered.
fn is_approved(operator: &Window<'_>) -> Result<()> {
    operator.follow("Affiliates")?;
    operator.follow("Mira Mockup")?;
    operator.follow("Approve")?;
    says(operator, &["Approved"])?;
    operator.follow("Approve the application")?;
    operator.go("/partnerships")?;
    says(operator, &["Mira Mockup", "Active", "10%"])
}

fn makes_a_link(mira: &Window<'_>) -> Result<()> {
    mira.go("/links")?;
    mira.follow("New link")?;
    mira.fill("product_id", "Teapot")?;
    mira.fill("code", CODE)?;
    mira.follow("Make the link")?;
    says(mira, &[CODE, "Share it"])
}

/// Somebody clicks and buys; the shop reports it with a key that the operator made. Answers the order's number.
fn is_clicked_and_sells(house: &House, operator: &Window<'_>) -> Result<String> {
    let link = format!("/{CODE}");
    until("the edge knows the link", SOON, || Ok(house.click(&link)?.token().is_some()))?;
    let token = house.click(&link)?.token().context("a token")?.to_owned();

    operator.go("/vendors")?;
    operator.follow("Example Tea House")?;
    let vendor = operator.path()?.rsplit('/').next().context("the vendor's name in addresses")?.to_owned();
    operator.follow("API keys")?;
    operator.fill("name", "Checkout")?;
    operator.fill("vendor", &vendor)?;
    operator.ask("document.querySelector('[name=\"scope-orders:write\"]').click()")?;
    operator.follow("Make the key")?;
    let key = operator.ask("document.querySelector('[aria-label=\"The key\"]').value")?;
    let key = key.as_str().context("a key")?;

    let order = "T-1001".to_owned();
    let bought = DateTime::<Utc>::from(runtime::clock::system_time()) + NOT_FAST;
    let item = json!([{"item_id": "1", "name": "Teapot", "quantity": 1, "net_minor": 4_990}]);
    let sold =
        json!({"currency": "EUR", "items": item, "click_id": token, "customer": {"name": "Nils Nobody"}});
    report(house, key, "bought", "placed", &order, bought, &sold)?;
    report(house, key, "sent", "completed", &order, bought + TimeDelta::seconds(1), &json!({}))?;

    let began = runtime::clock::monotonic();
    loop {
        operator.go("/orders")?;
        let text = operator.text()?;
        if ["T-1001", "mira", "Completed", "4.99"].iter().all(|word| text.contains(word)) {
            break;
        }
        ensure!(began.elapsed() < SOON, "the order is not credited:\n{text}");
    }
    operator.follow(&order)?;
    says(operator, &["Nils Nobody", "Teapot", "Credited"])?;
    Ok(order)
}

fn report(
    house: &House,
    key: &str,
    event: &str,
    kind: &str,
    order: &str,
    at: DateTime<Utc>,
    more: &Value,
) -> Result<()> {
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut body = json!({"event_id": event, "order_ref": order, "type": kind, "occurred_at": at});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let reply = house.post("/v1/orders", key, &body)?;
    ensure!(reply.status == 201, "{}: {}", reply.status, reply.body);
    Ok(())
}

fn sees_what_she_earned(mira: &Window<'_>, order: &str) -> Result<()> {
    mira.go("/orders")?;
    says(mira, &[order, "Teapot", "4.99"])?;
    mira.follow(order)?;
    // What a sale is, but not who bought.
    says(mira, &["Credited to", CODE])?;
    ensure!(!mira.text()?.contains("Nils Nobody"), "she sees who bought");
    mira.go("/statement")?;
    says(mira, &["Owed now", "4.99"])
}

/// Nobody may approve a payout alone.
fn gets_a_colleague(operator: &Window<'_>, second: &Window<'_>) -> Result<()> {
    operator.go("/team")?;
    operator.follow("New account")?;
    operator.fill("email", SECOND)?;
    operator.fill("name", "Fiona Finance")?;
    operator.fill("role", "finance")?;
    operator.follow("Create")?;
    second.go(&link_in_mail(operator, SECOND, "/set-password")?)?;
    second.fill("password", PASSWORD)?;
    second.fill("again", PASSWORD)?;
    second.follow("Set the password")?;
    sign_in(second, SECOND, PASSWORD)
}

/// A new bank account waits two weeks for its first payout, and so do we not. The commission matures by itself: seconds
/// after the order was completed.
async fn two_weeks_pass(house: &House) -> Result<()> {
    let mut database = house.database().await?;
    sqlx::raw_sql("update bank_account set changed_at = changed_at - interval '15 days'")
        .execute(&mut database)
        .await?;
    let began = runtime::clock::monotonic();
    let payable = "select exists (select from ledger_entry where account = 'payable')";
    while !sqlx::query_scalar::<_, bool>(payable).fetch_one(&mut database).await? {
        ensure!(began.elapsed() < SOON, "the commission does not mature");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}

/// One asks, the other approves.
fn pays(operator: &Window<'_>, second: &Window<'_>) -> Result<()> {
    operator.go("/payouts")?;
    operator.fill("currency", "EUR")?;
    operator.follow("Ask for it")?;
    let payout = operator.path()?.split('?').next().unwrap_or_default().to_owned();
    waits_for(operator, &payout, "somebody else must decide")?;
    second.follow("Payouts")?;
    second.follow("All vendors")?;
    second.follow("Approve")?;
    waits_for(second, &payout, "All vendors Paid")?;
    says(second, &["mira", "€4.99"])
}

/// Looks again until the page says this: what the aggregator does takes a moment.
fn waits_for(window: &Window<'_>, path: &str, words: &str) -> Result<()> {
    until(&format!("{path} says {words:?}"), SOON, || {
        window.go(path)?;
        Ok(window.text()?.contains(words))
    })
    .with_context(|| window.text().unwrap_or_default())
}

fn says(window: &Window<'_>, words: &[&str]) -> Result<()> {
    let text = window.text()?;
    for word in words {
        ensure!(text.contains(word), "{} does not say {word:?}:\n{text}", window.path()?);
    }
    Ok(())
}

/// The address in the newest mail to somebody, as the operator of a house without a mail server reads it.
fn link_in_mail(operator: &Window<'_>, to: &str, path: &str) -> Result<String> {
    let mut found = None;
    until(&format!("a mail to {to} leads to {path}"), SOON, || {
        operator.go("/mails")?;
        let mails = "[...document.querySelectorAll('tbody tr')].map((row) => [row.innerText, row.querySelector('a').href])";
        let mails: Vec<(String, String)> = serde_json::from_value(operator.ask(mails)?)?;
        for (_, address) in mails.iter().filter(|(row, _)| row.contains(to)) {
            operator.go(address)?;
            let link = format!("document.querySelector('.letter a[href*=\"{path}\"]')?.href");
            if let Some(link) = operator.ask(&link)?.as_str() {
                found = Some(link.to_owned());
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    found.context("an address")
}

fn first_password(house: &House) -> Result<String> {
    let state: Value = serde_json::from_slice(&std::fs::read(house.data().join("onebox.json"))?)?;
    Ok(state["operator_password"].as_str().context("the first operator has a password")?.to_owned())
}

/// A small real picture.
const GREY_POINT: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
    0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];
