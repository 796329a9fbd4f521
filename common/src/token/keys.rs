//! The states of the signing keys, as an operator writes them: `1:retired@2026-11-01T00:00:00Z,2:active,3:next`.
//!
//! A key moves one way: next → active → retired → revoked. Exactly one is active; a key id is never used again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat};

use crate::time::Millis;

/// How far a key is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Known everywhere before the first edge signs with it: verifies only.
    Next,
    /// Signs and verifies.
    Active,
    /// Signs no more, but shoppers still carry its tokens: verifies only.
    Retired {
        /// From when on nothing it signed is believed: by then every edge had the next key. Without it a key that
        /// leaks after its days could still sign clicks of today.
        at: Option<Millis>,
    },
    /// Leaked: nothing it signed is believed.
    Revoked,
}

/// The state of every key that was ever issued. One is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStates(BTreeMap<u8, KeyState>);

/// Why a text does not name key states.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// An entry that cannot be read.
    #[error(
        "key state {0:?} is not `<1 to 255>:<next|active|retired|revoked>` or `<1 to 255>:retired@<2026-11-01T00:00:00Z>`"
    )]
    Entry(String),
    /// The same key twice.
    #[error("key {0} is named twice")]
    Twice(u8),
    /// None or several keys would sign.
    #[error("exactly one key must be active, not {0}")]
    Active(usize),
}

impl KeyStates {
    /// The key that signs.
    pub fn active(&self) -> u8 {
        self.iter()
            .find(|(_, state)| *state == KeyState::Active)
            .expect("one key is active by construction")
            .0
    }

    /// Every key and its state, by key id.
    pub fn iter(&self) -> impl Iterator<Item = (u8, KeyState)> {
        self.0.iter().map(|(kid, state)| (*kid, *state))
    }
}

impl Default for KeyStates {
    /// A new programme: key 1 is active.
    fn default() -> Self {
        Self(BTreeMap::from([(1, KeyState::Active)]))
    }
}

impl FromStr for KeyStates {
    type Err = BadKeys;

    fn from_str(text: &str) -> Result<Self, BadKeys> {
        let mut states = BTreeMap::new();
        for entry in text.split(',').map(str::trim) {
            let (kid, state) = parse_entry(entry).ok_or_else(|| BadKeys::Entry(entry.to_owned()))?;
            if states.insert(kid, state).is_some() {
                return Err(BadKeys::Twice(kid));
            }
        }
        match states.values().filter(|state| **state == KeyState::Active).count() {
            1 => Ok(Self(states)),
            n => Err(BadKeys::Active(n)),
        }
    }
}

fn parse_entry(entry: &str) -> Option<(u8, KeyState)> {
    let (kid, state) = entry.split_once(':')?;
    let kid = kid.parse().ok().filter(|kid| *kid != 0)?;
    let state = match state.split_once('@') {
        None => match state {
            "next" => KeyState::Next,
            "active" => KeyState::Active,
            "retired" => KeyState::Retired { at: None },
            "revoked" => KeyState::Revoked,
            _ => return None,
        },
        Some(("retired", at)) => {
            let at = DateTime::parse_from_rfc3339(at).ok()?.timestamp_millis();
            KeyState::Retired { at: Some(Millis(u64::try_from(at).ok()?)) }
        }
        Some(_) => return None,
    };
    Some((kid, state))
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Next => f.write_str("next"),
            Self::Active => f.write_str("active"),
            Self::Retired { at: None } => f.write_str("retired"),
            Self::Retired { at: Some(at) } => {
                let at = DateTime::from_timestamp_millis(at.0.cast_signed()).unwrap_or_default();
                write!(f, "retired@{}", at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
            Self::Revoked => f.write_str("revoked"),
        }
    }
}

impl fmt::Display for KeyStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kid, state)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{kid}:{state}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_and_written_alike() {
        let states: KeyStates = " 3:next, 2:active,1:revoked ".parse().expect("key states");
        assert_eq!(states.to_string(), "1:revoked,2:active,3:next");
        assert_eq!(states.active(), 2);
        assert_eq!(KeyStates::default().to_string(), "1:active");
        for text in ["1:retired@2026-11-01T00:00:00Z,2:active", "1:retired@2026-11-01T00:00:00.123Z,2:active"]
        {
            assert_eq!(text.parse::<KeyStates>().expect(text).to_string(), text);
        }
        let elsewhere: KeyStates =
            "2:active,1:retired@2026-11-01T02:00:00+02:00".parse().expect("key states");
        assert_eq!(elsewhere.to_string(), "1:retired@2026-11-01T00:00:00Z,2:active");
    }

    #[test]
    fn what_would_not_sign_is_refused() {
        for (text, expect) in [
            ("", BadKeys::Entry(String::new())),
            ("0:active", BadKeys::Entry("0:active".to_owned())),
            ("256:active", BadKeys::Entry("256:active".to_owned())),
            ("1:on", BadKeys::Entry("1:on".to_owned())),
            ("1:retired@", BadKeys::Entry("1:retired@".to_owned())),
            ("1:retired@2026-11-01", BadKeys::Entry("1:retired@2026-11-01".to_owned())),
            ("1:retired@1969-12-31T23:59:59Z", BadKeys::Entry("1:retired@1969-12-31T23:59:59Z".to_owned())),
            ("1:active@2026-11-01T00:00:00Z", BadKeys::Entry("1:active@2026-11-01T00:00:00Z".to_owned())),
            ("1:active,1:next", BadKeys::Twice(1)),
            ("1:next", BadKeys::Active(0)),
            ("1:active,2:active", BadKeys::Active(2)),
        ] {
            assert_eq!(text.parse::<KeyStates>(), Err(expect), "{text}");
        }
    }
}
