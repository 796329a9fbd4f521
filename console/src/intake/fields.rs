//! The fields of an object, taken one by one. What is wrong with them is collected, so that one answer names it all,
//! and what nobody took is refused by name: a mistyped field must not silently be worth nothing.

use super::json::Json;
use crate::problem::BadParameter;

/// What was wrong with a body so far.
pub(super) type Flaws = Vec<BadParameter>;

/// One object's fields that were not taken yet.
#[derive(Debug)]
pub(super) struct Fields {
    path: String,
    pairs: Vec<(String, Json)>,
    known: Vec<&'static str>,
}

impl Fields {
    /// The fields of the object at `path` (empty for the body itself). Anything else has none, and is complained about.
    pub(super) fn of(path: impl Into<String>, value: Json, flaws: &mut Flaws) -> Self {
        let path = path.into();
        let pairs = match value {
            Json::Object(pairs) => pairs.into_iter().filter(|(_, value)| *value != Json::Null).collect(),
            other => {
                let place = if path.is_empty() { "the body" } else { &path };
                let detail = format!("{place} must be an object, not {}", other.kind());
                flaws.push(BadParameter { field: path.clone(), code: "not_an_object", detail });
                Vec::new()
            }
        };
        Self { path, pairs, known: Vec::new() }
    }

    /// The full name of a field: `items[2].net_minor`.
    pub(super) fn name(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    /// Complains about a field.
    pub(super) fn refuse(&self, field: &str, code: &'static str, words: impl AsRef<str>, flaws: &mut Flaws) {
        let field = self.name(field);
        flaws.push(BadParameter { detail: format!("`{field}` {}", words.as_ref()), field, code });
    }

    /// Takes a field of any kind.
    pub(super) fn take(&mut self, field: &'static str) -> Option<Json> {
        self.known.push(field);
        let at = self.pairs.iter().position(|(name, _)| name == field)?;
        Some(self.pairs.swap_remove(at).1)
    }

    /// Takes a text.
    pub(super) fn text(&mut self, field: &'static str, flaws: &mut Flaws) -> Option<String> {
        match self.take(field)? {
            Json::Text(text) => Some(text),
            other => {
                self.refuse(field, "not_a_text", format!("must be a text, not {}", other.kind()), flaws);
                None
            }
        }
    }

    /// Takes a text that must be there.
    pub(super) fn need_text(&mut self, field: &'static str, flaws: &mut Flaws) -> String {
        if !self.pairs.iter().any(|(name, _)| name == field) {
            self.known.push(field);
            self.refuse(field, "missing", "is missing", flaws);
            return String::new();
        }
        self.text(field, flaws).unwrap_or_default()
    }

    /// Takes a whole number.
    pub(super) fn integer<N: TryFrom<i128>>(&mut self, field: &'static str, flaws: &mut Flaws) -> Option<N> {
        match self.take(field)? {
            Json::Integer(number) => {
                let fitting = N::try_from(number).ok();
                if fitting.is_none() {
                    self.refuse(field, "out_of_range", "is out of range", flaws);
                }
                fitting
            }
            other => {
                let words = format!("must be a whole number, not {}", other.kind());
                self.refuse(field, "not_an_integer", words, flaws);
                None
            }
        }
    }

    /// Takes an amount of money: an integer, as a float cannot hold every cent.
    pub(super) fn minor(&mut self, field: &'static str, flaws: &mut Flaws) -> Option<i64> {
        if let Json::Integer(number) = self.take(field)? {
            let nearest = if number < 0 { i64::MIN } else { i64::MAX };
            return Some(i64::try_from(number).unwrap_or(nearest));
        }
        let words =
            "must be a whole number of the currency's smallest unit: send minor units, 1250 for 12.50 EUR";
        self.refuse(field, "not_minor_units", words, flaws);
        None
    }

    /// Takes a list.
    pub(super) fn list(&mut self, field: &'static str, flaws: &mut Flaws) -> Vec<Json> {
        match self.take(field) {
            None => Vec::new(),
            Some(Json::List(entries)) => entries,
            Some(other) => {
                self.refuse(field, "not_a_list", format!("must be a list, not {}", other.kind()), flaws);
                Vec::new()
            }
        }
    }

    /// Takes an object.
    pub(super) fn object(&mut self, field: &'static str, flaws: &mut Flaws) -> Option<Self> {
        let value = self.take(field)?;
        Some(Self::of(self.name(field), value, flaws))
    }

    /// Complains about fields that nobody took.
    pub(super) fn finish(self, flaws: &mut Flaws) {
        for (name, _) in &self.pairs {
            let name: String = name.chars().take(60).collect();
            let words = format!("is not a field here; known are {}", self.known.join(", "));
            self.refuse(&name, "unknown_field", words, flaws);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named_with_its_place() {
        let body = br#"{"a":1,"n":"7","big":300,"m":12.5,"neg":-1,"l":{},"o":{"x":1},"gone":null}"#;
        let (mut flaws, value) = (Flaws::new(), Json::parse(body).expect("JSON"));
        let mut fields = Fields::of("", value, &mut flaws);
        assert_eq!(fields.text("a", &mut flaws), None);
        assert_eq!(fields.integer::<u32>("n", &mut flaws), None);
        assert_eq!(fields.integer::<u8>("big", &mut flaws), None);
        assert_eq!(fields.minor("m", &mut flaws), None);
        assert_eq!(fields.minor("neg", &mut flaws), Some(-1), "its sign is judged with the event");
        assert_eq!(fields.list("l", &mut flaws), Vec::new());
        assert_eq!(fields.need_text("gone", &mut flaws), "");
        fields.object("o", &mut flaws).expect("an object").finish(&mut flaws);
        fields.finish(&mut flaws);
        let seen: Vec<(&str, &str)> = flaws.iter().map(|flaw| (flaw.field.as_str(), flaw.code)).collect();
        let expect = [
            ("a", "not_a_text"),
            ("n", "not_an_integer"),
            ("big", "out_of_range"),
            ("m", "not_minor_units"),
            ("l", "not_a_list"),
            ("gone", "missing"),
            ("o.x", "unknown_field"),
        ];
        assert_eq!(seen, expect);
    }
}
