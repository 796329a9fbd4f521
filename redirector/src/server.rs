//! The public port: a listener and a runtime of its own for each worker, and limits on who may keep it busy.

mod connection;
mod doors;
mod listen;

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use runtime::Pulse;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::connection::Connections;
use crate::handler::Worker;

pub use self::doors::{Doors, Limits};
pub use self::listen::Listen;

/// After a failed accept (no file descriptors left), long enough not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections taken in before those that are here have their turn. When more come than can be answered, the rest waits in the
/// kernel's queue, which is short: taken in, they would wait behind one another until all of them have left.
const AT_ONCE: usize = 64;
/// Requests under way may take so long after a stop; then their connections are dropped.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves on the current thread until `stop`, and shows by `pulse` that it does, then finishes what is under way.
pub fn serve(
    listener: TcpListener,
    worker: Worker,
    doors: &std::sync::Arc<Doors>,
    pulse: &Pulse,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .context("cannot start a worker's runtime")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).context("cannot use the listener")?;
        let connections = Rc::new(Connections::new(worker, doors.clone()));
        accept_until(&listener, &connections, pulse, stop).await;
        // Closing the listener resets what waits in its queue, so that is emptied first.
        while let Some(Ok((socket, peer))) = listener.accept().now_or_never() {
            connections.open(socket, peer);
        }
        drop(listener);
        connections.finish(DRAIN).await;
        Ok(())
    })
}

async fn accept_until(
    listener: &tokio::net::TcpListener,
    connections: &Rc<Connections>,
    pulse: &Pulse,
    stop: &CancellationToken,
) {
    let mut sweep = tokio::time::interval(connection::SWEEP);
    let mut turn = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = sweep.tick() => {
                connections.sweep();
                pulse.beat();
            }
            () = over(&mut turn), if turn.is_some() => turn = None,
            accepted = listener.accept(), if turn.is_none() => {
                let mut goes_on = take_in(accepted, connections).await;
                for _ in 1..AT_ONCE {
                    // After a failure the sweep comes first: it may free what is missing.
                    let next = if goes_on { listener.accept().now_or_never() } else { None };
                    let Some(accepted) = next else { break };
                    goes_on = take_in(accepted, connections).await;
                }
                turn = Some(tokio::task::spawn_local(tokio::task::yield_now()));
            }
        }
    }
}

/// Waits until everybody who was there when the turn began had theirs: tasks run in the order they were woken, so this one
/// runs after those, looks for what has arrived meanwhile, and runs again after those who were waiting for it.
async fn over(turn: &mut Option<JoinHandle<()>>) {
    if let Some(turn) = turn {
        let _never_fails = turn.await;
    }
}

/// False when the listener failed, after a pause.
async fn take_in(accepted: std::io::Result<(TcpStream, SocketAddr)>, connections: &Rc<Connections>) -> bool {
    match accepted {
        Ok((socket, peer)) => connections.open(socket, peer),
        Err(error) if is_the_peers(&error) => debug!(%error, "a connection ended before it began"),
        Err(error) => {
            warn!(%error, "cannot accept connections");
            metrics::counter!("redirector_accept_failures_total").increment(1);
            tokio::time::sleep(ACCEPT_PAUSE).await;
            return false;
        }
    }
    true
}

fn is_the_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
