//! The click token: what a shopper carries from the redirect to the order. 48 bytes, 64 base64url characters.
//!
//! | offset | bytes | field (big endian) |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | key id |
//! | 2 | 1 | flags |
//! | 3 | 6 | time, ms since 1970 |
//! | 9 | 5 | link id |
//! | 14 | 6 | visitor: low 48 bits of the keyed hash |
//! | 20 | 2 | channel |
//! | 22 | 2 | lane |
//! | 24 | 8 | seq |
//! | 32 | 16 | HMAC-SHA-256 over `"affclick" 01` and the 32 bytes before, cut to 128 bits |
//!
//! It names its journal record by lane and seq, so nothing is stored for it and an order may come before the click
//! is counted. Nothing of it is believed before the signature is checked, and 48 bytes fill 64 characters exactly,
//! so that no token has a second spelling.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::ids::{Lane, LinkId, Seq};
use crate::secret::{Master, Purpose};

mod keys;

pub use keys::{BadKeys, KeyState, KeyStates};

/// A token's length as text.
pub const TOKEN_CHARS: usize = 64;

/// The largest visitor a token can hold: six bytes.
pub const VISITOR_MAX: u64 = (1 << 48) - 1;

const TOKEN_BYTES: usize = 48;
const BODY: usize = 32;
const VERSION: u8 = 1;
/// Keeps these signatures apart from any other use of the same key.
const DOMAIN: &[u8] = b"affclick\x01";

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Click {
    /// The flags of the click's record.
    pub flags: u8,
    /// When it was accepted, ms since 1970, below `2^48`.
    pub ts_ms: u64,
    /// The link that was followed.
    pub link: LinkId,
    /// Who, as the low 48 bits of the keyed hash: enough to compare with, too little to look up.
    pub visitor: u64,
    /// Where the click came from.
    pub channel: u16,
    /// The journal lane that holds the record.
    pub lane: Lane,
    /// The record's place in the lane.
    pub seq: Seq,
}

/// Why a token is not believed. An order that carries it stays unattributed, with this as its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refused {
    /// Not 64 characters.
    #[error("a click token has 64 characters")]
    Length,
    /// A character outside base64url.
    #[error("a click token consists of letters, digits, - and _")]
    Alphabet,
    /// Of a version this program does not know.
    #[error("the click token is of an unknown version")]
    Version,
    /// Signed with a key that was never issued.
    #[error("the click token names an unknown key")]
    UnknownKey,
    /// Signed with a key that is not trusted any more.
    #[error("the click token names a revoked key")]
    RevokedKey,
    /// Signed with a key that signed no more at that time: whoever has it is not an edge.
    #[error("the click token was signed after its key was retired")]
    RetiredKey,
    /// Not signed by us, or changed on the way.
    #[error("the click token's signature is wrong")]
    Signature,
}

impl Refused {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Length,
        Self::Alphabet,
        Self::Version,
        Self::UnknownKey,
        Self::RevokedKey,
        Self::RetiredKey,
        Self::Signature,
    ];

    /// The stable word in Postgres, and as a metric's label.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Length => "token_length",
            Self::Alphabet => "token_alphabet",
            Self::Version => "token_version",
            Self::UnknownKey => "token_unknown_key",
            Self::RevokedKey => "token_revoked_key",
            Self::RetiredKey => "token_retired_key",
            Self::Signature => "token_signature",
        }
    }

    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refused| refused.code() == code)
    }
}

/// Signs tokens with one key.
///
/// Holds the HMAC with both of its padded key blocks already hashed: a signature then costs two compressions, on a
/// path that is walked for every click.
#[derive(Clone)]
pub struct Signer {
    kid: u8,
    mac: Hmac<Sha256>,
}

impl Signer {
    fn new(master: &Master, kid: u8) -> Self {
        let key = master.derive(Purpose::ClickToken, &[kid]);
        Self { kid, mac: Hmac::new_from_slice(&key).expect("HMAC takes keys of any length") }
    }

    /// The token as ASCII text. Of the link, time and visitor only what fits their bytes is kept.
    pub fn sign(&self, click: &Click) -> [u8; TOKEN_CHARS] {
        let mut token = [0; TOKEN_BYTES];
        token[..BODY].copy_from_slice(&click.body(self.kid));
        let tag = self.mac_of(&token[..BODY]).finalize().into_bytes();
        token[BODY..].copy_from_slice(&tag[..TOKEN_BYTES - BODY]);
        let mut text = [0; TOKEN_CHARS];
        BASE64URL_NOPAD.encode_mut(&token, &mut text);
        text
    }

