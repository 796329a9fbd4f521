//! What has a state takes only the steps that it allows. Every other step is a 409 that names the state and changes
//! nothing. Partnerships have a table of their own (`partnerships::s40_…`).

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use crate::support::World;

/// Whoever may do everything.
const SCOPES: [console::auth::Scope; 13] = console::auth::Scope::ALL;

/// A step, and the body that goes with it.
type Step = (&'static str, &'static str);

/// A state: what puts the thing into it behind everybody's back, and the steps that lead on.
type State = (&'static str, &'static str, &'static [&'static str]);

/// Something with a state.
struct Machine {
    /// Where it is; a step's word follows.
    path: String,
    /// The row that has the state.
    row: &'static str,
    steps: &'static [Step],
    states: &'static [State],
}

/// Things whose state changes, one of each kind.
const THINGS: &str = "
    insert into affiliate (username, name, email) values ('anna', 'Anna Pending', 'anna@example.com');
    insert into verification_document (document_id, affiliate_id, document_type, object_name, content_type, size_bytes, content_sha256)
        values ('doc_one', 1, 'tax', 'aa/one', 'image/png', 9, sha256('one'));
    insert into affiliate_request (request_id, affiliate_id, request_type, vendor_id) values ('req_one', 1, 'other', 1);
    insert into invitation (invitation_id, email, token_sha256, invited_by, expires_at)
        values ('inv_one', 'guest@example.com', sha256('one'), 'Ada', now() + interval '1 day');
    insert into coupon (public_id, vendor_id, coupon_code, link_id, since) values ('cpn_one', 1, 'TEA', 1, '2026-01-01');
    insert into webhook_target (target_id, url, topics, sealed_secret) values ('wht_one', 'http://127.0.0.1:9/', '{order.settled}', 'x');
    insert into webhook_message (message_id, topic, payload) values ('msg_one', 'test', '{}');
    insert into webhook_delivery (message_id, target_id, next_attempt_at) values ('msg_one', 'wht_one', null);
    insert into account (account_id, email, name, role) values ('acc_one', 'finn@example.com', 'Finn Finance', 'finance');
    insert into api_key (api_key_id, name, secret_sha256, scopes) values ('keyone01', 'One', sha256('one'), '{reports:read}');
    insert into payout_batch (payout_batch_id, currency, requested_by) values ('po_one', 'EUR', 'Tilda Treasurer');
";

