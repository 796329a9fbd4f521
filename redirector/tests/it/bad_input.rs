//! What is not a request for a link: a clear status, a closed connection where two parties could disagree about
//! where a request ends, and nothing counted.

use anyhow::{Result, ensure};

use crate::harness::{Edge, Stage};

/// What the table expects of a reply.
struct Expect {
    status: &'static str,
    /// Whether the edge must end the connection, so that what follows is not taken for a request.
    closed: bool,
}

const fn closed(status: &'static str) -> Expect {
    Expect { status, closed: true }
}

const fn open(status: &'static str) -> Expect {
    Expect { status, closed: false }
}

/// Sent behind each case on the same connection. Answered only if the connection was kept.
const NEXT: &str = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn every_bad_request_has_its_answer() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &[])?;
    let long = "x".repeat(9_000);
    let huge = "y".repeat(100_000);
    let many = "A: b\r\n".repeat(150);
    let get = |rest: &str| format!("GET /demo1 HTTP/1.1\r\n{rest}\r\n");
    let path = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let table: Vec<(String, Expect)> = vec![
        // codes
        (path("/abc"), open("404")),
        (path(&format!("/{}", "x".repeat(33))), open("404")),
        (path("/demo1/"), open("404")),
        (path("//demo1"), open("404")),
        (path("/../demo1"), open("404")),
        (path("/%64emo1"), open("404")),
        (path("/demo1%00"), open("404")),
        (path("/demo1%0d%0aX:y"), open("404")),
        (path("/demo1%2e"), open("404")),
        (path("/%c0%aedemo1"), open("404")),
        (path("/demo1;x"), open("404")),
        (path("/favicon.ico"), open("404")),
        (path("/"), open("200")),
        (path("/robots.txt"), open("200")),
        (path(&format!("/{long}")), closed("414")),
        (path(&format!("/demo1?{long}")), closed("414")),
        // hosts
        (get(""), closed("400")),
        (get("Host: a\r\nHost: a\r\n"), closed("400")),
        (get("Host: a\r\nHost: b\r\n"), closed("400")),
        // bodies
        (get("Host: a\r\nContent-Length: 5\r\n") + "hello", closed("413")),
        (get("Host: a\r\nTransfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n", closed("400")),
        (get("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", closed("400")),
        (get("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n", closed("400")),
        (get("Host: a\r\nTransfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n", closed("400")),
        (get("Host: a\r\nTransfer-Encoding: identity\r\n"), closed("400")),
        (get("Host: a\r\nContent-Length: +5\r\n") + "hello", closed("400")),
        (get("Host: a\r\nContent-Length: -1\r\n"), closed("400")),
        (get("Host: a\r\nContent-Length: 0x10\r\n"), closed("400")),
        (get("Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n") + "hello", closed("400")),
        // headers
        (get(&format!("Host: a\r\nX: {huge}\r\n")), closed("431")),
        (get(&format!("Host: a\r\n{many}")), closed("431")),
        (get("Host: a\r\nX: a\r\n folded\r\n"), closed("400")),
        (get("Host: a\r\nX : a\r\n"), closed("400")),
        (get("Host: a\r\nX: a\0b\r\n"), closed("400")),
        // methods
        ("POST /demo1 HTTP/1.1\r\nHost: a\r\n\r\n".into(), closed("405")),
        ("POST /demo1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".into(), closed("413")),
        ("PUT /demo1 HTTP/1.1\r\nHost: a\r\n\r\n".into(), closed("405")),
        ("DELETE /demo1 HTTP/1.1\r\nHost: a\r\n\r\n".into(), closed("405")),
        ("TRACE /demo1 HTTP/1.1\r\nHost: a\r\n\r\n".into(), closed("405")),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".into(), closed("405")),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".into(), closed("405")),
        // not HTTP
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\x03\x03\r\n\r\n".into(), closed("400")),
        ("GET /demo1\r\n\r\n".into(), closed("400")),
        ("GET  /demo1  HTTP/1.1\r\nHost: a\r\n\r\n".into(), closed("400")),
        ("GET /demo1 HTTP/9.9\r\nHost: a\r\n\r\n".into(), closed("400")),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), closed("")), // another language altogether: no answer helps
        ("nonsense\r\n\r\n".into(), closed("400")),
    ];
    for (request, expect) in &table {
        let shown: String = request.chars().take(120).collect();
        let reply = edge.talk(format!("{request}{NEXT}").as_bytes())?;
        let statuses: Vec<&str> = reply.split("HTTP/1.1 ").skip(1).map(|r| &r[..3]).collect();
        let wanted = match expect {
            Expect { status: "", .. } => vec![],
            Expect { status, closed: true } => vec![*status],
            Expect { status, closed: false } => vec![*status, "200"],
        };
        ensure!(statuses == wanted, "{shown:?}: {statuses:?} instead of {wanted:?}");
        ensure!(!reply.contains("panicked") && !reply.contains("rust"), "{shown:?}: {reply}");
    }
    ensure!(edge.metric("redirector_requests_total{outcome=\"tracked\"}")? < 0.5);
    ensure!(stage.records()?.is_empty(), "nothing of this is a click");
    ensure!(edge.metric("redirector_panics_total").is_err(), "no panic was ever counted");
    edge.click("demo1")?.expect("and it still works");
    Ok(())
}

#[test]
fn old_clients_and_proxies_are_understood() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &[])?;
    for request in [
        "GET /demo1 HTTP/1.0\r\n\r\n",
        "GET http://go.example.com/demo1 HTTP/1.1\r\nHost: go.example.com\r\nConnection: close\r\n\r\n",
        "GET /demo1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "GET /demo1?clk=forged&x=%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        let reply = edge.talk(request.as_bytes())?;
        ensure!(reply.contains(" 302 Found"), "{request:?}: {reply}");
    }
    Ok(())
}

#[test]
fn pipelined_requests_are_answered_in_order_and_garbage_ends_them() -> Result<()> {
    let stage = Stage::with_links(2)?;
    let edge = Edge::start(&stage, &[])?;
    let one = |code: &str| {
        format!("GET /{code} HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\n\r\n")
    };
    let reply =
        edge.talk(format!("{}{}\0\0garbage\r\n\r\n{}", one("demo1"), one("demo2"), one("demo1")).as_bytes())?;
    let statuses: Vec<&str> = reply.split("HTTP/1.1 ").skip(1).map(|r| &r[..3]).collect();
    ensure!(statuses == ["302", "302", "400"], "{reply}");
    stage.until_counted(2)
}