    fn mac_of(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut input = [0; DOMAIN.len() + BODY];
        input[..DOMAIN.len()].copy_from_slice(DOMAIN);
        input[DOMAIN.len()..].copy_from_slice(body);
        let mut mac = self.mac.clone();
        mac.update(&input);
        mac
    }
}

/// Every key that was ever issued, and how far it is trusted.
#[derive(Clone)]
pub struct Keyring {
    active: Signer,
    keys: Vec<(Signer, KeyState)>,
}

impl Keyring {
    /// Derives the keys.
    pub fn new(master: &Master, states: &KeyStates) -> Self {
        let keys = states.iter().map(|(kid, state)| (Signer::new(master, kid), state)).collect();
        Self { active: Signer::new(master, states.active()), keys }
    }

    /// The signer of the active key.
    pub fn signer(&self) -> Signer {
        self.active.clone()
    }

    /// What the token says, if we signed it with a key that is still trusted.
    ///
    /// The signature is compared in constant time, and before any field is read. How old the token may be and
    /// whether its link exists is the caller's to judge.
    pub fn verify(&self, text: &[u8]) -> Result<Click, Refused> {
        let token = decode(text)?;
        let (body, tag) = token.split_at(BODY);
        let (signer, state) =
            self.keys.iter().find(|(key, _)| key.kid == body[1]).ok_or(Refused::UnknownKey)?;
        if *state == KeyState::Revoked {
            return Err(Refused::RevokedKey);
        }
        signer.mac_of(body).verify_truncated_left(tag).map_err(|_| Refused::Signature)?;
        let click = Click::of(&token);
        match state {
            KeyState::Retired { at: Some(at) } if click.ts_ms >= at.0 => Err(Refused::RetiredKey),
            _ => Ok(click),
        }
    }
}

/// What a token claims, whoever made it.
///
/// Only for audits that hold no secret and compare tokens with the journal, as the load test does. Nothing may be
/// paid, counted or shown on this word: use [`Keyring::verify`].
pub fn decode_unverified(text: &[u8]) -> Result<Click, Refused> {
    decode(text).map(|token| Click::of(&token))
}

fn decode(text: &[u8]) -> Result<[u8; TOKEN_BYTES], Refused> {
    if text.len() != TOKEN_CHARS {
        return Err(Refused::Length);
    }
    let mut token = [0; TOKEN_BYTES];
    BASE64URL_NOPAD.decode_mut(text, &mut token).map_err(|_| Refused::Alphabet)?;
    if token[0] != VERSION {
        return Err(Refused::Version);
    }
    Ok(token)
}

impl Click {
    fn body(&self, kid: u8) -> [u8; BODY] {
        let mut body = [0; BODY];
        body[0] = VERSION;
        body[1] = kid;
        body[2] = self.flags;
        body[3..9].copy_from_slice(&self.ts_ms.to_be_bytes()[2..]);
        body[9..14].copy_from_slice(&self.link.0.to_be_bytes()[3..]);
        body[14..20].copy_from_slice(&self.visitor.to_be_bytes()[2..]);
        body[20..22].copy_from_slice(&self.channel.to_be_bytes());
        body[22..24].copy_from_slice(&self.lane.0.to_be_bytes());
        body[24..].copy_from_slice(&self.seq.0.to_be_bytes());
        body
    }

