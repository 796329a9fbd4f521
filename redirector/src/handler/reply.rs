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

/// An answer, before it is put into headers.
#[derive(Debug)]
pub enum Reply {
    /// 302 to here.
    Redirect(HeaderValue),
    /// Anything else.
    Page(Response<Body>),
}

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");
/// No copy of an answer may be used again: a click that a cache answers is a click that is lost.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOINDEX: HeaderValue = HeaderValue::from_static("noindex, nofollow");
const REFERRER: HeaderValue = HeaderValue::from_static("no-referrer-when-downgrade");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
/// Seconds after which asking for a link again may help.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("2");
/// Room for more headers than this is given back with the answer: browsers send fifteen.
const ROOM_KEPT: usize = 64;

impl Reply {
    /// The whole answer, made in the request's own header map, which nobody wants any more.
    ///
    /// hyper reads the next request's headers into the map of this answer. A map that is large enough for both is made
    /// once for each connection, and not twice for each request.
    pub fn into_response(self, mut headers: HeaderMap) -> Response<Body> {
        let location = match self {
            Self::Redirect(location) => location,
            Self::Page(page) => return page,
        };
        headers.clear();
        if headers.capacity() > ROOM_KEPT {
            headers = HeaderMap::new();
        }
        headers.insert(LOCATION, location);
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(REFERRER_POLICY, REFERRER);
        headers.insert(X_ROBOTS_TAG, NOINDEX);
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::FOUND;
        *response.headers_mut() = headers;
        response
    }
}

/// Prepared headers.
#[derive(Debug)]
pub(crate) struct Replies {
    page: HeaderMap,
}

impl Replies {
    pub(crate) fn new() -> Self {
        let mut page = HeaderMap::with_capacity(8);
        page.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        page.insert(CACHE_CONTROL, NO_STORE);
        page.insert(X_ROBOTS_TAG, NOINDEX);
        page.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
        page.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        Self { page }
    }

    /// 302 to `location`.
    pub(crate) fn redirect(&self, location: Vec<u8>) -> Reply {
        // Destinations are checked and values encoded, so this never fails; if it did, the shopper gets a page.
        let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(location)) else {
            return self.unavailable();
        };
        Reply::Redirect(location)
    }

    /// A page.
    pub(crate) fn page(&self, status: u16, html: &'static str) -> Reply {
        self.page_with(status, html, [])
    }

    /// A page after which the connection is closed: what follows on it cannot be trusted to be a request.
    pub(crate) fn closing(&self, status: u16, html: &'static str) -> Reply {
        self.page_with(status, html, [(CONNECTION, CLOSE)])
    }

    /// 503: come back soon.
    pub(crate) fn unavailable(&self) -> Reply {
        self.page_with(503, crate::pages::UNAVAILABLE, [(RETRY_AFTER, RETRY_SECONDS)])
    }

    /// 405.
    pub(crate) fn wrong_method(&self) -> Reply {
        let allow = (ALLOW, HeaderValue::from_static("GET, HEAD"));
        self.page_with(405, crate::pages::METHOD, [(CONNECTION, CLOSE), allow])
    }

    /// Plain text.
    pub(crate) fn text(&self, text: &'static str) -> Reply {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        self.page_with(200, text, [(CONTENT_TYPE, plain)])
    }

    fn page_with<const N: usize>(
        &self,
        status: u16,
        html: &'static str,
        more: [(HeaderName, HeaderValue); N],
    ) -> Reply {
        let mut reply = Response::new(Body::from(html));
        *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *reply.headers_mut() = self.page.clone();
        for (name, value) in more {
            reply.headers_mut().insert(name, value);
        }
        Reply::Page(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uses_the_requests_headers_again_and_says_none_of_them() {
        let replies = Replies::new();
        for (asked, kept) in [(0, false), (15, true), (100, false)] {
            let mut headers = HeaderMap::new();
            for number in 0..asked {
                let name: HeaderName = format!("x-header-{number}").parse().expect("a name");
                headers.insert(name, HeaderValue::from_static("theirs"));
            }
            let room = headers.capacity();
            let reply = replies.redirect(b"https://shop.example.com/".to_vec()).into_response(headers);
            let said: Vec<_> = reply.headers().keys().map(HeaderName::as_str).collect();
            assert_eq!(said, ["location", "cache-control", "referrer-policy", "x-robots-tag"]);
            assert_eq!(reply.headers().capacity() == room, kept, "{asked} headers");
            assert_eq!(
                (reply.status(), reply.headers()[LOCATION].as_bytes()),
                (StatusCode::FOUND, &b"https://shop.example.com/"[..])
            );
        }
    }
}
