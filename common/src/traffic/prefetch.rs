//! Requests that nobody has asked for yet.

/// The headers by which a browser says that it only guesses. Absent: `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// `Sec-Purpose`, the standard: `prefetch`, `prefetch;prerender`, with parameters.
    pub sec_purpose: Option<&'a [u8]>,
    /// `Purpose`, of older Chrome and Safari: `prefetch`, `preview`.
    pub purpose: Option<&'a [u8]>,
    /// `X-Purpose`, of older Safari: `preview`.
    pub x_purpose: Option<&'a [u8]>,
    /// `X-Moz`, of Firefox: `prefetch`.
    pub x_moz: Option<&'a [u8]>,
}

/// Whether the request is a guess: nobody has clicked, and it must not be counted.
pub fn is_prefetch(hints: Hints<'_>) -> bool {
    [hints.sec_purpose, hints.purpose, hints.x_purpose, hints.x_moz].into_iter().flatten().any(is_guess)
}

fn is_guess(value: &[u8]) -> bool {
    value.split(|b| matches!(b, b';' | b',')).map(<[u8]>::trim_ascii).any(|token| {
        [&b"prefetch"[..], b"prerender", b"preview"].iter().any(|guess| token.eq_ignore_ascii_case(guess))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_told_from_clicks() {
        let none = Hints::default();
        for (hints, expect) in [
            (none, false),
            (Hints { sec_purpose: Some(b"prefetch"), ..none }, true),
            (Hints { sec_purpose: Some(b"prefetch;prerender"), ..none }, true),
            (Hints { sec_purpose: Some(b"prefetch; anonymous-client-ip"), ..none }, true),
            (Hints { sec_purpose: Some(b"Prefetch"), ..none }, true),
            (Hints { purpose: Some(b"prefetch"), ..none }, true),
            (Hints { purpose: Some(b"preview"), ..none }, true),
            (Hints { x_purpose: Some(b"preview"), ..none }, true),
            (Hints { x_moz: Some(b"prefetch"), ..none }, true),
            (Hints { sec_purpose: Some(b""), ..none }, false),
            (Hints { purpose: Some(b"shopping"), ..none }, false),
            (Hints { x_moz: Some(b"\xff\xfe"), ..none }, false),
        ] {
            assert_eq!(is_prefetch(hints), expect, "{hints:?}");
        }
    }
}
