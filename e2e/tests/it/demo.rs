//! The demo, as somebody meets it who has just started it: within two minutes everything has happened once.

use std::time::Duration;

use anyhow::Result;

use crate::house::{House, until};

/// What README promises, and what a debug build on a busy machine needs besides.
const PROMISED: Duration = Duration::from_mins(3);

#[tokio::test]
async fn orders_in_all_statuses_refunds_and_a_payout_are_there_within_minutes() -> Result<()> {
    let house = House::open_demo()?;
    let header = std::fs::read_to_string(house.data().join("demo-operator.header"))?;
    let key = header.trim().trim_start_matches("Authorization: Bearer ");
    let has = |path: &str| -> Result<bool> {
        Ok(house.read(path, key)?["data"].as_array().is_some_and(|data| !data.is_empty()))
    };
    for status in ["Abandoned", "Pending", "Completed", "Cancelled", "Refunded", "Paid"] {
        until(&format!("an order is {status}"), PROMISED, || {
            has(&format!("/v1/orders?status={status}&limit=1"))
        })?;
    }
    until("a payout is paid", PROMISED, || has("/v1/payouts?state=paid"))?;
    house.audit()
}
