//! What a request says, read in one pass over its headers, and whether it may be answered at all.

use common::traffic::{Hints, is_prefetch};
use hyper::header::{
    ACCEPT_LANGUAGE, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, REFERER, TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{Method, Uri, Version};

/// Longer request targets are refused: no link needs them.
const MAX_TARGET: usize = 8 * 1024;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
const X_PURPOSE: HeaderName = HeaderName::from_static("x-purpose");
const X_MOZ: HeaderName = HeaderName::from_static("x-moz");

/// The parts of a request that a redirect depends on.
#[derive(Debug, Default)]
pub(crate) struct Said<'a> {
    pub(crate) user_agent: &'a [u8],
    pub(crate) accept_language: &'a [u8],
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) prefetch: bool,
    /// Whether `X-Forwarded-For` is there; who believes it reads it from the headers.
    pub(crate) forwarded: bool,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not one Host, or a coded body: two parties on the way may read it as two different requests.
    Malformed,
    /// The target is too long.
    TargetTooLong,
    /// It carries a body.
    Body,
    /// Neither GET nor HEAD.
    Method,
}

/// Reads a request's line and headers.
pub(crate) fn read<'a>(
    method: &Method,
    uri: &Uri,
    version: Version,
    headers: &'a HeaderMap,
) -> Result<Said<'a>, Refusal> {
    let mut said = Said::default();
    let mut hints = Hints::default();
    let mut hosts = 0;
    let mut body = false;
    for (name, value) in headers {
        let value = value.as_bytes();
        // Lengths first: most headers of a browser are none of these.
        match name.as_str().len() {
            4 if name == HOST => hosts += 1,
            5 if name == X_MOZ => hints.x_moz = Some(value),
            7 if name == REFERER => said.referer = Some(value),
            7 if name == PURPOSE => hints.purpose = Some(value),
            9 if name == X_PURPOSE => hints.x_purpose = Some(value),
            10 if name == USER_AGENT => said.user_agent = value,
            11 if name == SEC_PURPOSE => hints.sec_purpose = Some(value),
            14 if name == CONTENT_LENGTH => body |= value != b"0",
            15 if name == ACCEPT_LANGUAGE => said.accept_language = value,
            15 if name == X_FORWARDED_FOR => said.forwarded = true,
            17 if name == TRANSFER_ENCODING => return Err(Refusal::Malformed),
            _ => {}
        }
    }
    if hosts > 1 || (hosts == 0 && version >= Version::HTTP_11) {
        return Err(Refusal::Malformed);
    }
    if uri.path_and_query().map_or(0, |target| target.as_str().len()) > MAX_TARGET {
        return Err(Refusal::TargetTooLong);
    }
    if body {
        return Err(Refusal::Body);
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::Method);
    }
    said.prefetch = is_prefetch(hints);
    Ok(said)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[track_caller]
    fn check(method: &str, target: &str, headers: &[(&str, &str)], expect: Option<Refusal>) {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let read = read(request.method(), request.uri(), request.version(), request.headers());
        assert_eq!(read.err(), expect, "{method} {target:.40} {headers:?}");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let host = ("host", "a.example.com");
        check("GET", "/demo", &[host], None);
        check("HEAD", "/demo", &[host, ("content-length", "0")], None);
        check("GET", "/demo", &[], Some(Refusal::Malformed));
        check("GET", "/demo", &[host, host], Some(Refusal::Malformed));
        check("GET", "/demo", &[host, ("transfer-encoding", "chunked")], Some(Refusal::Malformed));
        check("GET", "/demo", &[host, ("content-length", "5")], Some(Refusal::Body));
        check("POST", "/demo", &[host], Some(Refusal::Method));
        check("POST", "/demo", &[host, ("content-length", "5")], Some(Refusal::Body));
        check("GET", &format!("/{}", "x".repeat(9_000)), &[host], Some(Refusal::TargetTooLong));
    }
}
