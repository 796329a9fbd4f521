//! Webhook secrets at rest: a copy of the database is not enough to forge a shop's report.
//!
//! XChaCha20-Poly1305 under a key that comes of `CONSOLE_SECRET`, with a random nonce for each secret. Where a secret
//! belongs (endpoint and number) is authenticated with it, so that one row's secret cannot be put into another row.

use std::fmt;

use anyhow::Context as _;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use common::secret::Master;
use hkdf::Hkdf;
use runtime::Secret;
use sha2::Sha256;

/// The layout of what is stored: this byte, 24 bytes of nonce, the ciphertext with its tag.
const VERSION: u8 = 1;
const NONCE: usize = 24;

/// Seals and opens webhook secrets.
#[derive(Clone)]
pub struct Seal(XChaCha20Poly1305);

impl Seal {
    /// The seal that comes of the console's secret. As strict about it as the edge is about its own.
    pub fn new(console_secret: &Secret) -> Result<Self, String> {
        let text = console_secret.expose();
        Master::parse(text).map_err(|error| error.to_string())?;
        let mut key = [0; 32];
        // Extracted from the text as it is written: another notation of the same bytes is another secret.
        Hkdf::<Sha256>::new(Some(b"linkledger-console"), text.as_bytes())
            .expand(b"webhook-secret", &mut key)
            .expect("32 bytes are within HKDF's limit");
        Ok(Self(XChaCha20Poly1305::new(&key.into())))
    }

    /// A secret as it is stored.
    pub fn close(&self, place: &str, secret: &Secret) -> anyhow::Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).context("the system gives no random bytes")?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: place.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| anyhow::anyhow!("the secret cannot be sealed"))?;
        Ok([&[VERSION], &nonce[..], &sealed].concat())
    }

    /// The secret again. `None` when it was sealed with another console secret, for another place, or changed.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Secret> {
        let (&VERSION, rest) = sealed.split_first()? else { return None };
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let secret = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        String::from_utf8(secret).ok().map(Secret::new)
    }
}

/// Where a secret belongs.
pub fn place(endpoint: &str, secret_no: i32) -> String {
    format!("{endpoint}/{secret_no}")
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(last: char) -> Seal {
        let secret = format!("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1{last}");
        Seal::new(&Secret::new(secret)).expect("a good secret")
    }

    #[test]
    fn only_the_same_secret_opens_only_the_same_place() {
        let (ours, secret) = (seal('f'), Secret::new("whsec_made-up"));
        let sealed = ours.close("endpoint/1", &secret).expect("sealed");
        assert!(!sealed.windows(7).any(|part| part == b"made-up"));
        assert_eq!(ours.open("endpoint/1", &sealed), Some(secret.clone()));
        assert_ne!(ours.close("endpoint/1", &secret).expect("sealed"), sealed, "no nonce twice");
        assert_eq!(ours.open("endpoint/2", &sealed), None);
        assert_eq!(seal('e').open("endpoint/1", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(ours.open("endpoint/1", &changed), None, "byte {at}");
            assert_eq!(ours.open("endpoint/1", &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_weak_secret_seals_nothing() {
        for weak in ["", "short", &"ab".repeat(32)] {
            assert!(Seal::new(&Secret::new(weak)).is_err(), "{weak}");
        }
        assert_eq!(format!("{:?}", seal('f')), "Seal(…)");
    }
}
