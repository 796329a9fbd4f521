//! `/notifications`: what happened to an affiliate, newest first.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{Redirect, Response};
use chrono::{DateTime, SecondsFormat, Utc};

use super::documents;
use super::wrong;
use crate::accounts::own_account;
use crate::affiliates::own_affiliate;
use crate::db;
use crate::pages::markup::{Ago, Amount, Badge, Day};
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::news::{self, Event};
use crate::server::App;

const PATH: &str = "/notifications";

/// Millionths of a per cent.
const PPM_PERCENT: f64 = 10_000.0;

#[derive(Template)]
#[template(path = "own/notifications.html")]
struct NotificationsPage {
    frame: Frame,
    rows: Vec<Row>,
    /// How many of them are news.
    unread: Option<String>,
    /// What marking all of them as read marks: what happens while somebody reads is still news after.
    seen: String,
}

/// One event, as the page says it.
struct Row {
    at: Ago,
    badge: Badge,
    words: String,
    amount: Option<Amount>,
    note: Option<String>,
    address: &'static str,
    /// From when on it holds, where that is still to come.
    from: Option<Day>,
    /// It happened since they were read.
    is_new: bool,
}

/// Shows it.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

/// Marks as read what the page showed.
pub(super) async fn read(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let marked = async {
        let mut form = visit.form(request).await?;
        let seen = DateTime::parse_from_rfc3339(&form.take("seen"))
            .map_err(|_| wrong("seen", "invalid_time", "is not a time: load the page again"))?;
        own_affiliate(&visit.caller)?;
        let (account_id, _) = own_account(&visit.caller)?;
        news::mark_read(&app.accounts, account_id, seen.to_utc(), visit.now).await?;
        Ok(Redirect::to(PATH))
    };
    visit.lead(marked).await
}

async fn page(app: &App, visit: &Visit) -> Result<NotificationsPage, Failure> {
    let affiliate_id = own_affiliate(&visit.caller)?;
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let events = news::of_affiliate(&mut snapshot, affiliate_id).await?;
    snapshot.commit().await?;
    let (account_id, _) = own_account(&visit.caller)?;
    let read = news::read_until(&app.accounts, account_id).await?;
    let rows: Vec<Row> = events.into_iter().filter_map(|event| Row::new(event, read, visit.now)).collect();
    Ok(NotificationsPage {
        frame: visit.frame(Place::Notifications),
        unread: news::unread(rows.iter().filter(|row| row.is_new).count()),
        seen: visit.now.to_rfc3339_opts(SecondsFormat::Micros, true),
        rows,
    })
}

impl Row {
    /// `None`: something that has no words here yet.
    fn new(event: Event, read: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<Self> {
        let subject = event.subject.unwrap_or_default();
        let vendor = event.note.clone().unwrap_or_default();
        let (badge, words, address) = match event.kind.as_str() {
            "application_approved" => {
                ("approved", "Your application was approved. Welcome!".to_owned(), "/links/new")
            }
            "document_approved" => {
                ("verified", format!("Your document ({subject}) was approved."), documents::PATH)
            }
            "document_rejected" => {
                ("rejected", format!("Your document ({subject}) was not good enough."), documents::PATH)
            }
            "request_approved" => ("approved", format!("{subject} said yes to your request."), "/requests"),
            "request_rejected" => ("rejected", format!("{subject} said no to your request."), "/requests"),
            "rate" => ("active", rate(&subject, event.amount.unwrap_or_default()), "/partnerships"),
            "credited" => {
                ("credited", format!("Order {subject} of {vendor} was credited to you."), "/orders")
            }
            "reversed" => {
                ("Refunded", format!("Commission of order {subject} of {vendor} was taken back."), "/orders")
            }
            "paid" => ("paid", format!("{vendor} paid you."), "/payouts"),
            _ => return None,
        };
        let is_about_money = event.currency.is_some();
        Some(Self {
            at: Ago::new(event.at, now),
            badge: Badge::of(badge),
            words,
            amount: event.currency.and_then(|currency| Some(Amount::new(event.amount?, &currency))),
            note: event.note.filter(|note| !is_about_money && !note.is_empty()),
            address,
            is_new: news::is_new(event.at, read, now),
            from: (event.at > now).then(|| Day(event.at.date_naive())),
        })
    }
}

fn rate(vendor: &str, ppm: i64) -> String {
    format!("You earn {} % of every order of {vendor}.", ppm as f64 / PPM_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, currency: Option<&str>) -> Option<Row> {
        let event = Event {
            at: DateTime::UNIX_EPOCH,
            kind: kind.to_owned(),
            subject: Some("A-1".to_owned()),
            note: Some("Made-up Teas".to_owned()),
            amount: Some(125_000),
            currency: currency.map(str::to_owned),
        };
        Row::new(event, None, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn events_are_told_in_words() {
        let credited = row("credited", Some("EUR")).expect("words");
        assert_eq!(credited.words, "Order A-1 of Made-up Teas was credited to you.");
        assert!(credited.amount.is_some() && credited.note.is_none());
        assert_eq!(row("rate", None).expect("words").words, "You earn 12.5 % of every order of A-1.");
        assert!(row("eclipse", None).is_none());
    }
}
