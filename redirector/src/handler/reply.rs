//! Answers, made of parts that are prepared once.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

/// Bodies are whole and small.
pub type Body = Full<Bytes>;
/// An answer.
pub type Reply = Response<Body>;

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");
/// No copy of an answer may be used again: a click that a cache answers is a click that is lost.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOINDEX: HeaderValue = HeaderValue::from_static("noindex, nofollow");
/// Seconds after which asking for a link again may help.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// Prepared headers.
#[derive(Debug)]
pub(crate) struct Replies {
    redirect: HeaderMap,
    page: HeaderMap,
}

impl Replies {
    pub(crate) fn new() -> Self {
        let mut redirect = HeaderMap::with_capacity(6);
        redirect.insert(LOCATION, HeaderValue::from_static("/"));
        redirect.insert(CACHE_CONTROL, NO_STORE);
        redirect.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer-when-downgrade"));
        redirect.insert(X_ROBOTS_TAG, NOINDEX);
        let mut page = HeaderMap::with_capacity(8);
        page.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        page.insert(CACHE_CONTROL, NO_STORE);
        page.insert(X_ROBOTS_TAG, NOINDEX);
        page.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
        page.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        Self { redirect, page }
    }

    /// 302 to `location`.
    pub(crate) fn redirect(&self, location: Vec<u8>) -> Reply {
        // Destinations are checked and values encoded, so this never fails; if it did, the shopper gets a page.
        let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(location)) else {
            return self.unavailable();
        };
        let mut reply = Response::new(Body::default());
        *reply.status_mut() = StatusCode::FOUND;
        *reply.headers_mut() = self.redirect.clone();
        if let Some(slot) = reply.headers_mut().get_mut(LOCATION) {
            *slot = location;
        }
        reply
    }

    /// A page.
    pub(crate) fn page(&self, status: u16, html: &'static str) -> Reply {
        let mut reply = Response::new(Body::from(html));
        *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *reply.headers_mut() = self.page.clone();
        reply
    }

    /// A page after which the connection is closed: what follows on it cannot be trusted to be a request.
    pub(crate) fn closing(&self, status: u16, html: &'static str) -> Reply {
        let mut reply = self.page(status, html);
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        reply
    }

    /// 503: come back soon.
    pub(crate) fn unavailable(&self) -> Reply {
        let mut reply = self.page(503, crate::pages::UNAVAILABLE);
        reply.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
        reply
    }

    /// 405.
    pub(crate) fn wrong_method(&self) -> Reply {
        let mut reply = self.closing(405, crate::pages::METHOD);
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        reply
    }

    /// Plain text.
    pub(crate) fn text(&self, text: &'static str) -> Reply {
        let mut reply = self.page(200, text);
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        reply
    }
}
