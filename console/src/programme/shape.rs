//! Fields that objects here have in common, and their complaints.

use serde::{Deserialize, Deserializer};

use crate::problem::{Failure, unusable};

/// Characters of a name, as in Postgres.
const MAX_NAME: usize = 200;
/// Characters of a message from one person to another, as in Postgres: a page.
const MAX_MESSAGE: usize = 2_000;

/// What a change says of a field: JSON tells one that is left out from one that is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Patch<T> {
    /// Left out: it stays.
    #[default]
    Keep,
    /// Null: it becomes empty.
    Clear,
    /// Another value.
    Set(T),
}

impl<T> Patch<T> {
    /// What becomes of a value.
    pub(crate) fn of(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(reader)?.map_or(Self::Clear, Self::Set))
    }
}

/// What something is called: trimmed, on one line.
pub(crate) fn name(field: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    let detail = format!("`{field}` must be 1 to {MAX_NAME} characters on one line");
    Err(unusable(field, "invalid_name", detail))
}

/// What one person writes to another: trimmed, may be empty.
pub(crate) fn message(field: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.chars().count() <= MAX_MESSAGE && !text.contains('\0') {
        return Ok(text.to_owned());
    }
    let detail = format!("`{field}` must be text of at most {MAX_MESSAGE} characters");
    Err(unusable(field, "invalid_message", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default)]
        until: Patch<u32>,
    }

    #[test]
    fn a_field_left_out_is_not_one_emptied() {
        for (text, expect) in
            [("{}", Patch::Keep), (r#"{"until": null}"#, Patch::Clear), (r#"{"until": 3}"#, Patch::Set(3))]
        {
            assert_eq!(serde_json::from_str::<Sample>(text).expect("good").until, expect, "{text}");
        }
    }

    #[test]
    fn names_stand_on_one_line() {
        assert_eq!(name("name", "  Teapots ").ok().as_deref(), Some("Teapots"));
        for bad in ["", "  ", "a\nb", "a\u{0}b", &"x".repeat(201)] {
            assert!(name("name", bad).is_err(), "{bad:?}");
        }
    }
}
