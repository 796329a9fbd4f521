//! How the console is reached from outside: by which names, whether through TLS, and what it shows to everybody.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

use crate::problem::Failure;

/// Who may read `/v1/reports` without a key or a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// Nobody.
    Closed,
    /// Everybody who reaches the listener, which is then a loopback address.
    OpenOnThisMachine,
}

/// Whether the people of a demo can be signed in as without a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guests {
    /// Nobody can.
    Unknown,
    /// Everybody on this machine may act as them: all they could see or spoil is made up.
    Welcome,
}

/// An address that people type: `https://console.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// `https` or `http`.
    pub scheme: String,
    /// Name and port, in lower case, the scheme's own port left out.
    pub authority: String,
}

/// The console as others see it.
#[derive(Clone, Debug)]
pub struct Front {
    /// `None`: loopback names only, plain HTTP.
    pub public: Option<PublicUrl>,
    /// Where it listens; links in mails lead there when there is no public address.
    pub address: SocketAddr,
    /// Who may read reports.
    pub reports: Reports,
    /// Whether it shows a demo.
    pub guests: Guests,
    /// Proxies that say truly whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
}

impl Front {
    /// Whether browsers come through TLS.
    pub fn is_https(&self) -> bool {
        self.public.as_ref().is_some_and(|public| public.scheme == "https")
    }

    /// The session's cookie. Through TLS its name makes browsers refuse one that another name of the domain planted.
    pub fn cookie_name(&self) -> &'static str {
        if self.is_https() { "__Host-linkledger" } else { "linkledger" }
    }

    /// Whether reports need no credentials.
    pub fn has_open_reports(&self) -> bool {
        self.reports == Reports::OpenOnThisMachine
    }

    /// What links in mails begin with, without a final slash.
    pub fn base_url(&self) -> String {
        match &self.public {
            Some(public) => format!("{}://{}", public.scheme, public.authority),
            None => format!("http://{}", self.address),
        }
    }

    /// The origin of our own pages, as a browser names it that sent these headers.
    pub fn origin(&self, headers: &HeaderMap) -> Option<String> {
        let host = headers.get(header::HOST)?.to_str().ok()?.to_ascii_lowercase();
        match &self.public {
            Some(public) if public.authority == host => Some(self.base_url()),
            _ => Some(format!("http://{host}")),
        }
    }

    /// Only our own names may lead here: a page of another site that points its name at our address gets nothing.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Failure::NoHost) };
        let authority: Authority =
            host.to_str().ok().and_then(|host| host.parse().ok()).ok_or(Failure::NoHost)?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_loopback = name.eq_ignore_ascii_case("localhost")
            || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let is_public = self
            .public
            .as_ref()
            .is_some_and(|public| public.authority.eq_ignore_ascii_case(authority.as_str()));
        if (is_loopback || is_public) && !authority.as_str().contains('@') {
            Ok(())
        } else {
            Err(Failure::ForeignHost)
        }
    }

    /// Whose request it is: the right-most address that is not a proxy of ours. What stands left of it anybody may have
    /// written.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let is_ours = |address: &IpAddr| self.trusted_proxies.iter().any(|net| net.contains(address));
        if !is_ours(&peer) {
            return peer;
        }
        let said: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let mut nearest = peer;
        for said in said.iter().rev() {
            let Ok(address) = said.trim().parse::<IpAddr>() else { return nearest };
            nearest = address.to_canonical();
            if !is_ours(&nearest) {
                return nearest;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(public: Option<&str>) -> Front {
        let public =
            public.map(|authority| PublicUrl { scheme: "https".to_owned(), authority: authority.to_owned() });
        Front {
            public,
            address: SocketAddr::from(([127, 0, 0, 1], 8081)),
            reports: Reports::Closed,
            guests: Guests::Unknown,
            trusted_proxies: vec!["10.0.0.0/8".parse().expect("a net")],
        }
    }

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().expect("a header value"));
        }
        headers
    }

    #[test]
    fn only_our_names_are_answered() {
        let verdict = |front: &Front, hosts: &[&str]| {
            front.check_host(&headers("host", hosts)).err().map(|failure| failure.kind().1)
        };
        let (local, public) = (front(None), front(Some("console.example.com")));
        for good in
            ["localhost", "LOCALHOST:8081", "127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "127.8.0.1:1"]
        {
            assert_eq!(verdict(&local, &[good]), None, "{good}");
            assert_eq!(verdict(&public, &[good]), None, "{good}");
        }
        assert_eq!(verdict(&public, &["Console.example.com"]), None);
        for foreign in [
            "shop.example.com",
            "localhost.example.com",
            "10.0.0.1:8081",
            "127.0.0.1.example.com",
            "a@localhost",
            "console.example.com:8081",
            "console.example.com.",
        ] {
            assert_eq!(verdict(&public, &[foreign]), Some("foreign_host"), "{foreign}");
        }
        assert_eq!(verdict(&local, &["console.example.com"]), Some("foreign_host"));
        assert_eq!(verdict(&local, &[]), Some("bad_host"));
        assert_eq!(verdict(&local, &["localhost", "localhost"]), Some("bad_host"));
        assert_eq!(verdict(&local, &["local host"]), Some("bad_host"));
    }

    #[test]
    fn proxies_of_ours_are_believed_and_no_others() {
        let client = |peer: &str, said: &[&str]| {
            let peer = peer.parse().expect("an address");
            front(None).client(peer, &headers("x-forwarded-for", said)).to_string()
        };
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.1.1.1"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["198.51.100.7", "nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
