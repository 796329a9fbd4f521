//! A made-up order that shows a vendor how a report arrives. It is cancelled in the same breath and counts for nothing.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use serde_json::{Value, json};

use super::assign::Tenant;
use super::json::Json;
use super::order;
use super::write::{Source, Written};
use crate::api::answer::rfc3339;
use crate::auth::{Caller, Scope};
use crate::keys::own;
use crate::problem::Failure;
use crate::server::App;

/// Reports an order that nobody placed, and that it was cancelled, as the vendor's own program would. Returns what the order
/// is called: by the second, so that a button that is pressed twice at once makes one.
pub(crate) async fn report(app: &App, caller: &Caller, now: DateTime<Utc>) -> Result<String, Failure> {
    let vendor = own::vendor(caller)?;
    caller.require(Scope::ProgrammeWrite)?;
    let now = now.trunc_subsecs(0);
    let order_ref = format!("TEST-{}", now.format("%Y%m%d-%H%M%S"));
    let event = |kind: &str, at: DateTime<Utc>, more: Value| {
        let mut event = json!({
            "event_id": format!("{order_ref}-{kind}"),
            "order_ref": order_ref,
            "type": kind,
            "occurred_at": rfc3339(at),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        Json::parse(event.to_string().as_bytes()).and_then(|body| order::read(body, None))
    };
    let items = json!([{"item_id": "1", "name": "A test", "quantity": 1, "net_minor": 4_990}]);
    let drafts = vec![
        event("placed", now - TimeDelta::seconds(1), json!({"currency": "EUR", "items": items})),
        event("cancelled", now, json!({})),
    ];
    for fate in app.door.take_in(Tenant::Vendor(vendor), Source::Api, drafts).await? {
        if fate?.1 == Written::Reused {
            return Err(Failure::Fault(format!("another order is called {order_ref}")));
        }
    }
    Ok(order_ref)
}
