//! How many requests one caller may send: a bucket of tokens for each credential, and for each address without one.
//!
//! Orders are not limited here: the door has its own measure of too much, and a shop's burst is what we are for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use runtime::clock;
use sha2::{Digest as _, Sha256};

use crate::front::Front;
use crate::problem::{Failure, ForPrograms};
use crate::server::Peer;

/// Callers that are remembered. A bucket that is full again is forgotten first; 64 bytes each.
const MAX_BUCKETS: usize = 20_000;
/// Requests in a burst, in seconds of the lasting rate.
const BURST_S: f64 = 10.0;
/// The window that the headers speak of, in seconds.
const WINDOW_S: f64 = 60.0;

/// The buckets.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests a second that last.
    rate: f64,
    buckets: Arc<Mutex<HashMap<[u8; 16], Bucket>>>,
    front: Arc<Front>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What is left after a request, or how long to wait for the next.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Verdict {
    is_allowed: bool,
    remaining: u64,
    /// Seconds until a token is there again.
    wait_s: u64,
}

impl Limits {
    /// So many requests a minute.
    pub fn new(per_minute: u32, front: Arc<Front>) -> Self {
        Self { rate: f64::from(per_minute) / WINDOW_S, buckets: Arc::default(), front }
    }

    fn capacity(&self) -> f64 {
        (self.rate * BURST_S).max(1.0)
    }

    /// Takes a token from a bucket.
    fn take(&self, key: [u8; 16], now: Instant) -> Verdict {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&key) {
            self.make_room(&mut buckets, now);
        }
        let fresh = Bucket { tokens: self.capacity(), at: now };
        let bucket = buckets.entry(key).or_insert(fresh);
        bucket.tokens = self.filled(bucket, now);
        bucket.at = now;
        let is_allowed = bucket.tokens >= 1.0;
        if is_allowed {
            bucket.tokens -= 1.0;
        }
        let wait_s = ((1.0 - bucket.tokens).max(0.0) / self.rate).ceil() as u64;
        Verdict { is_allowed, remaining: bucket.tokens as u64, wait_s }
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + since * self.rate).min(self.capacity())
    }

    /// Forgets full buckets; when none is full, all: a moment's grace is better than memory without end.
    fn make_room(&self, buckets: &mut HashMap<[u8; 16], Bucket>, now: Instant) {
        buckets.retain(|_, bucket| self.filled(bucket, now) < self.capacity());
        if buckets.len() >= MAX_BUCKETS {
            buckets.clear();
        }
    }

    fn add_headers(&self, verdict: Verdict, headers: &mut HeaderMap) {
        let policy = format!("\"caller\";q={};w={}", (self.rate * WINDOW_S) as u64, WINDOW_S as u64);
        let now = format!("\"caller\";r={};t={}", verdict.remaining, verdict.wait_s);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
            headers.insert(name, HeaderValue::try_from(value).expect("plain characters"));
        }
    }
}

/// Refuses with 429 what is too much, and tells the rest how much is left.
pub async fn limit(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/v1/") || is_door(path) {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<Peer>().map(|peer| limits.front.client(peer.0, request.headers()));
    let address = key_of_address(peer);
    let credential = key_of_credential(request.headers());
    let now = clock::monotonic();
    let verdict = limits.take(credential.unwrap_or(address), now);
    let mut response = if verdict.is_allowed {
        next.run(request).await
    } else {
        ForPrograms(Failure::TooManyRequests(verdict.wait_s.max(1))).into_response()
    };
    // Whoever tries credentials has a bucket of its own for each: the address pays for those that were bad.
    if credential.is_some() && response.status() == StatusCode::UNAUTHORIZED {
        let verdict = limits.take(address, now);
        if !verdict.is_allowed {
            response = ForPrograms(Failure::TooManyRequests(verdict.wait_s.max(1))).into_response();
        }
    }
    limits.add_headers(verdict, response.headers_mut());
    response
}

/// Where shops report orders.
fn is_door(path: &str) -> bool {
    path == "/v1/orders/batch"
        || path == "/v1/orders"
        || path.starts_with("/v1/webhooks/")
        || path.starts_with("/v1/postback/")
}

fn key_of_credential(headers: &HeaderMap) -> Option<[u8; 16]> {
    let credential = headers.get(header::AUTHORIZATION).or_else(|| headers.get(header::COOKIE))?;
    Some(digest(b"credential", credential.as_bytes()))
}

fn key_of_address(address: Option<IpAddr>) -> [u8; 16] {
    match address {
        None => digest(b"address", b""),
        Some(IpAddr::V4(address)) => digest(b"address", &address.octets()),
        // One machine has a whole /64.
        Some(IpAddr::V6(address)) => digest(b"address", &address.octets()[..8]),
    }
}

fn digest(kind: &[u8], text: &[u8]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::front::{Guests, Reports};

    fn limits(per_minute: u32) -> Limits {
        let front = Front {
            public: None,
            address: ([127, 0, 0, 1], 0).into(),
            reports: Reports::Closed,
            guests: Guests::Unknown,
            trusted_proxies: Vec::new(),
        };
        Limits::new(per_minute, Arc::new(front))
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (limits, now) = (limits(60), clock::monotonic());
        for left in (0..10).rev() {
            assert_eq!(
                limits.take([1; 16], now),
                Verdict { is_allowed: true, remaining: left, wait_s: u64::from(left == 0) }
            );
        }
        assert!(!limits.take([1; 16], now).is_allowed);
        assert!(limits.take([2; 16], now).is_allowed, "each has its own");
        assert!(limits.take([1; 16], now + Duration::from_secs(1)).is_allowed);
        assert!(!limits.take([1; 16], now + Duration::from_secs(1)).is_allowed);
        assert_eq!(
            limits.take([1; 16], now + Duration::from_hours(1)).remaining,
            9,
            "and never more than full"
        );
    }

    #[test]
    fn memory_has_an_end() {
        let (limits, now) = (limits(60), clock::monotonic());
        for caller in 0..50_000_u128 {
            limits.take(caller.to_le_bytes(), now);
        }
        assert!(limits.buckets.lock().expect("not poisoned").len() <= MAX_BUCKETS);
    }
}
