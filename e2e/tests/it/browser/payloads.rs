//! Markup that somebody typed is text wherever it is shown, and wakes nothing.
//!
//! The forms and the API refuse much of it. Here it stands in the database already, wherever somebody may type, as if every
//! check before had failed: what is left is that pages escape what they show, and that browsers run nothing in them.

use anyhow::{Context as _, Result, ensure};

use super::chromium::Chromium;
use super::roles::{Role, come_in, console};
use super::sweep::each_page;
use super::window::Window;
use crate::house::House;

/// Ends attributes, elements and scripts, and tells if anything of it is run. Short enough for a phone number.
const MARKUP: &str = r#""'></script><img src=x onerror=alert(1)>"#;
/// For addresses: it may not hold a blank, and it runs where it is followed unescaped.
const ADDRESS: &str = r#"https://tea.example.com/"onfocus=alert(1)//'><img/src=x/onerror=alert(1)>"#;

/// Columns that people, shops and other programs fill in words of their own.
const TYPED: [(&str, &[&str]); 17] = [
    ("vendor", &["name"]),
    ("product", &["name"]),
    ("affiliate", &["name", "phone", "bio", "instagram", "twitter", "facebook", "rejection_reason"]),
    ("bank_account", &["bank_name", "account_name", "masked_number"]),
    ("verification_document", &["rejection_reason", "reviewer"]),
    ("affiliate_request", &["message", "response_message", "responded_by"]),
    ("invitation", &["message", "invited_by"]),
    ("account", &["name"]),
    ("api_key", &["name"]),
    ("audit_entry", &["actor", "object"]),
    ("hold", &["reason", "reviewed_by", "note"]),
    ("order_line", &["name"]),
    ("customer_order", &["not_credited"]),
    ("order_candidate", &["refused"]),
    ("payout_batch", &["requested_by", "note"]),
    ("webhook_delivery", &["last_error"]),
    ("webhook_target", &["disabled_reason"]),
];
const ADDRESSES: [(&str, &[&str]); 5] = [
    ("vendor", &["website", "fallback_url"]),
    ("product", &["destination"]),
    ("affiliate", &["website"]),
    ("link", &["destination"]),
    ("webhook_target", &["url"]),
];
/// What shops tell of their customers.
const TOLD: &str = "update order_event set body = body || jsonb_build_object(
        'customer', jsonb_build_object('name', $1::text, 'email', $1::text, 'phone', $1::text),
        'delivery', jsonb_build_object('method', $1::text, 'status', $1::text, 'address', $1::text, 'tracking', $1::text))
    where kind = 'placed'";

/// Spoils everything that may be typed, and goes to every page again.
pub(super) async fn what_people_typed_stays_text(chromium: &Chromium, house: &House) -> Result<()> {
    spoil(house).await?;
    let (mut wrong, mut shown) = (Vec::new(), 0);
    for role in Role::ALL {
        let window = come_in(chromium, &console(house)?, role)?;
        each_page(&window, role, 1, &mut |path| {
            window.go(path)?;
            shown += usize::from(window.text()?.contains(MARKUP));
            wrong.extend(awake(&window)?.map(|why| format!("{role:?} {path}: {why}")));
            Ok(())
        })?;
    }
    eprintln!("markup is shown as text on {shown} pages");
    ensure!(wrong.is_empty(), "{} pages:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(shown > 30, "only {shown} pages show what was typed");
    Ok(())
}

/// As the owner, who is above checks of a service, and without the triggers that keep the past as it is.
async fn spoil(house: &House) -> Result<()> {
    let mut database = house.database().await?;
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut database).await?;
    for (typed, tables) in [(MARKUP, &TYPED[..]), (ADDRESS, &ADDRESSES[..])] {
        for (table, columns) in tables {
            for column in *columns {
                let statement = format!("update {table} set {column} = $1 where {column} is not null");
                let spoilt =
                    sqlx::query(sqlx::AssertSqlSafe(statement)).bind(typed).execute(&mut database).await;
                spoilt.with_context(|| format!("{table}.{column}"))?;
            }
        }
    }
    sqlx::query(TOLD).bind(MARKUP).execute(&mut database).await?;
    Ok(())
}

/// Why what was typed is more than text on this page, if it is.
fn awake(window: &Window<'_>) -> Result<Option<String>> {
    let heard = window.heard()?;
    if let Some(said) = heard.dialogs.first() {
        return Ok(Some(format!("it ran, and said {said}")));
    }
    let refused = heard.complaints.iter().find(|said| said.contains("Content Security Policy"));
    if let Some(refused) = refused {
        return Ok(Some(format!("it would have run: {refused}")));
    }
    let grown = window.ask("document.querySelector('img[src=x], [onerror], [onfocus]')?.outerHTML ?? ''")?;
    Ok(grown.as_str().filter(|html| !html.is_empty()).map(|html| format!("it became an element: {html}")))
}
