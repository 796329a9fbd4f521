//! `/profile/bank`: where an affiliate is paid. Nobody sees the form who has not given their password a moment ago.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use common::payout::BANK_COOLING_OFF;

use super::can_be_mended;
use crate::affiliates::bank::{BankAccount, Sent, masked, may_set_own, set_own};
use crate::db;
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::Instant;
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

/// The fields of the form, as the API reads them.
const SHAPE: [(&str, Kind); 5] = [
    ("bank_name", Kind::Text),
    ("account_number", Kind::Text),
    ("account_name", Kind::Text),
    ("swift_bic", Kind::Nullable),
    ("branch_code", Kind::Nullable),
];

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

#[derive(Template)]
#[template(path = "own/bank.html")]
struct BankPage {
    frame: Frame,
    fields: Fields,
    account: Option<Account>,
    /// Days that payouts wait after a change.
    cooling_off: u64,
}

/// The account as it is, its number masked.
struct Account {
    bank: String,
    holder: String,
    number: String,
    changed: Instant,
    /// Until when nothing is paid to it.
    waits_until: Option<Instant>,
}

/// Shows the account, and the form for another one.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit, Fields::new())).await
}

/// Says where the affiliate is paid.
pub(super) async fn submit(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let said = async {
        let sent: Sent = fields.read(&SHAPE)?;
        set_own(&app, &visit.caller, sent).await
    };
    match said.await {
        Ok(_) => Done::Saved.at("/profile/bank").into_response(),
        Err(failure) if can_be_mended(&failure) => match page(&app, &visit, fields.refuse(&failure)).await {
            Ok(page) => visit.again(&failure, &page),
            Err(failure) => visit.failed(failure),
        },
        Err(failure) => visit.failed(failure),
    }
}

async fn page(app: &App, visit: &Visit, fields: Fields) -> Result<BankPage, Failure> {
    let affiliate_id = may_set_own(&visit.caller)?;
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let account = masked(&mut snapshot, affiliate_id).await?;
    snapshot.commit().await?;
    Ok(BankPage {
        frame: visit.frame(Place::Profile),
        fields,
        account: account.map(|account| Account::new(account, visit.now)),
        cooling_off: BANK_COOLING_OFF.as_secs() / DAY,
    })
}

impl Account {
    fn new(account: BankAccount, now: DateTime<Utc>) -> Self {
        let waits_until = account.changed_at + BANK_COOLING_OFF;
        Self {
            bank: account.bank_name.unwrap_or_default(),
            holder: account.account_name.unwrap_or_default(),
            number: account.masked_number.unwrap_or_default(),
            changed: Instant(account.changed_at),
            waits_until: (waits_until > now).then_some(Instant(waits_until)),
        }
    }
}
