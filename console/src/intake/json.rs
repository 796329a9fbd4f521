//! JSON, read strictly: no key twice in an object, no deep nesting, and numbers that tell whether they are whole.
//!
//! Two readers of one text must not see two orders, so a repeated key is refused rather than decided about.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::problem::Failure;

/// Objects and lists inside each other at most. Payloads of shop systems have about ten.
const MAX_DEPTH: usize = 32;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent that fits 64 bits.
    Integer(i128),
    /// Any other number: never an amount of money.
    Fraction,
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object, in the order it was written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole body.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = Below(MAX_DEPTH).deserialize(&mut reader);
        value
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|error| Failure::NotJson(format!("the body cannot be read as JSON: {error}")))
    }

    /// The value under a key of an object; `null` counts as not there.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(pairs) = self else { return None };
        pairs
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
            .filter(|value| **value != Self::Null)
    }

    /// The value at the end of a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// A text that says something.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// A text, or a whole number as text: shop systems number their things.
    pub(super) fn id(&self) -> Option<String> {
        match self {
            Self::Integer(number) => Some(number.to_string()),
            _ => self.text().map(str::to_owned),
        }
    }

    /// A whole number.
    pub(super) fn integer(&self) -> Option<i128> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The entries of a list; nothing else has any.
    pub(super) fn entries(&self) -> &[Self] {
        if let Self::List(entries) = self { entries } else { &[] }
    }

    /// What kind of value it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a number",
            Self::Fraction => "a number with a fraction or out of range",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a value with so many levels left.
struct Below(usize);

impl Below {
    fn level<E: de::Error>(&self) -> Result<usize, E> {
        self.0.checked_sub(1).ok_or_else(|| E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Below {
    type Value = Json;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Json, E> {
        Ok(Json::Fraction)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let below = self.level()?;
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element_seed(Below(below))? {
            entries.push(entry);
        }
        Ok(Json::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let below = self.level()?;
        let (mut pairs, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = object.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                let key: String = key.chars().take(60).collect();
                return Err(de::Error::custom(format_args!("the key {key:?} stands twice in one object")));
            }
            pairs.push((key, object.next_value_seed(Below(below))?));
        }
        Ok(Json::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Json::parse(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn numbers_tell_whether_they_are_whole() {
        let read = |text: &str| Json::parse(text.as_bytes()).expect(text);
        for (text, number) in [("0", 0), ("-7", -7), ("18446744073709551615", i128::from(u64::MAX))] {
            assert_eq!(read(text), Json::Integer(number), "{text}");
        }
        for text in ["1.0", "1e3", "1e308", "99999999999999999999", "-0.5"] {
            assert_eq!(read(text), Json::Fraction, "{text}");
        }
    }

    #[test]
    fn repeated_keys_deep_nesting_and_rests_are_refused() {
        assert!(refusal("{\"a\":1,\"b\":{\"c\":1,\"c\":1}}").contains("\"c\" stands twice"));
        assert!(refusal("{\"a\":1,\"\\u0061\":2}").contains("\"a\" stands twice"), "escapes are read first");
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(refusal(&nested(MAX_DEPTH + 1)).contains("nested deeper"));
        assert!(refusal(&"[".repeat(100_000)).contains("nested deeper"));
        for bad in ["", "{", "{} {}", "{'a':1}", "{\"a\":1,}", "\"\\ud800\"", "NaN", "1e999", "\u{feff}{}"] {
            refusal(bad);
        }
        assert!(Json::parse(b"\"\xff\"").is_err(), "not UTF-8");
    }

    #[test]
    fn values_are_found_by_path() {
        let value = Json::parse(br#"{"a":{"b":[{"c":" x "}],"n":null},"id":7,"empty":"  "}"#).expect("JSON");
        let list = value.at(&["a", "b"]).expect("a list").entries();
        assert_eq!(list[0].get("c").and_then(Json::text), Some(" x "));
        assert_eq!((value.at(&["a", "n"]), value.at(&["a", "b", "c"])), (None, None));
        assert_eq!(value.get("id").and_then(Json::id).as_deref(), Some("7"));
        assert_eq!(value.get("empty").and_then(Json::text), None);
    }
}
