//! `/openapi.json`: what the API answers, worked out from the handlers themselves, and `/docs`, a page that shows it
//! without a script from anywhere.

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};

use crate::auth::session;
use crate::pages;
use crate::server::App;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Linkledger",
        description = "Times are RFC 3339 in UTC. Lists are pages: `starting_after` names the last row of the page before. \
                       Errors are problem details (RFC 9457) with a `code` to branch on and the `field` that is wrong.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Ways)
)]
struct Described;

/// The ways to say who calls.
struct Ways;

impl Modify for Ways {
    fn modify(&self, described: &mut OpenApi) {
        let components = described.components.get_or_insert_default();
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `llk_…`"))
            .build();
        components.add_security_scheme("key", SecurityScheme::Http(key));
        let cookie = ApiKeyValue::with_description(
            session::COOKIE,
            "A session (POST /v1/session). What changes something needs its csrf_token in X-CSRF-Token too.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// What is described before any route is.
pub fn described() -> OpenApi {
    Described::openapi()
}

/// The two addresses that tell.
pub fn routes(described: &OpenApi) -> Router<App> {
    let page = pages::docs::Docs::of(described);
    let text = described.to_json().unwrap_or_default();
    let json = move || {
        let text = text.clone();
        async move { tell(text) }
    };
    Router::new().route("/openapi.json", get(json)).route("/docs", get(move || async move { page.show() }))
}

fn tell(text: String) -> Response {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], text).into_response()
}
