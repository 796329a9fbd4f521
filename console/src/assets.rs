//! What pages load: the style sheet, our script, the two libraries, the font and the icon, all inside the binary. Their
//! addresses carry a hash of what is in them, so browsers keep them for ever and still never show an old one.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

/// Cache-Control of what never changes under its address.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

/// Where the font is: the style sheet names it, so its address is fixed and changes with the file's name.
const FONT_ADDRESS: &str = "/assets/plex-sans.woff2";
const FONT: &[u8] = include_bytes!("../assets/vendor/plex-sans.woff2");

const STYLE: &str = concat!(
    include_str!("../assets/css/tokens.css"),
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/shell.css"),
    include_str!("../assets/css/parts.css"),
    include_str!("../assets/css/tables.css"),
    include_str!("../assets/css/forms.css"),
);

/// The addresses of everything a page loads.
#[derive(Debug)]
pub struct Addresses {
    /// The style sheet.
    pub style: String,
    /// Our own script: what makes pages quicker to use; none needs it.
    pub script: String,
    /// htmx, which loads parts of pages.
    pub htmx: String,
    /// uPlot, which draws charts, and its style sheet.
    pub uplot: String,
    /// Its style sheet.
    pub uplot_style: String,
    /// The icon.
    pub icon: String,
}

/// One file.
struct Asset {
    address: String,
    kind: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        Self { address: format!("/assets/{stem}-{:016x}.{ending}", hash(bytes)), kind, bytes }
    }
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

static ASSETS: LazyLock<[Asset; 6]> = LazyLock::new(|| {
    [
        Asset::new("console", "css", CSS, STYLE.as_bytes()),
        Asset::new("console", "js", JS, include_bytes!("../assets/console.js")),
        Asset::new("htmx", "js", JS, include_bytes!("../assets/vendor/htmx.min.js")),
        Asset::new("uplot", "js", JS, include_bytes!("../assets/vendor/uplot.min.js")),
        Asset::new("uplot", "css", CSS, include_bytes!("../assets/vendor/uplot.min.css")),
        Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
    ]
});

static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| {
    let [style, script, htmx, uplot, uplot_style, icon] =
        ASSETS.each_ref().map(|asset| asset.address.clone());
    Addresses { style, script, htmx, uplot, uplot_style, icon }
});

/// Where everything is.
pub fn addresses() -> &'static Addresses {
    &ADDRESSES
}

/// The routes of all of it.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let router = Router::new().route(FONT_ADDRESS, get(async || forever("font/woff2", FONT)));
    ASSETS.iter().fold(router, |router, asset| {
        router.route(&asset.address, get(async || forever(asset.kind, asset.bytes)))
    })
}

fn forever(kind: &'static str, bytes: &'static [u8]) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOREVER)], bytes).into_response()
}

/// FNV-1a: tells versions of one file apart; nobody gains by a collision.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
