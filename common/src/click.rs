//! Deciding what one request gets: the whole answer follows from the link, a few facts and the time.

use crate::link::Standing;

/// What the answer depends on besides the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What was asked for.
    pub method: Method,
    /// A browser guesses that the shopper may click soon. It is not a click.
    pub prefetch: bool,
    /// A program asks, not a person.
    pub bot: bool,
}

/// The methods the edge answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A click.
    Get,
    /// A look at a click's answer. Never counted.
    Head,
}

/// How a click is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person.
    Human,
    /// A bot: redirected like anybody, counted apart.
    Filtered,
}

/// What the edge does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Record the click, then redirect with a token.
    Track(Audience),
    /// Redirect without a token, count nothing.
    Pass,
    /// Refuse a prefetch for now: if it got the redirect, the browser would use it and the real click never come.
    Later,
    /// The link is paused or expired: send the shopper to the vendor's fallback, or show that it has ended.
    Ended,
}

/// Decides for a link that exists.
pub fn decide(standing: Standing, facts: Facts) -> Decision {
    match (standing, facts.method) {
        _ if facts.prefetch => Decision::Later,
        (Standing::Paused | Standing::Expired, _) => Decision::Ended,
        (Standing::Active, Method::Head) => Decision::Pass,
        (Standing::Active, Method::Get) if facts.bot => Decision::Track(Audience::Filtered),
        (Standing::Active, Method::Get) => Decision::Track(Audience::Human),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_decided() {
        use Decision::{Ended, Later, Pass, Track};
        use Standing::{Active, Expired, Paused};
        let get = Facts { method: Method::Get, prefetch: false, bot: false };
        let bot = Facts { bot: true, ..get };
        let head = Facts { method: Method::Head, ..get };
        let prefetch = Facts { prefetch: true, ..get };
        for (standing, facts, decision) in [
            (Active, get, Track(Audience::Human)),
            (Active, bot, Track(Audience::Filtered)),
            (Active, head, Pass),
            (Active, Facts { bot: true, ..head }, Pass),
            (Active, prefetch, Later),
            (Active, Facts { bot: true, ..prefetch }, Later),
            (Paused, get, Ended),
            (Expired, bot, Ended),
            (Paused, head, Ended),
            (Expired, prefetch, Later),
        ] {
            assert_eq!(decide(standing, facts), decision, "{standing:?} {facts:?}");
        }
    }
}
