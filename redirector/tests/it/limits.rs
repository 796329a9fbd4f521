//! Limits: slow and greedy clients, a full journal, settings that cannot be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::ids::Partitions;
use onebox::servers::free_port;
use redis::Commands as _;

use crate::harness::{Edge, SOON, Stage, complete, token, until};

#[test]
fn silent_and_slow_connections_are_closed() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &[])?;
    let begun = runtime::clock::monotonic();
    let mut sockets: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(edge.address)).collect::<Result<_, _>>()?;
    sockets[1].write_all(b"GET /demo1 HTTP/1.1\r\nHost:")?;
    sockets[2].write_all(b"GET /demo1 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    for (i, socket) in sockets.iter_mut().enumerate() {
        socket.set_read_timeout(Some(SOON))?;
        let mut reply = Vec::new();
        let _reset_counts_too = socket.read_to_end(&mut reply);
        ensure!(begun.elapsed() < Duration::from_millis(6_500), "connection {i} lived {:?}", begun.elapsed());
    }
    until("no connection is left", || Ok(edge.metric("redirector_open_connections")? < 0.5))
}

#[test]
fn one_address_gets_only_so_many_connections() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &["--connections-per-address", "3"])?;
    let held: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(edge.address)).collect::<Result<_, _>>()?;
    until("three are in", || Ok(edge.metric("redirector_open_connections")? > 2.5))?;
    ensure!(edge.get("/demo1", "")?.is_empty(), "the fourth is turned away");
    drop(held);
    until("there is room again", || Ok(edge.get("/demo1", "")?.starts_with("HTTP/1.1 302")))
}

#[test]
fn a_full_journal_redirects_without_a_token_and_says_so() -> Result<()> {
    let mut stage = Stage::with_links(1)?;
    let edge = Edge::start(
        &stage,
        &["--workers", "1", "--journal-segment-bytes", "65536", "--journal-max-bytes", "200000"],
    )?;
    stage.redis.kill9()?;
    let mut socket = TcpStream::connect(edge.address)?;
    let mut tracked = 0;
    let mut untracked = 0;
    while untracked < 50 {
        socket
            .write_all(b"GET /demo1 HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\n\r\n")?;
        let mut reply = [0; 1024];
        let n = socket.read(&mut reply)?;
        let reply = String::from_utf8_lossy(&reply[..n]).into_owned();
        ensure!(reply.starts_with("HTTP/1.1 302"), "{reply}");
        match token(&reply) {
            Some(_) => tracked += 1,
            None => untracked += 1,
        }
        ensure!(tracked < 10_000, "the limit is never reached");
    }
    ensure!(edge.metric("redirector_untracked_total{reason=\"journal_full\"}")? > 49.5);
    ensure!(edge.metric("redirector_journal_room{state=\"red\"}")? > 0.5);
    stage.redis.restart()?;
    stage.until_counted(tracked)?;
    ensure!(stage.records()?.len() as u64 == tracked);
    Ok(())
}

#[test]
fn a_full_disk_redirects_without_a_token() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let disk = stage.dir.path().join("disk");
    std::fs::create_dir(&disk)?;
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=300k", "tmpfs"]).arg(&disk).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        eprintln!("only root may mount a small disk; the limit on the journal is tested by itself");
        return Ok(());
    }
    let _unmounted = Unmount(disk.clone());
    let journal = disk.join("journal");
    let edge = Edge::start(
        &stage,
        &[
            "--workers",
            "1",
            "--journal-segment-bytes",
            "65536",
            "--journal-dir",
            journal.to_str().expect("UTF-8"),
        ],
    )?;
    let mut socket = TcpStream::connect(edge.address)?;
    let (mut tracked, mut untracked) = (0, 0);
    while untracked < 50 {
        socket
            .write_all(b"GET /demo1 HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\n\r\n")?;
        let mut reply = [0; 1024];
        let n = socket.read(&mut reply)?;
        let reply = String::from_utf8_lossy(&reply[..n]).into_owned();
        ensure!(reply.starts_with("HTTP/1.1 302"), "{reply}");
        match token(&reply) {
            Some(_) => tracked += 1,
            None => untracked += 1,
        }
        ensure!(tracked < 20_000, "the disk is never full");
    }
    ensure!(tracked > 1_000, "what had room was tracked: {tracked}");
    let alarmed = || Ok(edge.metric("redirector_journal_reserve_failures_total").is_ok_and(|n| n > 0.5));
    until("the keeper finds no room", alarmed)?;
    until("what was tracked is counted", || Ok(stage.total()? == tracked))
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _lazily = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn bad_settings_are_reported_together_before_any_port_is_bound() -> Result<()> {
    let port = free_port()?;
    let output = Command::new(env!("CARGO_BIN_EXE_redirector"))
        .args(["--listen", &format!("127.0.0.1:{port}"), "--edge-id", "5000", "--workers", "none"])
        .args(["--partitions", "3", "--secret", "abc"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2), "{said}");
    for flag in ["--edge-id", "--workers", "--partitions", "--secret"] {
        ensure!(said.contains(flag), "{flag} is not in {said}");
    }
    ensure!(said.contains("REDIRECTOR_EDGE_ID") && !said.contains("abc"), "{said}");
    ensure!(TcpStream::connect(("127.0.0.1", port)).is_err());
    Ok(())
}

#[test]
fn another_number_of_partitions_ends_the_edge() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let theirs = Partitions::new(64).context("a power of two")?;
    let mut redis = stage.connection()?;
    let _: () = redis.set(common::wire::PARTITIONS, theirs.count())?;
    complete(&mut redis, theirs, "g1")?;
    let refused = Edge::start(&stage, &[]);
    let said = format!("{:#}", refused.err().expect("it must not serve"));
    ensure!(said.contains("64 partitions"), "{said}");
    Edge::start(&stage, &["--partitions", "64"])?;
    Ok(())
}
