//! Sending invitations: for each address a token, a row and a mail.

use std::collections::HashSet;

use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::{Invitation, one, token_hash, writes};
use crate::auth::{Caller, Tenant};
use crate::conventions::{Message, Millionths, PerCent, now};
use crate::problem::{Failure, unusable};
use crate::programme::find::Shop;
use crate::programme::notice;
use crate::programme::rate_input::RateInput;
use crate::programme::shape::message;
use crate::server::App;
use crate::{audit, db};

/// Addresses of one request: a mailing list is not an invitation.
const MAX_ADDRESSES: usize = 100;
/// Bytes of an address, as in Postgres and in SMTP.
const MAX_ADDRESS: usize = 254;
/// How long a link works: long enough for a holiday.
const VALID: TimeDelta = TimeDelta::days(14);
/// Random bytes of a token: 256 bits.
const TOKEN_BYTES: usize = 32;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvitationWanted)]
pub(crate) struct Wanted {
    /// Addresses. Each is judged by itself: one that is none does not keep the others from being invited.
    #[schema(min_items = 1, example = json!(["ada@example.com"]))]
    pub(crate) emails: Vec<String>,
    /// Whom they would promote from their approval on.
    pub(crate) vendor_id: Option<String>,
    /// At which commission.
    #[schema(value_type = Option<Millionths>)]
    pub(crate) rate_ppm: Option<u32>,
    #[schema(value_type = Option<PerCent>)]
    pub(crate) rate: Option<String>,
    #[serde(default)]
    #[schema(value_type = Message)]
    pub(crate) message: String,
}

/// What became of every address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvitationOutcomes)]
pub(crate) struct Outcomes {
    pub(crate) object: &'static str,
    pub(crate) sent: usize,
    pub(crate) data: Vec<Outcome>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvitationOutcome)]
pub(crate) struct Outcome {
    /// As it was given.
    pub(crate) email: String,
    /// `sent`, `invalid_email`, `repeated`, `already_invited` or `already_affiliate`.
    pub(crate) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invitation: Option<Invitation>,
}

/// Invites everybody who can be invited, and says of each what became of it.
pub(crate) async fn all(app: &App, caller: &Caller, wanted: Wanted) -> Result<Outcomes, Failure> {
    writes(caller)?;
    if wanted.emails.is_empty() || wanted.emails.len() > MAX_ADDRESSES {
        let detail = format!("`emails` must have 1 to {MAX_ADDRESSES} addresses");
        return Err(unusable("emails", "too_many", detail));
    }
    let message = message("message", &wanted.message)?;
    let rate = RateInput { rate_ppm: wanted.rate_ppm, rate: wanted.rate };
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let is_for_vendor = wanted.vendor_id.is_some() || matches!(caller.tenant, Tenant::Vendor(_));
    let (vendor, rate) = if is_for_vendor {
        (Some(Shop::of(&mut tx, caller, wanted.vendor_id.as_deref()).await?), Some(rate.need()?))
    } else if rate.read()?.is_some() {
        return Err(unusable("rate", "unexpected_field", "a rate is a vendor's: say whose in `vendor_id`"));
    } else {
        (None, None)
    };
    let vendor_id = vendor.as_ref().map(|vendor| vendor.vendor_id);
    let (mut seen, mut data) = (HashSet::new(), Vec::with_capacity(wanted.emails.len()));
    for given in wanted.emails {
        let outcome = match address(&given) {
            None => Err("invalid_email"),
            Some(email) if !seen.insert(email.clone()) => Err("repeated"),
            Some(email) if is_affiliate(&mut tx, caller, &email).await? => Err("already_affiliate"),
            Some(email) => {
                let ppm = rate.map(|rate| rate.ppm() as i32);
                written(&mut tx, caller, &email, vendor_id, ppm, &message).await?.ok_or("already_invited")
            }
        };
        let (outcome, invitation) = match outcome {
            Err(why) => (why, None),
            Ok(id) => {
                again(app, caller, &mut tx, &id).await?;
                ("sent", one(&mut tx, &id).await?)
            }
        };
        data.push(Outcome { email: given, outcome, invitation });
    }
    tx.commit().await.map_err(Failure::writing)?;
    let sent = data.iter().filter(|outcome| outcome.invitation.is_some()).count();
    Ok(Outcomes { object: "invitation_outcomes", sent, data })
}

