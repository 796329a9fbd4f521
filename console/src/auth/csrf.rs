//! Whether a request that changes something was meant: a browser sends our cookie along with whatever a page of another
//! site makes it send. So such requests must come from our own pages, and carry a token that only our pages know.
//!
//! The token is worked out from the cookie: whoever can compute it can read the cookie already.

use axum::http::{HeaderMap, HeaderValue, header};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Caller, Via};
use crate::front::Front;
use crate::problem::Failure;

/// Where programs send the token.
pub const HEADER: &str = "x-csrf-token";

/// Where forms send it.
pub const FIELD: &str = "csrf_token";

/// The token that goes with a session.
pub(super) fn token(session_secret: &str) -> String {
    let mut mac =
        <Hmac<Sha256>>::new_from_slice(session_secret.as_bytes()).expect("a key of any length is good");
    mac.update(b"linkledger csrf");
    BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
}

/// Refuses what a browser says comes from elsewhere. Every browser of the last years says so one way or the other; what
/// says nothing is no browser, and has no cookie that it was not given on purpose.
pub fn check_origin(front: &Front, headers: &HeaderMap) -> Result<(), Failure> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_foreign_site = site.is_some_and(|site| site != b"same-origin");
    let is_foreign_origin = headers.get_all(header::ORIGIN).iter().any(|origin| {
        let ours = front.origin(headers);
        origin.to_str().ok() != ours.as_deref()
    });
    if is_foreign_site || is_foreign_origin { Err(Failure::CrossSite) } else { Ok(()) }
}

/// Refuses a session's request without the token in its header.
pub(super) fn check_header(caller: &Caller, headers: &HeaderMap) -> Result<(), Failure> {
    check(caller, headers.get(HEADER).map_or(&[], HeaderValue::as_bytes))
}

/// Refuses a session's form without the token.
pub fn check(caller: &Caller, presented: &[u8]) -> Result<(), Failure> {
    match &caller.via {
        Via::Session { csrf, .. } if !bool::from(csrf.as_bytes().ct_eq(presented)) => {
            Err(Failure::NoCsrfToken)
        }
        _ => Ok(()),
    }
}
