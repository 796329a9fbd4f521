//! Hosts that a vendor's links may lead to: `shop.example.com` itself, or with `.example.com` any name below.

use std::fmt;
use std::str::FromStr;

use url::Host;

/// One entry of a vendor's list, in ASCII and lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowedHost(String);

/// Why a text cannot be on the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a host: write shop.example.com, or .example.com for every name below it, without scheme, port or path"
)]
pub struct BadHost(String);

impl AllowedHost {
    /// Whether a host, in ASCII and lower case as parsers give it, is this one or below it.
    pub fn covers(&self, host: &str) -> bool {
        match self.0.strip_prefix('.') {
            // The dot is part of what must match: `evilexample.com` is not below `.example.com`.
            Some(_) => host.len() > self.0.len() && host.ends_with(&self.0),
            None => host == self.0,
        }
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AllowedHost {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let bad = || BadHost(text.chars().take(80).collect());
        let (dot, name) = text.strip_prefix('.').map_or(("", text), |name| (".", name));
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(bad());
        }
        let host = Host::parse(name).map_err(|_| bad())?;
        if let Host::Domain(name) = &host {
            let labels = name.split('.').filter(|label| !label.is_empty()).count();
            // Every shop of the world is below `.com`; a single name is a machine in somebody's network.
            if labels != name.split('.').count() || labels < 2 && name != "localhost" {
                return Err(bad());
            }
        } else if !dot.is_empty() {
            return Err(bad());
        }
        Ok(Self(format!("{dot}{host}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> AllowedHost {
        text.parse().expect(text)
    }

    #[test]
    fn a_name_is_itself_and_a_dot_is_everything_below() {
        for (entry, yes, no) in [
            (
                "example.com",
                vec!["example.com"],
                vec!["shop.example.com", "example.com.evil.test", "example.co"],
            ),
            (
                ".example.com",
                vec!["shop.example.com", "a.b.example.com"],
                vec!["example.com", "evilexample.com", ".example.com", "example.com.evil.test"],
            ),
            ("192.0.2.7", vec!["192.0.2.7"], vec!["192.0.2.70"]),
            ("[2001:db8::7]", vec!["[2001:db8::7]"], vec!["[2001:db8::70]"]),
        ] {
            for name in yes {
                assert!(host(entry).covers(name), "{entry} covers {name}");
            }
            for name in no {
                assert!(!host(entry).covers(name), "{entry} does not cover {name}");
            }
        }
    }

    #[test]
    fn entries_are_stored_in_one_spelling() {
        for (text, stored) in [
            ("Shop.Example.COM", "shop.example.com"),
            (".Bücher.example", ".xn--bcher-kva.example"),
            ("localhost", "localhost"),
            ("0x7f.1", "127.0.0.1"),
        ] {
            assert_eq!(host(text).as_str(), stored);
        }
    }

    #[test]
    fn whatever_is_not_a_host_is_refused() {
        for bad in [
            "",
            ".",
            "..",
            "com",
            ".com",
            "..example.com",
            "example..com",
            "example.com.",
            "https://example.com",
            "example.com/path",
            "example.com:8443",
            "user@example.com",
            "*.example.com",
            "exa mple.com",
            "example.com\n",
            ".127.0.0.1",
            "%65xample.com",
        ] {
            assert!(bad.parse::<AllowedHost>().is_err(), "{bad:?}");
        }
    }
}
