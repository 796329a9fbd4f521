//! Thousands of connections that want to stay: those that never finish their headers, that owe a body, and that never read
//! their answers. Shoppers notice nothing, and soon each of them is gone.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use runtime::clock;
use socket2::{Domain, Socket, Type};

use super::by_night;
use crate::harness::{Edge, SOON, Stage, until};

/// Slow connections of a run by day.
const FEW: u64 = 600;
/// As many from one address as the edge allows by default.
const PER_ADDRESS: u64 = 200;
/// Requests of a shopper, before and during the siege.
const LOOKS: usize = 2_000;
/// A connection that goes bad is dropped within this: the edge's five seconds, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(8);
/// Between two looks whether they are gone: often enough to tell, and too seldom to be in a shopper's way.
const LOOK: Duration = Duration::from_millis(200);
/// How much longer one in a hundred may wait during the siege.
const SLOWER: f64 = 1.5;
/// What cannot be told from the noise of a quiet machine, and of one that runs other tests besides.
const NOISE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

#[test]
fn slow_connections_are_dropped_and_shoppers_notice_nothing() -> Result<()> {
    let siege = by_night("LINKLEDGER_SLOW", FEW)?;
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &[])?;
    let before = p99(&edge)?;
    let warm = edge.resident_bytes()?;
    let mut slow: Vec<TcpStream> = (0..siege).map(|number| besiege(&edge, number)).collect::<Result<_>>()?;
    let (begun, over) = (clock::monotonic(), AtomicBool::new(false));
    let (during, lasted) = std::thread::scope(|scope| {
        let drip = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // A byte a second, to each that still listens.
                slow.iter_mut().step_by(3).for_each(|socket| drop(socket.write(b"x")));
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let gone = scope.spawn(|| {
            let gone = until("all of them are gone", || {
                std::thread::sleep(LOOK);
                // The one that may be left is the shopper's.
                Ok(edge.metric("redirector_open_connections")? < 1.5)
            });
            gone.map(|()| begun.elapsed())
        });
        let during = p99(&edge);
        let lasted = gone.join().expect("it ends");
        over.store(true, Ordering::Relaxed);
        drip.join().expect("it ends");
        Ok::<_, anyhow::Error>((during?, lasted?))
    })?;
    println!(
        "{siege} slow connections: p99 {before:?} before, {during:?} during, all gone after {lasted:?}, {} KiB more",
        edge.resident_bytes()?.saturating_sub(warm) >> 10
    );
    ensure!(lasted < PATIENCE, "the last one went after {lasted:?}");
    let noise = if siege == FEW { NOISE.1 } else { NOISE.0 };
    ensure!(during <= before.mul_f64(SLOWER).max(before + noise), "p99 {before:?} became {during:?}");
    ensure!(edge.metric("redirector_panics_total").is_err(), "a panic was counted");
    edge.click("demo1")?.context("and it still works")?;
    Ok(())
}

/// A connection of one of three kinds, from an address that has some left.
fn besiege(edge: &Edge, number: u64) -> Result<TcpStream> {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1 + (number / PER_ADDRESS) as u8));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Answers that are not read soon fill it.
    socket.set_recv_buffer_size(2_048)?;
    socket.bind(&SocketAddr::new(address, 0).into())?;
    socket.connect(&edge.address.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    let (words, times) = match number % 3 {
        0 => ("GET /demo1 HTTP/1.1\r\nHost: a\r\nX: ", 1),
        1 => ("POST /demo1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", 1),
        _ => ("GET /no.such.page HTTP/1.1\r\nHost: a\r\n\r\n", 100),
    };
    let _as_much_as_fits = stream.write(words.repeat(times).as_bytes());
    Ok(stream)
}

/// How long one in a hundred of a shopper's requests takes, on one connection that is opened anew now and then.
fn p99(edge: &Edge) -> Result<Duration> {
    let mut all = Vec::with_capacity(LOOKS);
    while all.len() < LOOKS {
        let mut socket = TcpStream::connect(edge.address)?;
        socket.set_read_timeout(Some(SOON))?;
        socket.set_nodelay(true)?;
        for _ in 0..50 {
            let asked = clock::monotonic();
            socket.write_all(
                b"GET /demo1 HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\n\r\n",
            )?;
            let mut reply = [0; 2_048];
            let n = socket.read(&mut reply)?;
            all.push(asked.elapsed());
            ensure!(reply[..n].starts_with(b"HTTP/1.1 302"), "a shopper got {}", reply[..n].escape_ascii());
            std::thread::sleep(Duration::from_micros(500));
        }
    }
    all.sort_unstable();
    Ok(all[all.len() * 99 / 100])
}
