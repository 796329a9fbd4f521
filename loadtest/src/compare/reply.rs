//! Reading a server's answer: only what a comparison asks of it, which is the same of every server.

/// A whole answer at the beginning of what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    /// The status code.
    pub(super) status: u16,
    /// Where it leads; empty if it does not say.
    pub(super) location: &'a [u8],
    /// Head and body together.
    pub(super) bytes: usize,
}

/// What was received is not the beginning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not HTTP/1.1")]
pub(super) struct Garbled;

impl<'a> Reply<'a> {
    /// The answer at the beginning of `received`; `None` while it is not all there.
    pub(super) fn read(received: &'a [u8]) -> Result<Option<Self>, Garbled> {
        let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let mut lines = received[..head].split(|byte| *byte == b'\n');
        let status = lines.next().and_then(status).ok_or(Garbled)?;
        let mut reply = Self { status, location: b"", bytes: head + 4 };
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').ok_or(Garbled)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            match name.len() {
                8 if name.eq_ignore_ascii_case(b"location") => reply.location = value,
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    reply.bytes += number::<u16>(value).map(usize::from).ok_or(Garbled)?;
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => return Err(Garbled),
                _ => {}
            }
        }
        Ok((received.len() >= reply.bytes).then_some(reply))
    }
}

fn status(line: &[u8]) -> Option<u16> {
    number(line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?)
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_when_it_is_whole() {
        let whole = b"HTTP/1.1 302 Moved\r\nLocation: https://a.example.com/\r\ncontent-length: 3\r\n\r\nabc";
        for cut in 0..whole.len() {
            assert_eq!(Reply::read(&whole[..cut]), Ok(None), "cut at {cut}");
        }
        let reply = Reply { status: 302, location: b"https://a.example.com/", bytes: whole.len() };
        assert_eq!(Reply::read(whole), Ok(Some(reply)));
    }

    #[test]
    fn anything_else_is_refused() {
        let bad: [&[u8]; 3] = [
            b"+PONG\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        ];
        for bad in bad {
            assert_eq!(Reply::read(bad), Err(Garbled));
        }
    }
}
