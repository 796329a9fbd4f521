//! `/live/waiting`: how much waits for somebody's decision, for the contents at the side, kept fresh without a reload.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use sqlx::PgConnection;

use super::render;
use super::visit::Visit;
use crate::db;
use crate::problem::Failure;
use crate::server::App;

#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting {
    affiliates: i64,
    requests: i64,
    holds: i64,
    payouts: i64,
}

/// Answers the parts that the contents put in their places. Whoever decides nothing gets none.
pub(crate) async fn waiting(State(app): State<App>, visit: Visit) -> Response {
    if visit.caller.require_operator().is_err() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let outcome = async {
        let mut snapshot = db::tenant_snapshot(&app, &visit.caller).await?;
        let waiting = count(&mut snapshot).await?;
        snapshot.commit().await?;
        Ok::<_, Failure>(waiting)
    };
    match outcome.await {
        Ok(waiting) => render(StatusCode::OK, &waiting),
        Err(failure) => {
            failure.log();
            failure.kind().0.into_response()
        }
    }
}

async fn count(conn: &mut PgConnection) -> sqlx::Result<Waiting> {
    sqlx::query_as!(
        Waiting,
        r#"select
             (select count(*) from affiliate where status = 'pending') as "affiliates!",
             (select count(*) from affiliate_request where status = 'pending') as "requests!",
             (select count(*) from hold where state = 'open') as "holds!",
             (select count(*) from payout_batch where state = 'open') as "payouts!""#
    )
    .fetch_one(conn)
    .await
}
