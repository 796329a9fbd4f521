//! What the console keeps unreadable in the database: sealed under keys that come from `CONSOLE_SECRET`.
//!
//! Each purpose has a key of its own, and what is sealed for one row opens for no other. Without the setting nothing can
//! be sealed or opened, and those parts of the API say so; all else works.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::problem::Failure;

/// The first byte of everything sealed: which way it was sealed in.
const VERSION: u8 = 1;
/// Bytes of a nonce: long enough to draw each at random.
const NONCE: usize = 24;

/// What is sealed or hashed, and with it the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What authenticator apps share with us.
    Totp,
    /// An enrolment on its way to a browser and back.
    TotpEnrolment,
    /// Whom failed sign-ins came from.
    SignInBucket,
    /// Account number, SWIFT/BIC and branch code.
    BankAccount,
    /// A bank account's number, to tell equal ones.
    BankAccountHash,
    /// What our calls to other systems are signed with.
    OutgoingWebhook,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Totp => b"linkledger totp",
            Self::TotpEnrolment => b"linkledger totp enrolment",
            Self::SignInBucket => b"linkledger sign-in bucket",
            Self::BankAccount => b"linkledger bank account",
            Self::BankAccountHash => b"linkledger bank account hash",
            Self::OutgoingWebhook => b"linkledger outgoing webhook",
        }
    }
}

/// The keys, or their absence.
#[derive(Clone)]
pub struct Vault {
    secret: Option<Arc<str>>,
    /// Stands in for hashes that nobody compares after a restart.
    passing: [u8; 32],
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secret.is_some() { "Vault(with a secret)" } else { "Vault(without a secret)" })
    }
}

impl Vault {
    /// Keys from the setting, if it was made.
    pub fn new(secret: Option<&str>) -> anyhow::Result<Self> {
        let mut passing = [0; 32];
        getrandom::fill(&mut passing).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        Ok(Self { secret: secret.map(Arc::from), passing })
    }

    /// Makes text unreadable. `row` names where it is kept: it opens nowhere else.
    pub fn seal(&self, purpose: Purpose, row: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
        let payload = Payload { msg: plain, aad: row.as_bytes() };
        let sealed = self
            .cipher(purpose)?
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Failure::Fault(format!("cannot seal {purpose:?}")))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Makes it readable again. Fails with another secret than it was sealed with, and for another row.
    pub fn open(&self, purpose: Purpose, row: &str, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        let cannot = || Failure::CannotOpen(purpose);
        let (&version, rest) = sealed.split_first().ok_or_else(cannot)?;
        let (nonce, sealed) =
            rest.split_first_chunk::<NONCE>().filter(|_| version == VERSION).ok_or_else(cannot)?;
        let payload = Payload { msg: sealed, aad: row.as_bytes() };
        self.cipher(purpose)?.decrypt(&XNonce::from(*nonce), payload).map_err(|_| cannot())
    }

    /// A hash that nobody can compute who has only the database. Needs the secret: it will be compared for years.
    pub fn lasting_hash(&self, purpose: Purpose, text: &[u8]) -> Result<[u8; 32], Failure> {
        Ok(mac(&self.key(purpose)?, text))
    }

    /// The same for what is forgotten within hours: without the secret, hashes change when the console starts again.
    pub fn passing_hash(&self, purpose: Purpose, text: &[u8]) -> [u8; 32] {
        mac(&self.key(purpose).unwrap_or(self.passing), text)
    }

    fn cipher(&self, purpose: Purpose) -> Result<XChaCha20Poly1305, Failure> {
        Ok(XChaCha20Poly1305::new(&self.key(purpose)?.into()))
    }

    fn key(&self, purpose: Purpose) -> Result<[u8; 32], Failure> {
        let secret = self.secret.as_ref().ok_or(Failure::NoSecret)?;
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, secret.as_bytes())
            .expand(purpose.label(), &mut key)
            .map_err(|error| Failure::Fault(format!("no key: {error}")))?;
        Ok(key)
    }
}

fn mac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("a key of any length is good");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_row_and_purpose_only() {
        let vault = Vault::new(Some("a made-up secret of more than 32 characters")).expect("a vault");
        let sealed = vault.seal(Purpose::Totp, "acc_1", b"plain").expect("sealed");
        assert!(!sealed.windows(5).any(|part| part == b"plain"));
        assert_ne!(sealed, vault.seal(Purpose::Totp, "acc_1", b"plain").expect("sealed"));
        assert_eq!(vault.open(Purpose::Totp, "acc_1", &sealed).expect("opened"), b"plain");
        let mut bent = sealed.clone();
        bent[20] ^= 1;
        let other = Vault::new(Some("another made-up secret of 32 characters")).expect("a vault");
        for outcome in [
            vault.open(Purpose::Totp, "acc_2", &sealed),
            vault.open(Purpose::BankAccount, "acc_1", &sealed),
            vault.open(Purpose::Totp, "acc_1", &bent),
            vault.open(Purpose::Totp, "acc_1", &sealed[..9]),
            vault.open(Purpose::Totp, "acc_1", &[]),
            other.open(Purpose::Totp, "acc_1", &sealed),
        ] {
            assert!(matches!(outcome, Err(Failure::CannotOpen(_))), "{outcome:?}");
        }
    }

    #[test]
    fn without_a_secret_nothing_is_sealed() {
        let vault = Vault::new(None).expect("a vault");
        assert!(matches!(vault.seal(Purpose::Totp, "acc_1", b"plain"), Err(Failure::NoSecret)));
        let bucket = |text: &[u8]| vault.passing_hash(Purpose::SignInBucket, text);
        assert_eq!(bucket(b"a"), bucket(b"a"));
        assert_ne!(bucket(b"a"), bucket(b"b"));
    }
}
