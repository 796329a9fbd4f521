//! The demo's two treasurers: one asks for a payout of what has matured, the other approves it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use runtime::Shutdown;
use serde_json::{Value, json};
use tracing::{debug, info};

use super::keys::Keys;
use crate::http::{self, Answer};

/// Until the first orders have matured: a person who just started it wants to see a payout soon.
const FIRST: Duration = Duration::from_secs(50);
/// While there was nothing to pay.
const AGAIN: Duration = Duration::from_secs(15);
/// Between two payouts: often for treasurers, rarely for the pages.
const EVERY: Duration = Duration::from_mins(4);
/// How long one looks at a batch before approving it.
const LOOKS: Duration = Duration::from_secs(3);
/// How often to look whether a batch is collected, and how many times.
const POLL: Duration = Duration::from_secs(1);
const POLLS: u32 = 30;

/// Asks and approves until the soft stop.
pub(super) async fn pay(console: SocketAddr, keys: Keys, shutdown: Shutdown) {
    let mut pause = FIRST;
    while shutdown.sleep(pause).await {
        pause = match payout(console, &keys, &shutdown).await {
            Ok(true) => EVERY,
            Ok(false) => AGAIN,
            Err(error) => {
                debug!("a demo payout did not happen: {error:#}");
                AGAIN
            }
        };
    }
}

/// One payout. False when there was nothing to pay.
async fn payout(console: SocketAddr, keys: &Keys, shutdown: &Shutdown) -> anyhow::Result<bool> {
    let wanted = json!({ "currency": "EUR" });
    let batch = object(&http::post(console, "/v1/payouts", &keys.asker, &wanted).await?)?;
    let id = batch["payout_batch_id"].as_str().context("a batch without an id")?;
    let bearer = format!("Bearer {}", keys.approver);
    for _ in 0..POLLS {
        if !shutdown.sleep(POLL).await {
            return Ok(false);
        }
        let path = format!("/v1/payouts/{id}");
        let batch = object(&http::ask(console, "GET", &path, &[("authorization", &bearer)]).await?)?;
        match batch["state"].as_str() {
            Some("open") => break,
            Some("empty") => return Ok(false),
            _ => {}
        }
    }
    if !shutdown.sleep(LOOKS).await {
        return Ok(false);
    }
    let note = json!({ "note": "looked at every line" });
    object(&http::post(console, &format!("/v1/payouts/{id}/approve"), &keys.approver, &note).await?)?;
    info!(payout = id, "a demo payout was approved");
    Ok(true)
}

fn object(answer: &Answer) -> anyhow::Result<Value> {
    ensure!((200..300).contains(&answer.status), "answered {}: {}", answer.status, answer.body);
    serde_json::from_str(&answer.body).context("the answer is not JSON")
}
