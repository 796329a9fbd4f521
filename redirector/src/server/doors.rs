//! How many may come in: in all, and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::handler::Proxies;

/// Limits on connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// In all.
    pub connections: usize,
    /// From one address (one /64 of IPv6). Trusted proxies are not limited: they carry everybody.
    pub per_address: u32,
    /// The trusted proxies.
    pub proxies: Proxies,
}

/// Counts connections.
#[derive(Debug)]
pub struct Doors {
    limits: Limits,
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub struct Seat {
    doors: Arc<Doors>,
    address: Option<IpAddr>,
}

impl Doors {
    /// Nobody is in.
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: AtomicUsize::new(0), by_address: Mutex::default() }
    }

    /// How many are in.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Lets one in. `None`: there are too many already, in all or from there.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let limited = !self.limits.proxies.contains(peer);
        let seat = Seat { doors: self.clone(), address: limited.then(|| household(peer)) };
        // From here on the seat's drop gives back what was taken.
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let mut from_there = 0;
        if let Some(address) = seat.address {
            let mut by_address = self.by_address.lock();
            let count = by_address.entry(address).or_insert(0);
            *count += 1;
            from_there = *count;
        }
        (before < self.limits.connections && from_there <= self.limits.per_address).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.doors.open.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut by_address = self.doors.by_address.lock();
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_seats_are_given_back() {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
        let doors = Arc::new(Doors::new(Limits { connections: 4, per_address: 2, proxies }));
        let from = |text: &str| doors.enter(text.parse().expect("an address"));
        let mut seats = vec![from("2001:db8::1"), from("2001:db8::2")];
        assert!(seats.iter().all(Option::is_some));
        assert!(from("2001:db8::3").is_none(), "one household");
        seats.extend([from("10.0.0.1"), from("10.0.0.1")]);
        assert!(seats.iter().all(Option::is_some), "proxies carry everybody");
        assert!(from("10.0.0.1").is_none(), "but the whole is limited");
        seats.clear();
        assert_eq!((doors.open(), doors.by_address.lock().len()), (0, 0));
        assert!(from("2001:db8::3").is_some());
    }
}
