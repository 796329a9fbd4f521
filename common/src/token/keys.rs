//! The states of the signing keys, as an operator writes them: `1:retired,2:active,3:next`.
//!
//! A key moves one way: next → active → retired → revoked. Exactly one is active; a key id is never used again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How far a key is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Known everywhere before the first edge signs with it: verifies only.
    Next,
    /// Signs and verifies.
    Active,
    /// Signs no more, but shoppers still carry its tokens: verifies only.
    Retired,
    /// Leaked: nothing it signed is believed.
    Revoked,
}

impl KeyState {
    const ALL: [Self; 4] = [Self::Next, Self::Active, Self::Retired, Self::Revoked];

    fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

/// The state of every key that was ever issued. One is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStates(BTreeMap<u8, KeyState>);

/// Why a text does not name key states.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// An entry that cannot be read.
    #[error("key state {0:?} is not `<1 to 255>:<next|active|retired|revoked>`")]
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
    Some((kid, KeyState::ALL.into_iter().find(|s| s.name() == state)?))
}

impl fmt::Display for KeyStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kid, state)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{kid}:{}", state.name())?;
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
    }

    #[test]
    fn what_would_not_sign_is_refused() {
        for (text, expect) in [
            ("", BadKeys::Entry(String::new())),
            ("0:active", BadKeys::Entry("0:active".to_owned())),
            ("256:active", BadKeys::Entry("256:active".to_owned())),
            ("1:on", BadKeys::Entry("1:on".to_owned())),
            ("1:active,1:next", BadKeys::Twice(1)),
            ("1:next", BadKeys::Active(0)),
            ("1:active,2:active", BadKeys::Active(2)),
        ] {
            assert_eq!(text.parse::<KeyStates>(), Err(expect), "{text}");
        }
    }
}
