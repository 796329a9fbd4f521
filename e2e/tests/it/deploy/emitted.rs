//! The metrics that the services emit, read from their sources, and the places that name metrics.

use std::collections::{BTreeMap, BTreeSet};

use super::{dashboards, files, queries, read};

const SERVICES: [&str; 3] = ["redirector", "aggregator", "console"];

/// Labels that Prometheus adds, and `le` of a histogram. A label of ours called `job` is renamed by it.
const ADDED_LABELS: [&str; 4] = ["job", "instance", "le", "exported_job"];

/// What stands in the sources as `counter!("name", "label" => …)` and the like, with its labels.
fn emitted() -> BTreeMap<String, BTreeSet<String>> {
    let mut emitted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for service in SERVICES {
        // The admin port of each says what it is.
        emitted.entry(format!("{service}_build_info")).or_default().insert("version".to_owned());
        for path in files(&format!("{service}/src"), &["rs"]) {
            let text = read(path);
            for (kind, suffixes) in [
                ("counter!(", &[""][..]),
                ("gauge!(", &[""]),
                ("histogram!(", &["", "_bucket", "_sum", "_count"]),
            ] {
                for (at, _) in text.match_indices(kind) {
                    let Some((name, labels)) = call(&text[at + kind.len()..]) else { continue };
                    for suffix in suffixes {
                        emitted.entry(format!("{name}{suffix}")).or_default().extend(labels.clone());
                    }
                }
            }
        }
    }
    emitted
}

/// The name and the labels of a macro's arguments, up to its closing parenthesis.
fn call(arguments: &str) -> Option<(&str, BTreeSet<String>)> {
    let rest = arguments.trim_start().strip_prefix('"')?;
    let (name, rest) = rest.split_once('"')?;
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    let keys =
        rest[..end].split("=>").filter_map(|before| before.trim_end().strip_suffix('"')?.rsplit('"').next());
    Some((name, keys.map(str::to_owned).collect()))
}

/// Names of metrics in a text, with what follows each.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = SERVICES.into_iter().flat_map(move |service| {
        text.match_indices(service).map(|(at, _)| at).filter(move |&at| {
            let before = text[..at].chars().next_back();
            let after = &text[at + service.len()..];
            // `redirector:…` and `…:redirector_…` are recorded, not emitted.
            after.starts_with('_') && !before.is_some_and(|c| is_name(c) || c == ':')
        })
    });
    starts.map(move |at| {
        let rest = &text[at..];
        rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()))
    })
}

/// The labels of a selector, `{a="x",b=~"y"}`.
fn selected(after: &str) -> Vec<&str> {
    let Some((selector, _)) = after.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        return Vec::new();
    };
    selector.split(',').filter_map(|part| part.split(['=', '!']).next()).map(str::trim).collect()
}

/// Everything that Prometheus is asked, by place.
fn asked() -> Vec<(String, String)> {
    let rules = files("deploy/prometheus", &["yml"]).into_iter();
    let panels = dashboards().into_iter().map(|(name, json)| (name, queries(&json).join("\n")));
    rules.map(|path| (path.display().to_string(), read(&path))).chain(panels).collect()
}

/// What names metrics in words.
fn told() -> impl Iterator<Item = (String, String)> {
    let docs = ["docs/runbook.md", "docs/operations.md", "docs/sizing.md", "deploy/README.md"];
    docs.into_iter().map(|path| (path.to_owned(), read(path)))
}

#[test]
fn every_metric_that_is_asked_for_is_emitted() {
    let emitted = emitted();
    assert!(emitted.len() > 60, "the sources are read: {emitted:?}");
    let mut wrong = BTreeSet::new();
    for (place, text) in asked().into_iter().chain(told()) {
        for (name, after) in named(&text) {
            match emitted.get(name) {
                None => _ = wrong.insert(format!("{place}: nobody emits {name}")),
                Some(labels) => {
                    let known = |label: &&str| labels.contains(*label) || ADDED_LABELS.contains(label);
                    for label in selected(after).into_iter().filter(|label| !known(label)) {
                        wrong.insert(format!("{place}: {name} has no label {label}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn recorded_series_are_recorded() {
    let recording = read("deploy/prometheus/rules/recording.yml");
    let recorded: BTreeSet<&str> =
        recording.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    let mut wrong = BTreeSet::new();
    for (place, text) in asked() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        for word in text.split(|c| !is_name(c)).filter(|word| word.split(':').count() == 3) {
            if !recorded.contains(word) {
                wrong.insert(format!("{place}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
