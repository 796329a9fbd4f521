//! Where everything listens: as wanted, and as it turns out on this machine.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use tracing::info;

use crate::servers::{free_port_on, give, is_free};

/// What to do about an address that somebody else listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenTaken {
    /// People were told this address: it must not move without being asked to.
    Refuse,
    /// Nobody asked for this one by name: any free port will do.
    MoveAside,
}

/// One address that is wanted. Port 0 wants any free port.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The flag it was wanted with, for complaints.
    pub flag: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What to do if it is taken.
    pub when_taken: WhenTaken,
}

/// Where everything listens; `A` is [`Wanted`] first and [`SocketAddr`] once it is settled.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<A> {
    /// Shoppers' clicks.
    pub redirect: A,
    /// The console's pages.
    pub console: A,
    /// The redirector's admin port.
    pub redirector_admin: A,
    /// The aggregator's admin port.
    pub aggregator_admin: A,
    /// The console's admin port.
    pub console_admin: A,
}

impl Addresses<Wanted> {
    /// Chooses a real port for each, naming all that cannot be had at once.
    ///
    /// Call it when nothing of this installation runs any more.
    pub(crate) fn settle(&self) -> anyhow::Result<Addresses<SocketAddr>> {
        let all =
            [self.redirect, self.console, self.redirector_admin, self.aggregator_admin, self.console_admin];
        let taken: Vec<String> =
            all.iter().filter(|wanted| !wanted.can_be_had()).map(Wanted::complaint).collect();
        ensure!(
            taken.is_empty(),
            "cannot listen on {}: taken, or not an address of this machine; stop what uses it, or give another \
             address (port 0 takes a free one)",
            taken.join(" and ")
        );
        for wanted in all {
            give(wanted.address.port());
        }
        Ok(Addresses {
            redirect: self.redirect.settle()?,
            console: self.console.settle()?,
            redirector_admin: self.redirector_admin.settle()?,
            aggregator_admin: self.aggregator_admin.settle()?,
            console_admin: self.console_admin.settle()?,
        })
    }
}

impl Wanted {
    fn can_be_had(&self) -> bool {
        self.when_taken == WhenTaken::MoveAside || is_free(self.address)
    }

    fn complaint(&self) -> String {
        format!("{} ({})", self.address, self.flag)
    }

    fn settle(&self) -> anyhow::Result<SocketAddr> {
        if self.address.port() != 0 && is_free(self.address) {
            return Ok(self.address);
        }
        let free = free_port_on(self.address).with_context(|| format!("no free port for {}", self.flag))?;
        if self.address.port() != 0 {
            info!(flag = self.flag, "{} is taken; using {free} instead", self.address);
        }
        Ok(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_default_moves_and_a_taken_wish_is_refused() {
        let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = holder.local_addr().expect("an address");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let wanted = |flag, address, when_taken| Wanted { flag, address, when_taken };
        let addresses = |redirect| Addresses {
            redirect,
            console: wanted("--console-listen", any, WhenTaken::Refuse),
            redirector_admin: wanted("--redirector-admin", taken, WhenTaken::MoveAside),
            aggregator_admin: wanted("--aggregator-admin", any, WhenTaken::MoveAside),
            console_admin: wanted("--console-admin", any, WhenTaken::MoveAside),
        };
        let settled =
            addresses(wanted("--redirect-listen", any, WhenTaken::Refuse)).settle().expect("all free");
        assert_ne!(settled.redirect.port(), 0);
        assert_ne!(settled.redirector_admin, taken);
        let refused = addresses(wanted("--redirect-listen", taken, WhenTaken::Refuse)).settle();
        let error = refused.expect_err("taken").to_string();
        assert!(error.contains(&format!("{taken} (--redirect-listen)")), "{error}");
    }
}