/// Writes an invitation down, or takes up one that expired. `None`: there is one that still works.
async fn written(
    conn: &mut PgConnection,
    caller: &Caller,
    email: &str,
    vendor_id: Option<i64>,
    rate_ppm: Option<i32>,
    message: &str,
) -> Result<Option<String>, Failure> {
    let (at, unknown) = (now(), token()?);
    let made = sqlx::query_scalar!(
        "insert into invitation (email, vendor_id, token_sha256, rate_ppm, message, invited_by, sent_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) \
         on conflict (email, coalesce(vendor_id, 0)) where accepted_at is null and revoked_at is null do update \
         set rate_ppm = excluded.rate_ppm, message = excluded.message, invited_by = excluded.invited_by, \
         row_version = invitation.row_version + 1 \
         where invitation.expires_at <= excluded.sent_at returning invitation_id",
        email,
        vendor_id,
        &token_hash(&unknown)[..],
        rate_ppm,
        message,
        caller.name,
        at,
        at + VALID
    );
    let id = made.fetch_optional(&mut *conn).await.map_err(Failure::writing)?;
    if let Some(id) = &id {
        audit::record(conn, caller, "invitation.create", id, vendor_id, None, json!({"rate_ppm": rate_ppm}))
            .await?;
    }
    Ok(id)
}

/// Sends a written invitation with a new link.
pub(super) async fn again(
    app: &App,
    caller: &Caller,
    conn: &mut PgConnection,
    id: &str,
) -> Result<(), Failure> {
    let (at, token) = (now(), token()?);
    let set = sqlx::query!(
        "update invitation set token_sha256 = $2, sent_at = $3, expires_at = $4, opened_at = null, \
         row_version = row_version + 1 where invitation_id = $1",
        id,
        &token_hash(&token)[..],
        at,
        at + VALID
    );
    set.execute(&mut *conn).await.map_err(Failure::writing)?;
    let Some(invitation) = one(conn, id).await? else { return Ok(()) };
    let (subject, words) = letter(app, &invitation, &token);
    notice::to_address(conn, caller, &invitation.email, &subject, &words).await?;
    let detail = json!({"expires_at": invitation.expires_at});
    audit::record(conn, caller, "invitation.send", id, invitation.vendor_number, None, detail).await
}

fn letter(app: &App, invitation: &Invitation, token: &str) -> (String, String) {
    let whose = invitation.vendor_name.as_deref().unwrap_or("our affiliate programme");
    let rate = invitation.commission_rate.as_ref();
    let rate = rate.map(|rate| format!("\nYou are offered {rate} of every order.\n")).unwrap_or_default();
    let message = match invitation.message.as_str() {
        "" => String::new(),
        message => format!("\n{message}\n"),
    };
    let words = format!(
        "You are invited to promote {whose}.\n{rate}{message}\nJoin here, until {until}:\n{base}/join?token={token}\n\n\
         The link works once. If you do not know what this is about, ignore it.\n",
        until = invitation.expires_at.format("%Y-%m-%d %H:%M UTC"),
        base = app.front.base_url(),
    );
    let subject: String = format!("Invitation: promote {whose}").chars().take(200).collect();
    (subject, words)
}

async fn is_affiliate(conn: &mut PgConnection, caller: &Caller, email: &str) -> Result<bool, Failure> {
    // Whether somebody whom a vendor does not know takes part is none of its business.
    if caller.tenant != Tenant::Programme {
        return Ok(false);
    }
    let found = sqlx::query_scalar!("select affiliate_id from affiliate where lower(email) = $1", email);
    Ok(found.fetch_optional(conn).await?.is_some())
}

/// An address in one spelling, if it can be one.
fn address(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (name, host) = address.rsplit_once('@')?;
    let is_plain = !name.is_empty()
        && !name.contains('@')
        && !address.contains(|c: char| c.is_whitespace() || c.is_control() || "<>(),;:\"[]\\".contains(c));
    let is_host = host.contains('.') && host.split('.').all(|label| !label.is_empty());
    (is_plain && is_host && address.len() <= MAX_ADDRESS).then_some(address)
}

fn token() -> Result<String, Failure> {
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
    Ok(BASE64URL_NOPAD.encode(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_one_spelling() {
        assert_eq!(address(" Ada@Example.COM ").as_deref(), Some("ada@example.com"));
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@host",
            "ada@.com",
            "a@b@example.com",
            "ada@example.com\nbcc: x@example.com",
            "Ada <ada@example.com>",
            "ada@example.com,eve@example.com",
            &format!("{}@example.com", "x".repeat(250)),
        ] {
            assert_eq!(address(bad), None, "{bad:?}");
        }
    }
}
