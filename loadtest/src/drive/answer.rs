//! Reading an answer: only what a load test asks of it, and never more bytes than an edge would send.

use common::token;

/// No answer of an edge is longer; more is a broken answer.
pub const MAX_ANSWER: usize = 64 << 10;

/// A whole answer at the beginning of what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// Where it sends the shopper.
    pub location: Option<&'a [u8]>,
    /// Whether the server will close the connection.
    pub closing: bool,
    /// Head and body together.
    pub bytes: usize,
}

/// Whether an answer has a body, which depends on the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// As long as the head says.
    AsStated,
    /// None, whatever the head says: the answer to HEAD.
    Absent,
}

/// What was received cannot become an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not HTTP/1.1, or too long")]
pub struct Garbled;

impl<'a> Answer<'a> {
    /// The answer at the beginning of `received`; `None` while it is not all there.
    pub fn read(received: &'a [u8], body: Body) -> Result<Option<Self>, Garbled> {
        let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if received.len() > MAX_ANSWER { Err(Garbled) } else { Ok(None) };
        };
        let mut lines = received[..head].split(|byte| *byte == b'\n');
        let status = lines.next().and_then(status_of).ok_or(Garbled)?;
        let mut answer = Self { status, location: None, closing: false, bytes: head + 4 };
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').ok_or(Garbled)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"location") {
                answer.location = Some(value);
            } else if name.eq_ignore_ascii_case(b"connection") {
                answer.closing = value.eq_ignore_ascii_case(b"close");
            } else if name.eq_ignore_ascii_case(b"content-length") && body == Body::AsStated {
                answer.bytes += number(value).filter(|length| *length <= MAX_ANSWER).ok_or(Garbled)?;
            }
        }
        Ok((received.len() >= answer.bytes).then_some(answer))
    }

    /// The click token in the location: whichever part of it is one, as vendors choose where it stands.
    pub fn token(&self) -> Option<&'a [u8]> {
        let mut parts = self.location?.split(|byte| b"?&=#/".contains(byte));
        parts.find(|part| token::decode_unverified(part).is_ok())
    }
}

fn status_of(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    number(digits).and_then(|status| u16::try_from(status).ok()).filter(|status| *status >= 100)
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: https://shop.example.com/?a=1&clk=AQ\r\ncontent-length: 3\r\n\r\nabc";

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        for cut in 0..REDIRECT.len() {
            assert_eq!(Answer::read(&REDIRECT[..cut], Body::AsStated), Ok(None), "cut at {cut}");
        }
        let answer = Answer::read(REDIRECT, Body::AsStated).expect("HTTP").expect("whole");
        assert_eq!((answer.status, answer.bytes, answer.closing), (302, REDIRECT.len(), false));
        assert_eq!(answer.location, Some(&b"https://shop.example.com/?a=1&clk=AQ"[..]));
        assert_eq!(answer.token(), None, "too short to be a token");
        let head = Answer::read(REDIRECT, Body::Absent).expect("HTTP").expect("whole");
        assert_eq!(head.bytes, REDIRECT.len() - 3);
    }

    #[test]
    fn the_token_is_found_wherever_it_stands() {
        let token = format!("AQ{}", "A".repeat(62));
        for location in [
            format!("https://a.example.com/x?b=1&clk={token}&c=2"),
            format!("https://a.example.com/{token}#end"),
        ] {
            let answer =
                Answer { status: 302, location: Some(location.as_bytes()), closing: false, bytes: 0 };
            assert_eq!(answer.token(), Some(token.as_bytes()), "{location}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let endless = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'a'; MAX_ANSWER]].concat();
        for bad in [
            &b"+PONG\r\n\r\n"[..],
            b"HTTP/1.1 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            &endless,
        ] {
            assert_eq!(Answer::read(bad, Body::AsStated), Err(Garbled));
        }
    }

    #[test]
    fn a_closing_answer_says_so() {
        let answer = Answer::read(b"HTTP/1.1 400 Bad Request\r\nConnection: Close\r\n\r\n", Body::AsStated);
        assert!(answer.expect("HTTP").expect("whole").closing);
    }
}
