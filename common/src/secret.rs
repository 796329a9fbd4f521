//! The programme's one secret, and the keys that come of it.
//!
//! Everybody who needs a key derives it for one named purpose: no key serves two, and none can be led back to the
//! secret or to another key. Nothing here can be printed.

use std::fmt;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hkdf::Hkdf;
use sha2::Sha256;

/// The secret all keys come of, as HKDF-SHA-256 extracted it.
#[derive(Clone)]
pub struct Master([u8; 32]);

/// What a key is for. Each has its own label, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signing click tokens. Context: the key id.
    ClickToken,
    /// Telling visitors apart. Context: the month.
    Visitor,
    /// Telling networks apart. Context: the month.
    AddressPrefix,
    /// Telling user agents apart. Context: the month.
    UserAgent,
    /// Telling sub-ids apart. No context: an affiliate's sub-id stays the same for ever.
    SubIds,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::ClickToken => "click-token",
            Self::Visitor => "visitor",
            Self::AddressPrefix => "address-prefix",
            Self::UserAgent => "user-agent",
            Self::SubIds => "sub-ids",
        }
    }
}

/// Why a text is not a usable secret. The text itself is never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Neither notation fits.
    #[error("the secret is neither hexadecimal nor base64: make one with `openssl rand -hex 32`")]
    Notation,
    /// Too few bytes to resist a search.
    #[error("the secret has {0} bytes, but needs {min} to {max}: make one with `openssl rand -hex 32`", min = Master::MIN_BYTES, max = Master::MAX_BYTES)]
    Length(usize),
    /// Long enough, but typed rather than drawn.
    #[error("the secret repeats itself and can be guessed: make one with `openssl rand -hex 32`")]
    Guessable,
}

impl Master {
    /// As strong as the keys that come of it.
    pub const MIN_BYTES: usize = 32;
    /// More would be a mistake, such as a whole key file.
    pub const MAX_BYTES: usize = 1024;
    /// 32 random bytes have fewer distinct ones than this once in 10^24 draws; `0000…` and `abab…` always do.
    const MIN_DISTINCT: usize = 8;

    /// Reads hexadecimal, or base64 of either alphabet, padded or not. Text that could be both is hexadecimal.
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let text = text.trim();
        let digits = text.trim_end_matches('=').as_bytes();
        let bytes = HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .or_else(|_| BASE64_NOPAD.decode(digits))
            .or_else(|_| BASE64URL_NOPAD.decode(digits))
            .map_err(|_| BadSecret::Notation)?;
        Self::from_bytes(&bytes)
    }

    /// The secret these bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadSecret> {
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&bytes.len()) {
            return Err(BadSecret::Length(bytes.len()));
        }
        let mut seen = [false; 256];
        for byte in bytes {
            seen[usize::from(*byte)] = true;
        }
        if seen.iter().filter(|s| **s).count() < Self::MIN_DISTINCT {
            return Err(BadSecret::Guessable);
        }
        let (extracted, _) = Hkdf::<Sha256>::extract(Some(b"linkledger"), bytes);
        Ok(Self(extracted.into()))
    }

    /// The key for one purpose in one context: HKDF-Expand over `label ‖ 0 ‖ context`.
    ///
    /// Labels have no zero byte, so no two pairs of purpose and context meet.
    pub fn derive(&self, purpose: Purpose, context: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        Hkdf::<Sha256>::from_prk(&self.0)
            .expect("32 bytes are a whole SHA-256 output")
            .expand_multi_info(&[purpose.label().as_bytes(), &[0], context], &mut key)
            .expect("32 bytes are within HKDF's limit");
        key
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSES: [Purpose; 5] =
        [Purpose::ClickToken, Purpose::Visitor, Purpose::AddressPrefix, Purpose::UserAgent, Purpose::SubIds];
    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn key(text: &str) -> [u8; 32] {
        Master::parse(text).expect(text).derive(Purpose::ClickToken, &[1])
    }

    #[test]
    fn every_notation_of_the_same_bytes_is_the_same_secret() {
        let same = [
            HEX.to_uppercase(),
            format!("  {HEX}\n"),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned(),
        ];
        for text in same {
            assert_eq!(key(&text), key(HEX), "{text}");
        }
        assert_eq!(
            key("-_-_0123456789abcdefghijklmnopqrstuvwxyzABCD"),
            key("+/+/0123456789abcdefghijklmnopqrstuvwxyzABCD")
        );
    }

    #[test]
    fn the_derivation_is_pinned() {
        // HKDF-SHA-256 of RFC 5869 with salt `linkledger` and info `click-token` 00 01, computed elsewhere.
        let expect = "0da522b6da03d0cff7c0e4c07a244c118243301c2f38232c4cbda06b876e7869";
        assert_eq!(HEXLOWER_PERMISSIVE.encode(&key(HEX)), expect);
    }

    #[test]
    fn purposes_and_contexts_never_share_a_key() {
        let master = Master::parse(HEX).expect("a secret");
        let contexts: [&[u8]; 4] = [b"", b"\x01", b"\x02", b"\x01\x00"];
        let mut keys: Vec<_> =
            PURPOSES.iter().flat_map(|p| contexts.map(|context| master.derive(*p, context))).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), PURPOSES.len() * contexts.len());
    }

    #[test]
    fn weak_secrets_are_refused_without_being_shown() {
        let short = &HEX[2..];
        for (text, expect) in [
            ("", BadSecret::Length(0)),
            ("change me!", BadSecret::Notation),
            (short, BadSecret::Length(31)),
            (&"ab".repeat(32), BadSecret::Guessable),
            (&HEX.repeat(33), BadSecret::Length(33 * 32)),
        ] {
            let error = Master::parse(text).expect_err(text);
            assert_eq!(error, expect);
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
        assert_eq!(format!("{:?}", Master::parse(HEX).expect("a secret")), "Master(…)");
    }
}
