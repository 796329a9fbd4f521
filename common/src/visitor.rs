//! Telling visitors apart without knowing who they are.
//!
//! A visitor is a keyed hash (SipHash-2-4) of address, user agent and accepted languages; nothing else of them is
//! kept. **Keyed is a must**: the hash inside Redis's sketches is public, so whoever could choose the elements would
//! raise or sink a count of unique visitors at will, and whoever found an unkeyed hash could try all addresses
//! until it fits. The keys change with the calendar month: visitors of two months cannot be linked, and sketches may
//! be united within a month only. No link id goes in, so sketches unite across links, days and vendors.

use std::hash::Hasher as _;
use std::net::{IpAddr, Ipv6Addr};

use siphasher::sip::SipHasher24;

use crate::secret::{Master, Purpose};

/// The keys of one month.
#[derive(Clone)]
pub struct Keys {
    visitor: SipHasher24,
    prefix: SipHasher24,
    agent: SipHasher24,
}

impl Keys {
    /// The keys of `year_month` (`yyyymm`, UTC), as [`crate::time::Day::year_month`] names it.
    pub fn for_month(master: &Master, year_month: u32) -> Self {
        let hasher = |purpose| {
            let key = master.derive(purpose, &year_month.to_be_bytes());
            SipHasher24::new_with_key(key.first_chunk().expect("32 bytes begin with 16"))
        };
        Self {
            visitor: hasher(Purpose::Visitor),
            prefix: hasher(Purpose::AddressPrefix),
            agent: hasher(Purpose::UserAgent),
        }
    }

    /// The user agent's hash. The header is long and repeats: an edge keeps the hash beside its classification.
    pub fn ua_hash(&self, ua: &[u8]) -> u64 {
        self.agent.hash(ua)
    }

    /// The visitor, never 0.
    ///
    /// An IPv6 address counts by its first 64 bits: the rest belongs to one household and changes by the day.
    pub fn visitor(&self, ip: IpAddr, ua_hash: u64, accept_language: &[u8]) -> u64 {
        let mut who = [0; 16];
        who[..8].copy_from_slice(&household(ip).to_be_bytes());
        who[8..].copy_from_slice(&ua_hash.to_be_bytes());
        let mut hasher = self.visitor;
        hasher.write(&who);
        hasher.write(accept_language);
        hasher.finish().max(1)
    }

    /// The network the address lies in: /24 of IPv4, /48 of IPv6.
    pub fn ip_prefix_hash(&self, ip: IpAddr) -> u32 {
        let network = match ip.to_canonical() {
            IpAddr::V4(ip) => V4_MARK | u64::from(u32::from(ip) & !0xff),
            IpAddr::V6(ip) => high_half(ip) & !0xffff,
        };
        self.prefix.hash(&network.to_be_bytes()) as u32
    }
}

/// `::ffff:0:0/96` seen in 64 bits: no routed IPv6 network begins with sixteen zero and sixteen one bits, so an IPv4
/// address never looks like one.
const V4_MARK: u64 = 0x0000_ffff_0000_0000;

fn household(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => V4_MARK | u64::from(u32::from(ip)),
        IpAddr::V6(ip) => high_half(ip),
    }
}

fn high_half(ip: Ipv6Addr) -> u64 {
    (u128::from(ip) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(year_month: u32) -> Keys {
        let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        Keys::for_month(&Master::parse(secret).expect("a secret"), year_month)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn visitor(address: &str, agent: &str, language: &str) -> u64 {
        let keys = keys(202_611);
        keys.visitor(ip(address), keys.ua_hash(agent.as_bytes()), language.as_bytes())
    }

    #[test]
    fn hashes_are_pinned() {
        // Made with another implementation of HKDF and SipHash: stored sketches depend on them.
        let keys = keys(202_611);
        let agent = keys.ua_hash(b"agent");
        assert_eq!(agent, 0xacec_9951_6079_bfc9);
        assert_eq!(keys.visitor(ip("203.0.113.7"), agent, b"en"), 0x851d_c98c_37b4_8468);
        assert_eq!(keys.ip_prefix_hash(ip("203.0.113.7")), 0x523e_d658);
    }

    #[test]
    fn a_visitor_is_address_agent_and_language() {
        let one = visitor("203.0.113.7", "agent", "en");
        assert_eq!(one, visitor("203.0.113.7", "agent", "en"));
        assert_eq!(one, visitor("::ffff:203.0.113.7", "agent", "en"), "the same address, written as IPv6");
        for other in [
            visitor("203.0.113.8", "agent", "en"),
            visitor("203.0.113.7", "agents", "en"),
            visitor("203.0.113.7", "agent", "de"),
            visitor("203.0.113.7", "agent", ""),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_household_is_one_visitor_by_ipv6() {
        let one = visitor("2001:db8:1:2::1", "agent", "en");
        assert_eq!(one, visitor("2001:db8:1:2:ffff:ffff:ffff:ffff", "agent", "en"));
        assert_ne!(one, visitor("2001:db8:1:3::1", "agent", "en"));
    }

    #[test]
    fn a_prefix_is_a_network() {
        let keys = keys(202_611);
        let prefix = |text| keys.ip_prefix_hash(ip(text));
        assert_eq!(prefix("203.0.113.7"), prefix("203.0.113.200"));
        assert_eq!(prefix("203.0.113.7"), prefix("::ffff:203.0.113.9"));
        assert_ne!(prefix("203.0.113.7"), prefix("203.0.114.7"));
        assert_eq!(prefix("2001:db8:1:2::1"), prefix("2001:db8:1:ffff::1"));
        assert_ne!(prefix("2001:db8:1::1"), prefix("2001:db8:2::1"));
    }

    #[test]
    fn another_month_has_other_visitors() {
        let (november, december) = (keys(202_611), keys(202_612));
        let of = |keys: &Keys| {
            (
                keys.ua_hash(b"a"),
                keys.visitor(ip("203.0.113.7"), 1, b"en"),
                keys.ip_prefix_hash(ip("203.0.113.7")),
            )
        };
        let (a, b) = (of(&november), of(&december));
        assert!(a.0 != b.0 && a.1 != b.1 && a.2 != b.2);
        assert_ne!(november.ua_hash(b"a"), november.visitor.hash(b"a"), "each purpose has its own key");
    }
}