const JUDGED: [Step; 2] = [("approve", ""), ("reject", r#"{"reason": "not this time"}"#)];
const DECIDED: [Step; 5] = [JUDGED[0], JUDGED[1], ("suspend", ""), ("block", ""), ("reactivate", "")];
const NOTED: [Step; 2] = [("approve", r#"{"note": "seen"}"#), ("reject", r#"{"note": "not this time"}"#)];
const ANSWERED: [Step; 2] = [("approve", "{}"), ("reject", r#"{"response_message": "not this time"}"#)];
const REVIEWED: [Step; 2] = [("release", "{}"), ("confirm", "{}")];
const SWITCHED: [Step; 2] = [("activate", ""), ("deactivate", "")];

#[expect(clippy::too_many_lines, reason = "a table")]
async fn machines(world: &World) -> Vec<Machine> {
    let column = async |query: &'static str| world.column(query).await.remove(0);
    let anna = format!("/v1/affiliates/{}", world.name_of(3).await);
    let vendor = column("select public_id from vendor where vendor_id = 2").await;
    vec![
        Machine {
            path: anna.clone(),
            row: "affiliate where affiliate_id = 3",
            steps: &DECIDED,
            states: &[
                (
                    "pending",
                    "set status = 'pending', approved_at = null, rejection_reason = null, is_active = true",
                    &["approve", "reject", "suspend", "block"],
                ),
                (
                    "approved",
                    "set status = 'approved', approved_at = now(), rejection_reason = null, is_active = true",
                    &["suspend", "block"],
                ),
                (
                    "rejected",
                    "set status = 'rejected', approved_at = null, rejection_reason = 'no', is_active = true",
                    &["suspend", "block"],
                ),
                (
                    "suspended",
                    "set status = 'approved', approved_at = now(), rejection_reason = null, is_active = false",
                    &["reactivate"],
                ),
            ],
        },
        Machine {
            path: format!("/v1/affiliates/{}/documents/doc_one", world.name_of(1).await),
            row: "verification_document where document_id = 'doc_one'",
            steps: &JUDGED,
            states: &[
                (
                    "pending",
                    "set status = 'pending', rejection_reason = null, verified_at = null, reviewer = null",
                    &["approve", "reject"],
                ),
                (
                    "approved",
                    "set status = 'approved', rejection_reason = null, verified_at = now(), reviewer = 'Ada'",
                    &[],
                ),
                (
                    "rejected",
                    "set status = 'rejected', rejection_reason = 'no', verified_at = now(), reviewer = 'Ada'",
                    &[],
                ),
            ],
        },
        Machine {
            path: "/v1/requests/req_one".to_owned(),
            row: "affiliate_request where request_id = 'req_one'",
            steps: &ANSWERED,
            states: &[
                (
                    "pending",
                    "set status = 'pending', response_message = null, responded_at = null, responded_by = null",
                    &["approve", "reject"],
                ),
                ("approved", "set status = 'approved', responded_at = now(), responded_by = 'Ada'", &[]),
                ("rejected", "set status = 'rejected', responded_at = now(), responded_by = 'Ada'", &[]),
            ],
        },
        Machine {
            path: "/v1/invitations/inv_one".to_owned(),
            row: "invitation where invitation_id = 'inv_one'",
            steps: &[("resend", ""), ("revoke", "")],
            states: &[
                (
                    "sent",
                    "set opened_at = null, accepted_at = null, affiliate_id = null, revoked_at = null, \
                     expires_at = now() + interval '1 day'",
                    &["resend", "revoke"],
                ),
                ("opened", "set opened_at = now(), revoked_at = null", &["resend", "revoke"]),
                (
                    "expired",
                    "set expires_at = now() - interval '1 day', revoked_at = null",
                    &["resend", "revoke"],
                ),
                ("accepted", "set accepted_at = now(), affiliate_id = 1, revoked_at = null", &[]),
                ("revoked", "set accepted_at = null, affiliate_id = null, revoked_at = now()", &[]),
            ],
        },
        Machine {
            path: format!("/v1/vendors/{vendor}"),
            row: "vendor where vendor_id = 2",
            steps: &SWITCHED,
            states: &[
                ("active", "set is_active = true", &["deactivate"]),
                ("inactive", "set is_active = false", &["activate"]),
            ],
        },
        Machine {
            path: "/v1/links/summer-1".to_owned(),
            row: "link where code = 'summer-1'",
            steps: &SWITCHED,
            states: &[
                ("active", "set is_active = true", &["deactivate"]),
                ("inactive", "set is_active = false", &["activate"]),
            ],
        },
        Machine {
            path: "/v1/coupons/cpn_one".to_owned(),
            row: "coupon where public_id = 'cpn_one'",
            steps: &[("end", "")],
            states: &[("current", "set until = null", &["end"]), ("ended", "set until = '2026-01-02'", &[])],
        },
        Machine {
            path: "/v1/webhook-targets/wht_one".to_owned(),
            row: "webhook_target where target_id = 'wht_one'",
            steps: &[("enable", ""), ("disable", ""), ("test", "")],
            states: &[
                ("disabled", "set disabled_at = now(), disabled_reason = 'by hand'", &["enable"]),
                ("enabled", "set disabled_at = null, disabled_reason = null", &["disable", "test"]),
            ],
        },
        Machine {
            path: "/v1/webhook-targets/wht_one/deliveries/msg_one".to_owned(),
            row: "webhook_delivery where message_id = 'msg_one'",
            steps: &[("retry", "")],
            states: &[
                ("delivered", "set delivered_at = now(), next_attempt_at = null", &[]),
                ("given up", "set delivered_at = null, next_attempt_at = null", &["retry"]),
            ],
        },
        Machine {
            path: "/v1/accounts/acc_one".to_owned(),
            row: "account where account_id = 'acc_one'",
            steps: &[("enable", ""), ("disable", ""), ("reset", "")],
            states: &[
                ("enabled", "set disabled_at = null", &["disable", "reset"]),
                ("disabled", "set disabled_at = now()", &["enable"]),
            ],
        },
        Machine {
            path: "/v1/api-keys/keyone01".to_owned(),
            row: "api_key where api_key_id = 'keyone01'",
            steps: &[("revoke", "")],
            states: &[
                ("good", "set revoked_at = null", &["revoke"]),
                ("revoked", "set revoked_at = now()", &[]),
            ],
        },
        Machine {
            path: "/v1/payouts/po_one".to_owned(),
            row: "payout_batch where payout_batch_id = 'po_one'",
            steps: &NOTED,
            states: &[
                (
                    "requested",
                    "set state = 'requested', decided_by = null, decided_at = null, paid_at = null",
                    &[],
                ),
                ("empty", "set state = 'empty'", &[]),
                ("open", "set state = 'open', decided_by = null, decided_at = null", &["approve", "reject"]),
                ("approved", "set state = 'approved', decided_by = 'Otto', decided_at = now()", &[]),
                ("rejected", "set state = 'rejected', decided_by = 'Otto', decided_at = now()", &[]),
                ("paid", "set state = 'paid', decided_by = 'Otto', decided_at = now(), paid_at = now()", &[]),
            ],
        },
        Machine {
            path: "/v1/holds/ord_a1001/fast_order".to_owned(),
            row: "hold where order_ref = 'A-1001' and flag = 'fast_order'",
            steps: &REVIEWED,
            states: &[
                (
                    "open",
                    "set state = 'open', reviewed_by = null, reviewed_at = null",
                    &["release", "confirm"],
                ),
                ("released", "set state = 'released', reviewed_by = 'Ada', reviewed_at = now()", &[]),
                ("confirmed", "set state = 'confirmed', reviewed_by = 'Ada', reviewed_at = now()", &[]),
            ],
        },
        Machine {
            path: "/v1/order-events/1/evt-9".to_owned(),
            row: "order_event where vendor_id = 1 and event_id = 'evt-9'",
            steps: &[("unpark", "{}")],
            states: &[("let in", "set parked = null", &[])],
        },
    ]
}

/// A row as one text.
async fn row(world: &World, row: &str) -> String {
    let (table, rest) = row.split_once(' ').expect("a table and a condition");
    sqlx::query_scalar(AssertSqlSafe(format!("select t::text from {table} t {rest}")))
        .fetch_one(&world.owner)
        .await
        .expect("one row")
}

#[tokio::test]
async fn a_step_that_the_state_does_not_allow_is_a_conflict_and_changes_nothing() {
    let world = World::with_orders().await;
    world.run(THINGS).await;
    let key = world.key("anybody", None, &SCOPES.map(console::auth::Scope::name)).await;
    let (mut refused, mut taken, mut wrong) = (0, 0, String::new());
    for Machine { path, row: which, steps, states } in machines(&world).await {
        for (name, set, allowed) in states {
            for (step, body) in steps {
                let (table, condition) = which.split_once(' ').expect("a table and a condition");
                world.run(&format!("update {table} {set} {condition}")).await;
                let before = row(&world, which).await;
                let path = format!("{path}/{step}");
                let mut headers = vec![("authorization", key.as_str())];
                if !body.is_empty() {
                    headers.push(("content-type", "application/json"));
                }
                let answer = world.send("POST", &path, &headers, body).await;
                let is_unchanged = row(&world, which).await == before;
                let is_right = if allowed.contains(step) {
                    taken += 1;
                    (200..300).contains(&answer.status)
                } else {
                    refused += 1;
                    answer.status == 409 && is_unchanged && answer.body.contains("\"code\"")
                };
                if !is_right {
                    let _ = writeln!(wrong, "{name}: {path}: {} {}", answer.status, answer.body);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!((taken, refused), (36, 51), "steps that lead on, and steps that do not");
}
