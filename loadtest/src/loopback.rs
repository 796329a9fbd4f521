//! Traffic goes to this machine only. Nothing in this crate connects anywhere before it has asked here.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// The address of `http://host:port`, if it is one of this machine's own.
///
/// Every address the name resolves to must be loopback: a name that also leads elsewhere is refused.
pub fn http_target(url: &str) -> anyhow::Result<SocketAddr> {
    let authority = url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'))
        .filter(|rest| !rest.contains(['/', '?', '#', '@']))
        .ok_or_else(|| anyhow::anyhow!("cannot use {url:?}: give http://host:port without a path"))?;
    let authority = if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
    let addresses: Vec<SocketAddr> = authority
        .to_socket_addrs()
        .map_err(|error| anyhow::anyhow!("cannot resolve {authority:?}: {error}"))?
        .collect();
    if let Some(foreign) = addresses.iter().find(|address| !address.ip().is_loopback()) {
        anyhow::bail!("{url} leads to {foreign}, which is not this machine; load is sent to loopback only");
    }
    addresses.first().copied().ok_or_else(|| anyhow::anyhow!("{authority:?} has no address"))
}

fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_taken_and_everything_else_refused() {
        for (url, address) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.9.9.9:1/", "127.9.9.9:1"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://127.0.0.1", "127.0.0.1:80"),
        ] {
            assert_eq!(http_target(url).expect(url).to_string(), address);
        }
        for url in [
            "http://192.0.2.1:80",
            "http://0.0.0.0:8080",
            "http://[2001:db8::1]:80",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8080/path",
            "http://user@127.0.0.1:8080",
            "127.0.0.1:8080",
            "http://",
        ] {
            assert!(http_target(url).is_err(), "{url} was taken");
        }
    }
}
