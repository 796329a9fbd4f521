//! Which addresses may be called. A vendor says where to call; it must not make us call what only we can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far calls reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The public internet and nothing else.
    Public,
    /// This machine as well, without TLS: for a demo and for tests.
    LoopbackToo,
}

impl Reach {
    /// Whether this address may be called.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical(); // an IPv4 address in IPv6 clothes is an IPv4 address
        match address {
            _ if address.is_loopback() => self == Self::LoopbackToo,
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        }
    }
}

/// RFC 6890 and its successors: everything that is not somebody's own network, shared, reserved or for documents.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = a == 0
        || address.is_private()
        || address.is_link_local() // with the metadata services of clouds
        || a == 100 && (64..128).contains(&b) // shared by customers of a carrier
        || a == 192 && b == 0 && c == 0
        || a == 192 && b == 88 && c == 99
        || a == 198 && (18..20).contains(&b)
        || address.is_documentation()
        || a >= 224; // multicast, reserved, broadcast
    !is_special && !address.is_loopback()
}

/// Global unicast is `2000::/3`; the parts of it that lead elsewhere are left out, and so are tunnels, which carry any
/// IPv4 address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_unicast = first & 0xe000 == 0x2000;
    let is_special = match first {
        0x2001 => second < 0x0200 || second == 0x0db8, // protocol assignments with Teredo, and documents
        0x2002 => true,                                // 6to4
        0x3fff => second < 0x1000,                     // documents again
        _ => false,
    };
    is_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(reach: Reach, text: &str) -> bool {
        reach.allows(text.parse().expect(text))
    }

    #[test]
    fn only_the_public_internet_is_called() {
        for public in [
            "93.184.216.34",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(allows(Reach::Public, public), "{public}");
        }
        for inside in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.1.2.3",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:127.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allows(Reach::Public, inside), "{inside}");
        }
        for ours in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(allows(Reach::LoopbackToo, ours), "{ours}");
        }
        for inside in ["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1"] {
            assert!(!allows(Reach::LoopbackToo, inside), "{inside}");
        }
    }
}