    fn of(token: &[u8; TOKEN_BYTES]) -> Self {
        let number = |from: usize, to: usize| token[from..to].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        Self {
            flags: token[2],
            ts_ms: number(3, 9),
            link: LinkId(number(9, 14)),
            visitor: number(14, 20),
            channel: number(20, 22) as u16,
            lane: Lane(number(22, 24) as u16),
            seq: Seq(number(24, 32)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    /// Made with another implementation of HKDF, HMAC and base64url.
    const GOLDEN: &str = "AQEDAaH2QLx7AQIDBAWhoqOkpaYLDA0OESIzRFVmd4h7OkYqpacVJU1W8FM3OieJ";

    fn keyring(states: &str) -> Keyring {
        Keyring::new(&Master::parse(SECRET).expect("a secret"), &states.parse().expect("key states"))
    }

    fn click() -> Click {
        Click {
            flags: 3,
            ts_ms: 1_795_132_800_123,
            link: LinkId(0x01_0203_0405),
            visitor: 0xa1a2_a3a4_a5a6,
            channel: 0x0b0c,
            lane: Lane(0x0d0e),
            seq: Seq(0x1122_3344_5566_7788),
        }
    }

    #[test]
    fn the_token_is_pinned() {
        let text = keyring("1:active").signer().sign(&click());
        assert_eq!(std::str::from_utf8(&text), Ok(GOLDEN));
        assert_eq!(keyring("1:active").verify(GOLDEN.as_bytes()), Ok(click()));
        assert_eq!(decode_unverified(GOLDEN.as_bytes()), Ok(click()));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let keyring = keyring("1:active,2:next,3:retired");
        let token = decode(GOLDEN.as_bytes()).expect("the golden token");
        for bit in 0..TOKEN_BYTES * 8 {
            let mut forged = token;
            forged[bit / 8] ^= 1 << (bit % 8);
            let text = BASE64URL_NOPAD.encode(&forged);
            assert!(keyring.verify(text.as_bytes()).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let keyring = keyring("1:active");
        for (at, letter) in (0..TOKEN_CHARS).flat_map(|at| (0..=255_u8).map(move |letter| (at, letter))) {
            let mut text = GOLDEN.as_bytes().to_vec();
            if text[at] != letter {
                text[at] = letter;
                assert!(keyring.verify(&text).is_err(), "{letter} at {at}");
            }
        }
        for (text, expect) in [
            ("", Refused::Length),
            (&GOLDEN[1..], Refused::Length),
            (&format!("{GOLDEN}="), Refused::Length),
            (&GOLDEN.replace('7', "+"), Refused::Alphabet),
            (&GOLDEN.replacen("OieJ", "Oie=", 1), Refused::Alphabet),
            (&GOLDEN.replacen("AQ", "AA", 1), Refused::Version),
        ] {
            assert_eq!(keyring.verify(text.as_bytes()), Err(expect), "{text}");
        }
    }

    #[test]
    fn a_key_is_trusted_until_it_is_revoked() {
        for (states, expect) in [
            ("1:next,2:active", Ok(click())),
            ("1:retired,2:active", Ok(click())),
            ("1:retired@2026-11-20T00:00:00.123Z,2:active", Err(Refused::RetiredKey)),
            ("1:retired@2026-11-20T00:00:00.124Z,2:active", Ok(click())),
            ("1:retired@2026-11-20T01:00:00.124+01:00,2:active", Ok(click())),
            ("1:retired@2026-11-01T00:00:00Z,2:active", Err(Refused::RetiredKey)),
            ("1:revoked,2:active", Err(Refused::RevokedKey)),
            ("2:active", Err(Refused::UnknownKey)),
        ] {
            assert_eq!(keyring(states).verify(GOLDEN.as_bytes()), expect, "{states}");
        }
    }

    #[test]
    fn another_key_id_or_secret_makes_another_signature() {
        let ours = keyring("1:active,2:next");
        let mut token = decode(&keyring("2:active").signer().sign(&click())).expect("a token");
        token[1] = 1;
        assert_eq!(ours.verify(BASE64URL_NOPAD.encode(&token).as_bytes()), Err(Refused::Signature));
        let other = Master::parse(&SECRET.replace("1f", "ff")).expect("a secret");
        let theirs = Keyring::new(&other, &KeyStates::default());
        assert_eq!(theirs.verify(GOLDEN.as_bytes()), Err(Refused::Signature));
    }

    proptest! {
        #[test]
        fn whatever_fits_comes_back(
            flags: u8, ts_ms in 0..1_u64 << 48, link in 0..=LinkId::MAX.0, visitor in 0..=VISITOR_MAX,
            channel: u16, lane: u16, seq: u64,
        ) {
            let (link, lane, seq) = (LinkId(link), Lane(lane), Seq(seq));
            let click = Click { flags, ts_ms, link, visitor, channel, lane, seq };
            let keyring = keyring("7:active");
            prop_assert_eq!(keyring.verify(&keyring.signer().sign(&click)), Ok(click));
        }

        #[test]
        fn no_bytes_are_a_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(keyring("1:active").verify(&text).is_err());
        }
    }
}
