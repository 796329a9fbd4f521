//! The second factor: codes of an authenticator app (RFC 6238), six digits that live thirty seconds, each good once.
//!
//! SHA-1, as RFC 6238 has it and every app expects; what is known against it does not touch HMAC.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded::byte_serialize;

/// Bytes that app and console share: as long as the hash.
pub const SECRET_BYTES: usize = 20;
/// Seconds that a code lives.
const STEP_S: u64 = 30;
/// Steps before and after now that are good too: phones' clocks differ, and people type slowly.
const TOLERANCE: u64 = 1;

/// The step whose code this is, if it is one near `now` and later than the last one used.
pub fn step_of(secret: &[u8], code: &str, now_s: u64, last_step: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let current = now_s / STEP_S;
    // Every step is computed and compared, whichever fits.
    (current.saturating_sub(TOLERANCE)..=current + TOLERANCE)
        .filter(|step| bool::from(self::code(secret, *step).as_bytes().ct_eq(code.as_bytes())))
        .filter_map(|step| i64::try_from(step).ok())
        .find(|step| *step > last_step)
}

/// The code of one step.
pub fn code(secret: &[u8], step: u64) -> String {
    let mut mac = <Hmac<Sha1>>::new_from_slice(secret).expect("a key of any length is good");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[hash.len() - 1] & 15);
    let word = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{:06}", word % 1_000_000)
}

/// The step at a time in seconds.
pub fn step_at(now_s: u64) -> u64 {
    now_s / STEP_S
}

/// A secret as people type it into an app.
pub fn as_text(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// What an app reads from a QR code.
pub fn uri(secret: &[u8], email: &str) -> String {
    let email: String = byte_serialize(email.as_bytes()).collect();
    format!("otpauth://totp/Linkledger:{email}?secret={}&issuer=Linkledger", as_text(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's appendix B, whose codes have eight digits; ours are the last six.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        for (now, expect) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, step_at(now)), expect, "{now}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_while() {
        let now = 1_234_567_890;
        let step = i64::try_from(step_at(now)).expect("a step");
        assert_eq!(step_of(SECRET, "005924", now, 0), Some(step));
        assert_eq!(step_of(SECRET, "005 924", now + 30, 0), Some(step));
        assert_eq!(step_of(SECRET, "005924", now + 60, 0), None, "too old");
        assert_eq!(step_of(SECRET, "005924", now, step), None, "used");
        assert_eq!(step_of(SECRET, "005925", now, 0), None);
        assert_eq!(step_of(SECRET, "", now, 0), None);
    }
}
