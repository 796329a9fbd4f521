//! Upgrades under load: the edge is replaced again and again on a socket that outlives it, as a service manager holds one,
//! and the aggregator with it, while shoppers follow links. No request fails, and every accepted click is counted once.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::Signal;

use crate::edge::Edge;
use crate::house::{BROWSER, House, SOON, binary, get, until};

/// In every run. `script/nightly` sets `LINKLEDGER_UPGRADES` to 50.
const UPGRADES: usize = 5;
/// Half of them keep their connection, as browsers do; the others open one for each click.
const SHOPPERS: usize = 4;
/// Between two clicks of a shopper: some hundred clicks a second together, which leaves a small machine time to upgrade.
const PAUSE: Duration = Duration::from_millis(4);
/// Longer than any restart: what is not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const PATH: &str = "/upgrade0";

/// Starts an edge on a socket of ours. It is handed over as systemd does: as file 3, named by two variables.
fn start_on(socket: &TcpListener, house: &House, journal: &Path) -> Result<Edge> {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&0 </dev/null"#, "sh"])
        .arg(binary("redirector"))
        .stdin(Stdio::from(OwnedFd::from(socket.try_clone()?)));
    Edge::start_at(socket.local_addr()?, command, house, 6, journal)
}

/// Clicks until told to stop. Returns the tokens; whatever else it is answered is an error.
fn shop(address: SocketAddr, keeps_connection: bool, stop: &AtomicBool) -> Result<Vec<String>> {
    let (mut tokens, mut kept) = (Vec::new(), None);
    while !stop.load(Ordering::Relaxed) {
        let reply = if keeps_connection { on_kept(address, &mut kept)? } else { on_new(address)? };
        let (_, rest) = reply.split_once("clk=").with_context(|| format!("answered {reply:?}"))?;
        tokens.push(rest.chars().take_while(char::is_ascii_graphic).collect());
        std::thread::sleep(PAUSE);
    }
    Ok(tokens)
}

fn on_new(address: SocketAddr) -> Result<String> {
    let reply = get(address, PATH, &[("user-agent", BROWSER)])?;
    ensure!(reply.status == 302, "answered {}: {}", reply.status, reply.body);
    Ok(reply.location().to_owned())
}

/// On the connection that is kept. One that the edge has closed before it answered anything is opened again: that is how
/// HTTP ends a connection, and a closed one has not taken the click.
fn on_kept(address: SocketAddr, kept: &mut Option<TcpStream>) -> Result<String> {
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: go.example.com\r\nuser-agent: {BROWSER}\r\n\r\n");
    if let Some(socket) = kept {
        match ask(socket, &request) {
            Ok(reply) => return Ok(reply),
            Err(Unanswered::Nothing) => *kept = None,
            Err(Unanswered::Broken(error)) => return Err(error),
        }
    }
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let reply = ask(kept.insert(socket), &request);
    reply.map_err(|unanswered| anyhow!("a new connection was not answered: {unanswered:?}"))
}

#[derive(Debug)]
enum Unanswered {
    /// Closed without a byte.
    Nothing,
    Broken(anyhow::Error),
}

fn ask(socket: &mut TcpStream, request: &str) -> Result<String, Unanswered> {
    let broken = |what: String| Unanswered::Broken(anyhow!(what));
    let mut reply = [0; 2048];
    let mut got = 0;
    if socket.write_all(request.as_bytes()).is_err() {
        return Err(Unanswered::Nothing);
    }
    while !reply[..got].ends_with(b"\r\n\r\n") {
        match socket.read(&mut reply[got..]) {
            Ok(0) | Err(_) if got == 0 => return Err(Unanswered::Nothing),
            Ok(0) => return Err(broken(format!("cut off: {}", String::from_utf8_lossy(&reply[..got])))),
            Ok(n) => got += n,
            Err(error) => return Err(broken(format!("cut off: {error}"))),
        }
    }
    Ok(String::from_utf8_lossy(&reply[..got]).into_owned())
}

/// The next one takes over: after the first has ended, as `systemctl restart` does, or before, so that nobody waits.
fn upgrade(n: usize, edge: Edge, house: &House, socket: &TcpListener) -> Result<Edge> {
    let journal = edge.journal.clone();
    let is_first_ended = n.is_multiple_of(2);
    let next = if is_first_ended {
        ensure!(edge.stop()?.success(), "it ends in good order");
        start_on(socket, house, &journal)?
    } else {
        let next = start_on(socket, house, &journal)?;
        ensure!(edge.stop()?.success(), "it ends in good order");
        next
    };
    house.replace("aggregator", Signal::TERM)?;
    Ok(next)
}

#[tokio::test]
async fn upgrades_under_load_fail_no_request_and_lose_no_click() -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a test has no Args to read its length from")]
    let asked = std::env::var("LINKLEDGER_UPGRADES").ok();
    let upgrades = asked.map_or(Ok(UPGRADES), |n| n.parse()).context("LINKLEDGER_UPGRADES is a number")?;
    let house = House::open()?;
    house.programme(&[PATH.trim_start_matches('/').to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let edge = start_on(&socket, &house, &folder.path().join("journal"))?;

    let stop = AtomicBool::new(false);
    let (edge, tokens) = std::thread::scope(|scope| -> Result<(Edge, Vec<String>)> {
        let shoppers: Vec<_> = (0..SHOPPERS)
            .map(|n| {
                let stop = &stop;
                scope.spawn(move || shop(address, n % 2 == 0, stop))
            })
            .collect();
        let last = (0..upgrades).try_fold(edge, |edge, n| upgrade(n, edge, &house, &socket));
        stop.store(true, Ordering::Relaxed);
        let mut tokens = Vec::new();
        for shopper in shoppers {
            tokens.extend(shopper.join().map_err(|_| anyhow!("a shopper panicked"))??);
        }
        Ok((last?, tokens))
    })?;
    let accepted = tokens.iter().collect::<HashSet<_>>().len();
    ensure!(accepted == tokens.len(), "{} tokens, {accepted} different ones", tokens.len());
    ensure!(accepted > upgrades * SHOPPERS, "only {accepted} clicks in {upgrades} upgrades");
    eprintln!("{upgrades} upgrades, {accepted} clicks, 0 failed");

    until("every click is counted", SOON, || Ok(house.report("upgrade0")?["human_clicks"] == accepted))
        .with_context(|| format!("{accepted} accepted, {:?}", house.report("upgrade0")))?;
    ensure!(edge.stop()?.success());
    house.audit()
}
