//! Whether what an edge said to a mutated request is an answer: whole, framed, known, and leading nowhere else.

use anyhow::{Context as _, Result, bail, ensure};
use common::token::Click;

use crate::harness::{header, token};

/// What an edge answers at all.
const STATUSES: [&str; 11] = ["200", "302", "400", "404", "405", "410", "413", "414", "417", "431", "503"];
/// Where every link of the stage leads.
const SHOP: &str = "https://shop.example.com/";

/// Reads all answers to `request`, and gives the clicks that were acknowledged.
pub(super) fn judge(request: &[u8], reply: &[u8]) -> Result<Vec<Click>> {
    let text = std::str::from_utf8(reply).context("an answer is text")?;
    let (mut rest, mut answers, mut clicks) = (text, 0, Vec::new());
    while !rest.is_empty() {
        let (head, behind) = rest.split_once("\r\n\r\n").context("a head that ends")?;
        answers += 1;
        let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).context("a status line")?;
        ensure!(STATUSES.contains(&status), "status {status}");
        let field = |name| header(head, name);
        if status == "302" {
            let location = field("location").context("a redirect leads somewhere")?;
            ensure!(location.starts_with(SHOP), "a redirect to {location}");
            ensure!(field("cache-control") == Some("no-store"), "a redirect that may be kept");
            clicks.extend(token(head));
        }
        let length: usize = field("content-length").unwrap_or("0").parse().context("a length")?;
        // HEAD is told of a body that does not come.
        let has_body = !behind.is_empty() && !behind.starts_with("HTTP/1.");
        rest = if has_body {
            behind.get(length..).context("a body of the length it was told to have")?
        } else {
            behind
        };
        if field("connection") == Some("close") {
            ensure!(rest.is_empty(), "the edge said it would close, and went on");
        } else if !matches!(status, "200" | "302" | "404" | "410" | "503") {
            // What comes behind such a request may be its body.
            ensure!(rest.is_empty(), "the edge went on behind {status}");
        }
    }
    let ends = blank_lines(request);
    if answers > ends + 1 {
        bail!("{answers} answers to what ends {ends} times at most");
    }
    Ok(clicks)
}

/// How many heads can end in these bytes, however they are read.
fn blank_lines(request: &[u8]) -> usize {
    let lines = request.split(|byte| *byte == b'\n');
    lines.skip(1).filter(|line| line.is_empty() || *line == b"\r").count()
}
