//! Requests that are almost right. Each begins as one of a corpus and is changed a few times: the corpus and the words are
//! those that HTTP servers are known to stumble over (RFC 9112 section 11, and what is published on request smuggling).

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

/// Where mutants come from. The last ones carry a request inside.
pub(super) const CORPUS: [&str; 24] = [
    "GET /demo1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /demo2?sub1=x&sub2=y HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\nReferer: https://blog.example.com/\r\n\r\n",
    "HEAD /demo1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /demo1 HTTP/1.0\r\n\r\n",
    "GET /demo1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /demo2 HTTP/1.0\r\n\r\n",
    "GET http://a/demo1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nSec-Purpose: prefetch\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1, 10.0.0.1\r\nForwarded: for=\"[2001:db8::1]\"\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\n\r\nGET /demo2 HTTP/1.1\r\nHost: a\r\n\r\nGET /demo3 HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST /demo1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\nhello",
    "POST /demo1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nContent-Length: 42\r\n\r\nGET /demo2 HTTP/1.1\r\nHost: a\r\nX-Inside: y\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /demo2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /demo1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n12\r\nGET /demo2 HTTP/1.1\r\n\r\n0\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /demo2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /demo2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /demo1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345GET /demo2 HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// What is put in between.
const WORDS: [&[u8]; 34] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b"\x0b",
    b"\xff",
    b":",
    b",",
    b";",
    b"\r\n\r\n",
    b"\n\n",
    b"\r\n ",
    b"Host: b\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content_Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: Host\r\n",
    b"Trailer: Host\r\n",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"/../",
    b"%0d%0a",
    b"0\r\n\r\n",
    b"7fffffffffffffff\r\n",
];

/// Changes of one mutant at most. More leave nothing of the request.
const MOST_CHANGES: u32 = 4;
/// A head longer than this is refused; some mutants are.
const LONGEST_REPEAT: usize = 20_000;

/// Makes one request.
pub(super) struct Mutator<'a> {
    random: &'a mut SmallRng,
    bytes: Vec<u8>,
}

impl<'a> Mutator<'a> {
    pub(super) fn new(random: &'a mut SmallRng) -> Self {
        let bytes = CORPUS.choose(random).expect("a corpus").as_bytes().to_vec();
        Self { random, bytes }
    }

    pub(super) fn request(mut self) -> Vec<u8> {
        for _ in 0..self.random.random_range(0..=MOST_CHANGES) {
            self.change();
        }
        self.bytes
    }

    fn change(&mut self) {
        let at = self.random.random_range(0..=self.bytes.len());
        let span = at..(at + self.random.random_range(0..20)).min(self.bytes.len());
        match self.random.random_range(0..9) {
            0 if at < self.bytes.len() => self.bytes[at] ^= 1 << self.random.random_range(0..8),
            1 if at < self.bytes.len() => self.bytes[at] = self.random.random(),
            2 => drop(self.bytes.drain(span)),
            3 => self.bytes.extend_from_within(span),
            4 => self.bytes.truncate(at),
            5 => {
                let other = CORPUS.choose(self.random).expect("a corpus").as_bytes();
                self.insert(at, other);
            }
            6 => self.repeat_a_line(),
            _ => {
                let word = WORDS.choose(self.random).expect("words");
                self.insert(at, word);
            }
        }
    }

    fn insert(&mut self, at: usize, bytes: &[u8]) {
        self.bytes.splice(at..at, bytes.iter().copied());
    }

    /// One line many times: a hundred headers, or one that is as long as a book.
    fn repeat_a_line(&mut self) {
        let begins = |at: &usize| *at == 0 || self.bytes[at - 1] == b'\n';
        let starts: Vec<usize> = (0..self.bytes.len()).filter(begins).collect();
        let Some(&start) = starts.choose(self.random) else { return };
        let line = self.bytes[start..].split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let times = self.random.random_range(1..(LONGEST_REPEAT / line.len()).clamp(2, 300));
        let many = line.repeat(times);
        self.insert(start, &many);
    }
}
