//! Forms: what was typed, what is wrong with it, and the same input that the API reads.
//!
//! Invariant: a form's fields are read by the very types that read the API's bodies, so both refuse the same things.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::message::sentence;
use crate::body::{self, Form};
use crate::problem::{BadParameter, Failure};

/// The fields of a form with what is wrong in each.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    values: BTreeMap<String, String>,
    wrong: Vec<BadParameter>,
    /// What is wrong with all of it.
    pub(crate) problem: Option<String>,
}

impl Fields {
    /// An empty form.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A form as it was sent.
    pub(crate) fn sent(form: Form) -> Self {
        Self { values: form.into_pairs().collect(), ..Self::default() }
    }

    /// The form with this in a field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// What stands in a field; empty when nothing does.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether a box is ticked, or this is the choice.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// What is wrong with a field, as a sentence that stands beside its label and need not name it again.
    pub(crate) fn wrong(&self, name: &str) -> Option<String> {
        let bad =
            self.wrong.iter().find(|bad| bad.field == name || bad.field.starts_with(&format!("{name}[")));
        bad.map(|bad| {
            let detail = bad.detail.strip_prefix(&format!("`{}` ", bad.field)).unwrap_or(&bad.detail);
            sentence(&detail.replace('`', ""))
        })
    }

    /// Remembers why the form was refused, at its fields where it names them.
    pub(crate) fn refuse(mut self, failure: &Failure) -> Self {
        match failure {
            Failure::Parameters(bad) | Failure::Content(bad) => {
                let (known, unknown): (Vec<_>, Vec<_>) = bad.iter().cloned().partition(|bad| {
                    let stem = bad.field.split('[').next().unwrap_or_default();
                    self.values.contains_key(stem)
                });
                self.problem = unknown.first().map(|bad| sentence(&bad.detail.replace('`', "")));
                self.wrong = known;
            }
            other => self.problem = Some(sentence(&other.to_string())),
        }
        self
    }

    /// The input that the API would read from a body with these fields.
    pub(crate) fn read<T: DeserializeOwned>(&self, shape: &[(&str, Kind)]) -> Result<T, Failure> {
        let mut whole = Map::new();
        for (path, kind) in shape {
            let name = path.rsplit('.').next().unwrap_or(path);
            let Some(value) = kind.of(self.value(path)) else { continue };
            match path.split_once('.') {
                None => {
                    whole.insert(name.to_owned(), value);
                }
                Some((outer, inner)) => {
                    let inside = whole.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(inside) = inside {
                        inside.insert(inner.to_owned(), value);
                    }
                }
            }
        }
        body::value(Value::Object(whole))
    }
}

/// How the text of a field is said in JSON. A `.` in a field's name leads into an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it is, also empty.
    Text,
    /// As it is; left out when empty.
    Optional,
    /// As it is; null when empty.
    Nullable,
    /// A whole number; left out when empty, text where it is none, so that the API's type says so.
    Number,
    /// A whole number; null when empty.
    NullableNumber,
    /// A box: true when ticked.
    Flag,
    /// A day, from its midnight (UTC) on; left out when empty, text where it is none.
    Day,
    /// One text a line, also separated by commas, semicolons or blanks.
    Words,
}

impl Kind {
    fn of(self, text: &str) -> Option<Value> {
        let trimmed = text.trim();
        match self {
            Self::Text => Some(Value::from(text)),
            Self::Optional | Self::Number | Self::Day if trimmed.is_empty() => None,
            Self::Nullable | Self::NullableNumber if trimmed.is_empty() => Some(Value::Null),
            Self::Optional | Self::Nullable => Some(Value::from(trimmed)),
            Self::Number | Self::NullableNumber => {
                Some(trimmed.parse::<i64>().map_or_else(|_| Value::from(trimmed), Value::from))
            }
            Self::Day => Some(Value::from(format!("{trimmed}T00:00:00Z"))),
            Self::Flag => Some(Value::from(!trimmed.is_empty())),
            Self::Words => {
                let parts =
                    trimmed.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';'));
                Some(parts.filter(|part| !part.is_empty()).map(Value::from).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        days: Option<u32>,
        social: Option<Social>,
        is_open: bool,
        to: Vec<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Social {
        twitter: Option<String>,
    }

    const SHAPE: [(&str, Kind); 5] = [
        ("name", Kind::Text),
        ("days", Kind::Number),
        ("social.twitter", Kind::Nullable),
        ("is_open", Kind::Flag),
        ("to", Kind::Words),
    ];

    #[test]
    fn fields_become_the_apis_input() {
        let fields = Fields::new()
            .with("name", "Ada")
            .with("days", " 30 ")
            .with("social.twitter", "")
            .with("to", "a@example.com, b@example.com\nc@example.com");
        let read: Sample = fields.read(&SHAPE).expect("good fields");
        assert_eq!((read.name.as_str(), read.days, read.is_open, read.to.len()), ("Ada", Some(30), false, 3));
        assert_eq!(read.social, Some(Social { twitter: None }));
    }

    #[test]
    fn what_is_optional_is_left_out() {
        let shape = [("name", Kind::Optional)];
        let read = |fields: Fields| fields.read::<BTreeMap<String, String>>(&shape);
        assert!(read(Fields::new()).expect("good fields").is_empty());
        let fields = Fields::sent(Form::of([("name", "Ada"), ("plan", "b")]));
        assert!(fields.is("plan", "b") && !fields.is("plan", "a"));
        assert_eq!(read(fields).expect("good fields")["name"], "Ada");
    }

    #[test]
    fn what_is_wrong_stands_at_its_field() {
        let fields = Fields::new().with("name", "Ada").with("days", "soon");
        let failure = fields.read::<Sample>(&SHAPE).expect_err("no number");
        let fields = fields.refuse(&failure);
        assert!(fields.wrong("days").is_some_and(|words| words.contains("soon")), "{fields:?}");
        assert_eq!((fields.wrong("name"), fields.problem), (None, None));
    }
}
