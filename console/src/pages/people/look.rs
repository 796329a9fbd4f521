//! How somebody looks at a list: what its address says, and the addresses of the same list looked at otherwise.

use chrono::{DateTime, Utc};
use url::form_urlencoded;

use crate::pages::toast;
use crate::pages::visit::{Visit, inside};

/// Where the API's lists go on.
const AFTER: &str = "starting_after";

/// What the address of a list says, in the API's own words. What the list does not know is left out: addresses get
/// decorated on their way.
#[derive(Debug, Clone)]
pub(super) struct Look {
    path: String,
    pairs: Vec<(String, String)>,
}

/// One of several ways to look at a list.
pub(super) struct Tab {
    pub(super) label: &'static str,
    /// How many there are, where that is known.
    pub(super) count: Option<i64>,
    pub(super) address: String,
    pub(super) is_current: bool,
}

impl Look {
    /// Reads the address of the list at `path`, which knows these names.
    pub(super) fn read(path: impl Into<String>, query: &str, known: &[&str]) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let known = |name: &str| name == AFTER || known.contains(&name);
        let pairs = pairs.filter(|(name, value)| known(name) && !value.is_empty()).collect();
        Self { path: path.into(), pairs }
    }

    /// What it says of this; empty when it says nothing.
    pub(super) fn value(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The same as the API's lists read it.
    pub(super) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }

    /// The first page with one thing said otherwise; an empty value leaves it out.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let mut pairs: Vec<_> =
            self.pairs.iter().filter(|(key, _)| key != name && key != AFTER).cloned().collect();
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Self { path: self.path.clone(), pairs }.address()
    }

    /// This very page.
    pub(super) fn address(&self) -> String {
        if self.pairs.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query()) }
    }

    /// The first page, when this is another.
    pub(super) fn first(&self) -> Option<String> {
        (!self.value(AFTER).is_empty()).then(|| self.with(AFTER, ""))
    }

    /// The next page, if there is one.
    pub(super) fn next(&self, cursor: Option<&String>) -> Option<String> {
        cursor.map(|cursor| self.with(AFTER, cursor))
    }

    /// The choices of one thing, each with its value and how many there are. The empty value leaves it out.
    pub(super) fn tabs(
        &self,
        name: &str,
        choices: impl IntoIterator<Item = (&'static str, &'static str, Option<i64>)>,
    ) -> Vec<Tab> {
        let tab = |(value, label, count): (&str, &'static str, Option<i64>)| Tab {
            label,
            count,
            address: self.with(name, value),
            is_current: self.value(name) == value,
        };
        choices.into_iter().map(tab).collect()
    }

    /// What a search form carries along besides its own field.
    pub(super) fn hidden(&self, own: &str) -> Vec<(String, String)> {
        self.pairs.iter().filter(|(key, _)| key != own && key != AFTER).cloned().collect()
    }

    /// Whether the list is narrowed to anything.
    pub(super) fn is_narrowed(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.value(name).is_empty())
    }
}

/// The page that a form was sent from, unless it is none of `home` and below; then `home`.
pub(super) fn back(visit: &Visit, home: &str) -> String {
    let page = inside(&visit.back);
    let is_near = page.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    if is_near { toast::without(&page) } else { home.to_owned() }
}

/// A time of an answer.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_changed_in_one_place() {
        let look = Look::read(
            "/affiliates",
            "status=pending&utm_source=mail&search=&starting_after=aff_1&sort=name",
            &["status", "search", "sort"],
        );
        assert_eq!(look.with("status", "rejected"), "/affiliates?sort=name&status=rejected");
        assert_eq!(look.with("sort", ""), "/affiliates?status=pending");
        assert_eq!(look.query(), "status=pending&starting_after=aff_1&sort=name");
        assert_eq!(look.first().as_deref(), Some("/affiliates?status=pending&sort=name"));
        assert_eq!(
            look.next(Some(&"aff_2".to_owned())).as_deref(),
            Some("/affiliates?status=pending&sort=name&starting_after=aff_2")
        );
        assert_eq!(look.hidden("status"), [("sort".to_owned(), "name".to_owned())]);
    }
}
