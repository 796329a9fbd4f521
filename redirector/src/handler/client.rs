//! Who asks: the address of the shopper, not of the proxies in between, and its country.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use common::traffic::Country;
use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;
use maxminddb::Reader;

/// Proxies in a row that are believed; a longer list is somebody playing.
const MAX_HOPS: usize = 16;

/// The proxies whose word counts.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// These networks and no others.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The shopper's address: the right-most one that is not a proxy of ours. What stands left of it anybody may
    /// have written.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
        let mut client = peer.to_canonical();
        if !self.contains(client) {
            return client;
        }
        let lists: Vec<&str> = headers.get_all(FORWARDED).iter().filter_map(|v| v.to_str().ok()).collect();
        let hops = lists.iter().rev().flat_map(|list| list.rsplit(','));
        for hop in hops.take(MAX_HOPS) {
            let Some(address) = parse(hop.trim()) else { break };
            client = address;
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

/// An address as proxies write it: bare, with a port, in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

/// A database of countries in the MMDB format.
#[derive(Debug)]
pub struct Countries(Reader<Vec<u8>>);

impl Countries {
    /// Reads the whole file.
    pub fn open(path: &Path) -> Result<Self, String> {
        let reader = Reader::open_readfile(path);
        reader
            .map(Self)
            .map_err(|error| format!("cannot use {} as a country database: {error}", path.display()))
    }

    /// The country of an address, in either of the usual layouts; unknown when it is not in there.
    pub(crate) fn of(&self, address: IpAddr) -> Country {
        use maxminddb::PathElement::Key;
        let Ok(found) = self.0.lookup(address) else { return Country::default() };
        let nested = found.decode_path::<&str>(&[Key("country"), Key("iso_code")]);
        let letters = match nested {
            Ok(Some(letters)) => Some(letters),
            _ => found.decode_path::<&str>(&[Key("country_code")]).ok().flatten(),
        };
        letters.and_then(Country::parse).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expect: &str) {
        let networks = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|n| n.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a value"));
        }
        let client = Proxies::new(networks.to_vec()).client(peer.parse().expect("an address"), &headers);
        assert_eq!(client.to_string(), expect, "{peer} {forwarded:?}");
    }

    /// A database of one node: addresses below 128.0.0.0 in one layout, those above in the other.
    fn database() -> Vec<u8> {
        let text = |s: &str| [&[0x40 | s.len() as u8][..], s.as_bytes()].concat();
        let map = |pairs: &[(&str, Vec<u8>)]| {
            let inner = pairs.iter().flat_map(|(key, value)| [text(key), value.clone()].concat());
            [&[0xe0 | pairs.len() as u8][..], &inner.collect::<Vec<_>>()].concat()
        };
        let nested = map(&[("country", map(&[("iso_code", text("SE"))]))]);
        let flat = map(&[("country_code", text("de"))]);
        let pointer = |at: usize| [0, 0, (1 + 16 + at) as u8];
        let number = |n: u8| vec![0xa1, n];
        let metadata = map(&[
            ("node_count", vec![0xc1, 1]),
            ("record_size", number(24)),
            ("ip_version", number(4)),
            ("database_type", text("test")),
            ("languages", vec![0x00, 0x04]),
            ("binary_format_major_version", number(2)),
            ("binary_format_minor_version", vec![0xa0]),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("description", vec![0xe0]),
        ]);
        let tree = [pointer(0), pointer(nested.len())].concat();
        [&tree[..], &[0; 16], &nested, &flat, b"\xab\xcd\xefMaxMind.com", &metadata].concat()
    }

    #[test]
    fn countries_are_found_in_both_layouts() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("countries.mmdb");
        std::fs::write(&path, database()).expect("writable");
        let countries = Countries::open(&path).expect("a database");
        let of = |address: &str| countries.of(address.parse().expect("an address")).to_string();
        assert_eq!((of("10.0.0.1"), of("203.0.113.7")), ("SE".to_owned(), "DE".to_owned()));
        assert_eq!(of("2001:db8::1"), "unknown", "not in a database of IPv4");
        std::fs::write(&path, b"not a database").expect("writable");
        let error = Countries::open(&path).expect_err("refused at the start");
        assert!(error.contains("countries.mmdb"), "{error}");
    }

    #[test]
    fn the_right_most_address_that_is_not_ours_is_the_client() {
        check("203.0.113.5", &["198.51.100.1"], "203.0.113.5");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.66, 198.51.100.1, 10.2.3.4"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.66", "198.51.100.1", "10.2.3.4"], "198.51.100.1");
        check("::ffff:10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("2001:db8:ffff::1", &["[2001:db8::7]:80"], "2001:db8::7");
        check("2001:db8:ffff::1", &["[2001:db8::7]"], "2001:db8::7");
        check("10.0.0.1", &["10.9.9.9, 10.2.3.4"], "10.9.9.9");
        check("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1");
        check("10.0.0.1", &["nonsense, 10.2.3.4"], "10.2.3.4");
        check("10.0.0.1", &[], "10.0.0.1");
    }
}
