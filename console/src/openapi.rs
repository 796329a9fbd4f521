//! `/openapi.json`: what the API answers, worked out from the handlers themselves, and `/docs`, a page that shows it
//! without a script from anywhere.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::handler::Handler;
use axum::http::header;
use axum::routing::{MethodFilter, MethodRouter, get};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{HttpMethod, OpenApi};
use utoipa::{Modify, OpenApi as _};

use crate::auth::session;
use crate::pages::docs::Docs;
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

/// Routes, and what tells of each when somebody asks. Telling costs more than all the rest of a start.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    tellers: Vec<Teller>,
}

/// Adds one operation, and the shapes it speaks of, to the description.
type Teller = fn(&mut OpenApi);

/// The operations of one address.
#[derive(Default)]
pub(crate) struct Address {
    path: String,
    methods: MethodRouter<App>,
    tellers: Vec<Teller>,
}

/// The handlers of one address, each described by `#[utoipa::path]`: `routes!(vendors::list, vendors::create)`.
macro_rules! routes {
    (@told $handler:ident) => { pastey::paste! { [<__path_ $handler>] } };
    (@told $module:ident :: $($rest:ident)::+) => { $crate::openapi::routes!(@told ($module) $($rest)::+) };
    (@told ($($module:ident)::+) $handler:ident) => { pastey::paste! { $($module)::+::[<__path_ $handler>] } };
    (@told ($($module:ident)::+) $next:ident :: $($rest:ident)::+) => {
        $crate::openapi::routes!(@told ($($module)::+::$next) $($rest)::+)
    };
    ($($($part:ident)::+),+ $(,)?) => {
        $crate::openapi::Address::default()$(.with($crate::openapi::routes!(@told $($part)::+), $($part)::+))+
    };
}

pub(crate) use routes;

impl Address {
    /// One more operation. `P` is what `#[utoipa::path]` made of the handler.
    pub(crate) fn with<P, H, T>(mut self, _described: P, handler: H) -> Self
    where
        P: utoipa::Path + Tags<'static> + SchemaReferences,
        H: Handler<T, App>,
        T: 'static,
    {
        self.path = P::path();
        let methods = P::methods().iter().map(filter).reduce(MethodFilter::or);
        self.methods = self.methods.on(methods.expect("every operation has a method"), handler);
        self.tellers.push(tell::<P>);
        self
    }
}

impl Routes {
    /// No route yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One more address.
    pub(crate) fn routes(mut self, address: Address) -> Self {
        self.router = self.router.route(&address.path, address.methods);
        self.tellers.extend(address.tellers);
        self
    }

    /// All of these, and those.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.tellers.extend(other.tellers);
        self
    }

    /// All of these, and the two addresses that tell of them.
    pub(crate) fn told(self) -> Router<App> {
        let told = Arc::new(Told { tellers: self.tellers, known: OnceLock::new() });
        let of_page = told.clone();
        let json =
            move || async move { ([(header::CONTENT_TYPE, "application/json")], told.known().0.clone()) };
        let page = move || async move { of_page.known().1.show() };
        self.router.route("/openapi.json", get(json)).route("/docs", get(page))
    }
}

/// The description as text and as a page, made when it is first asked for.
struct Told {
    tellers: Vec<Teller>,
    known: OnceLock<(Bytes, Docs)>,
}

impl Told {
    fn known(&self) -> &(Bytes, Docs) {
        self.known.get_or_init(|| {
            let mut described = Described::openapi();
            for tell in &self.tellers {
                tell(&mut described);
            }
            (described.to_json().unwrap_or_default().into(), Docs::of(&described))
        })
    }
}

fn tell<P>(described: &mut OpenApi)
where
    P: utoipa::Path + Tags<'static> + SchemaReferences,
{
    let mut operation = P::operation();
    operation.tags.get_or_insert_default().extend(P::tags().iter().map(ToString::to_string));
    described.paths.add_path_operation(P::path(), P::methods(), operation);
    let mut shapes = Vec::new();
    P::schemas(&mut shapes);
    described.components.get_or_insert_default().schemas.extend(shapes);
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}
