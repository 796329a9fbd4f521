//! `GET /clk.js`: the script that a shop puts on its pages, so that a click's token is still there at the checkout.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

/// Kept for a day: shops embed it under this one address, so a mended one must reach them.
pub const CACHED: &str = "public, max-age=86400, stale-while-revalidate=604800";

const SCRIPT: &str = include_str!("../../assets/clk.js");

/// The script. Pages of other sites may load it: it holds nothing of ours.
pub(super) async fn show() -> Response {
    let mut response = SCRIPT.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, CACHED),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
