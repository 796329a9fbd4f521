//! Private Redis and Postgres servers: found on this machine, started in a folder, never shared with anyone else.
//!
//! Nothing here touches a server it did not start: every instance has its own folder, a free loopback port and a
//! random password. `onebox up` supervises them ([`redis`], [`postgres`]); tests own them directly ([`Redis`],
//! [`Postgres`], [`RedisCluster`]).

mod account;
mod cluster;
mod find;
mod fixture;
pub mod postgres;
pub mod redis;
mod shared;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net;
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;

pub use self::cluster::RedisCluster;
pub use self::find::{Found, Programs};
pub use self::fixture::{Postgres, Redis};
pub use self::shared::{SharedPostgres, shared_postgres};

/// How much a server cares for its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Survives a power cut, as far as the server's own settings promise.
    Kept,
    /// Survives the death of any process, but not of the machine: what tests need, and much faster.
    Scratch,
}

/// Ports that servers are given: below 32768, where Linux begins to lend ports to outgoing connections. A client that
/// reconnects to a killed server could be lent that server's own port, and the server could not come back.
const SERVER_PORTS: RangeInclusive<u16> = 20_000..=31_999;
/// How many of them to try before taking any port at all.
const PORT_TRIES: u32 = 200;

/// Ports that this process has given away, whether or not somebody listens on them yet. Two of one house that happened
/// to be the same would let one service answer for another.
static GIVEN: Mutex<BTreeMap<u16, Option<net::UnixListener>>> = Mutex::new(BTreeMap::new());

/// A loopback port that is free now, and is given to nobody else by this program or another of ours while it runs.
pub fn free_port() -> io::Result<u16> {
    free_port_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).map(|address| address.port())
}

/// The same interface with a port that is free now.
pub(crate) fn free_port_on(mut address: SocketAddr) -> io::Result<SocketAddr> {
    let (first, count) = (*SERVER_PORTS.start(), SERVER_PORTS.len() as u32);
    for _ in 0..PORT_TRIES {
        let random = getrandom::u32().map_err(io::Error::other)?;
        address.set_port(first + (random % count) as u16);
        if is_free(address) && give(address.port()) {
            return Ok(address);
        }
    }
    TcpListener::bind((address.ip(), 0))?.local_addr()
}

/// Notes that a port is somebody's. False: it was before, here or in another program.
///
/// Between choosing a port and listening on it seconds go by, in which it looks free. So a name is held that belongs to this
/// machine's network as the port does, leaves no file behind, and is let go of by the kernel when this process ends.
pub(crate) fn give(port: u16) -> bool {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if given.contains_key(&port) {
        return false;
    }
    let name = net::SocketAddr::from_abstract_name(format!("linkledger-port-{port}"));
    let held = match name.and_then(|name| net::UnixListener::bind_addr(&name)) {
        Ok(held) => Some(held),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return false,
        // Without such names, others are only unlikely to choose the same.
        Err(_) => None,
    };
    given.insert(port, held);
    true
}

/// Whether a port that was chosen before is ours, now if not yet.
pub(crate) fn keep(port: u16) -> bool {
    give(port) || GIVEN.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&port)
}

/// Whether something could listen on this address now.
pub(crate) fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

/// `bytes` random bytes as hexadecimal text: passwords and keys that need no escaping anywhere.
pub fn random_hex(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(HEXLOWER.encode(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        // Of 500 ports that are only free, some ten pairs would be the same.
        let ports: Vec<u16> = (0..500).map(|_| free_port().expect("a port")).collect();
        assert_eq!(ports.iter().collect::<std::collections::BTreeSet<_>>().len(), ports.len());
        assert!(ports.iter().all(|port| !give(*port) && keep(*port)));
    }

    #[test]
    fn what_another_program_chose_is_left_alone() {
        let port = free_port().expect("a port");
        // As another program would find it: this one has forgotten it, and still holds its name.
        let held = GIVEN.lock().expect("the ports").remove(&port).flatten().expect("a name is held");
        assert!(is_free(([127, 0, 0, 1], port).into()), "nobody listens yet");
        assert!(!give(port) && !keep(port));
        drop(held);
        assert!(give(port));
    }
}
