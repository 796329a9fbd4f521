//! The style sheet and the icon, inside the binary. Their addresses carry a hash of what is in them, so browsers keep
//! them for ever and still never show an old one.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// Cache-Control of what never changes under its address.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

const STYLE: &str = include_str!("../assets/console.css");
const ICON: &str = include_str!("../assets/icon.svg");

const STYLE_HASH: u64 = hash(STYLE.as_bytes());
const ICON_HASH: u64 = hash(ICON.as_bytes());

/// Where the style sheet is.
pub fn style_address() -> String {
    format!("/assets/console-{STYLE_HASH:016x}.css")
}

/// Where the icon is.
pub fn icon_address() -> String {
    format!("/assets/icon-{ICON_HASH:016x}.svg")
}

/// The routes of both.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(&style_address(), get(async || forever("text/css; charset=utf-8", STYLE)))
        .route(&icon_address(), get(async || forever("image/svg+xml", ICON)))
}

fn forever(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOREVER)], text)
}

/// FNV-1a: tells versions of one file apart; nobody gains by a collision.
const fn hash(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
