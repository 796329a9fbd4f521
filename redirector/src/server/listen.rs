//! Where connections come from: sockets of our own, or sockets that the service manager holds and hands over. Those outlive
//! us, so connections made while one process replaces another wait in them for the next: nobody is refused.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tracing::debug;

/// Connections the kernel completes before we accept them: a burst, and no more than a slow core answers before people leave.
/// Whoever finds it full is not heard, and knocks again a second later.
const BACKLOG: i32 = 1_024;
/// In every kernel, and allowed to everybody.
const CONGESTION_CONTROL: &[u8] = b"reno";

/// Where shoppers come in.
#[derive(Debug)]
pub enum Listen {
    /// At an address. Port 0 takes a free one.
    At(SocketAddr),
    /// Through sockets that were handed over, one at least.
    Handed(Vec<TcpListener>),
}

impl Listen {
    /// What the service manager handed over (`LISTEN_FDS`); without that, the address. Asked once and before there are
    /// threads: it takes the variables out of the environment, so that no other process takes them for its own.
    pub fn handed_or(address: SocketAddr) -> Result<Self, String> {
        let mut handed = ListenFd::from_env();
        let mut sockets = Vec::with_capacity(handed.len());
        for n in 0..handed.len() {
            let wrong = |why: &dyn std::fmt::Display| format!("socket {n} that was handed over: {why}");
            let socket = handed.take_tcp_listener(n).map_err(|error| wrong(&error))?;
            let socket = socket.ok_or_else(|| wrong(&"it is missing"))?;
            if !SockRef::from(&socket).is_listener().map_err(|error| wrong(&error))? {
                return Err(wrong(&"it does not listen (the unit must say Accept=no)"));
            }
            sockets.push(socket);
        }
        Ok(if sockets.is_empty() { Self::At(address) } else { Self::Handed(sockets) })
    }

    /// One listener for each worker, and their address. At an address each has a socket of its own, and the kernel spreads
    /// connections over them; sockets that were handed over are shared when they are fewer than the workers.
    pub fn open(self, workers: usize) -> anyhow::Result<(SocketAddr, Vec<TcpListener>)> {
        match self {
            Self::At(address) => bind(address, workers),
            Self::Handed(sockets) => share(&sockets, workers),
        }
    }
}

fn bind(mut address: SocketAddr, workers: usize) -> anyhow::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut listeners = Vec::with_capacity(workers);
    for _ in 0..workers {
        let listener = bind_one(address).with_context(|| {
            format!("cannot listen on {address}; is it in use, or not an address of this machine?")
        })?;
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok((address, listeners))
}

fn bind_one(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    let listener = plain(socket.into());
    let socket = SockRef::from(&listener);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(listener)
}

fn share(sockets: &[TcpListener], workers: usize) -> anyhow::Result<(SocketAddr, Vec<TcpListener>)> {
    let count = sockets.len();
    anyhow::ensure!(
        count <= workers,
        "{count} sockets were handed over for {workers} workers: nobody would look at the others; hand over fewer, or \
         raise --workers"
    );
    let shared = sockets.iter().cycle().take(workers).map(|socket| {
        socket.set_nonblocking(true)?;
        Ok(plain(socket.try_clone()?))
    });
    let listeners =
        shared.collect::<std::io::Result<_>>().context("cannot use a socket that was handed over")?;
    Ok((sockets[0].local_addr()?, listeners))
}

/// An answer is one packet. There is nothing to pace, and pacing it costs a twentieth of answering: connections take the
/// plainest control from their listener. A kernel without it keeps its own.
fn plain(listener: TcpListener) -> TcpListener {
    if let Err(error) = SockRef::from(&listener).set_tcp_congestion(CONGESTION_CONTROL) {
        debug!(%error, "connections keep the kernel's congestion control");
    }
    listener
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(count: usize) -> (Vec<SocketAddr>, Listen) {
        let sockets: Vec<TcpListener> =
            (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let addresses = sockets.iter().map(|socket| socket.local_addr().expect("bound")).collect();
        (addresses, Listen::Handed(sockets))
    }

    #[test]
    fn every_worker_has_a_socket_and_every_socket_a_worker() {
        let (addresses, listen) = handed(2);
        let (first, listeners) = listen.open(3).expect("three workers");
        let of: Vec<SocketAddr> = listeners.iter().map(|l| l.local_addr().expect("bound")).collect();
        assert_eq!(first, addresses[0]);
        assert_eq!(of, [addresses[0], addresses[1], addresses[0]]);
        assert!(listeners[0].accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));

        let (_, listen) = handed(2);
        let refused = listen.open(1).expect_err("nobody would look at the second").to_string();
        assert!(refused.contains("--workers"), "{refused}");
    }

    #[test]
    fn at_an_address_each_worker_has_a_socket_of_its_own() {
        let listen = Listen::At(([127, 0, 0, 1], 0).into());
        let (address, listeners) = listen.open(2).expect("a free port");
        assert!(listeners.iter().all(|l| l.local_addr().is_ok_and(|of| of == address)));
    }
}
