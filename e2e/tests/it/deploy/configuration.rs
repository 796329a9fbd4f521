//! `docs/configuration.md` is what the binaries say of themselves, and files in `deploy/` set only what they read.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use super::{files, read};

const HEAD: &str = "# Configuration

Every setting of every binary: a flag, and the environment variable that does the same. A flag wins over the variable.
All bad values are reported at once, before a port is bound, with exit code 2. Where a value is `…|@FILE` it may be `@` and
the path of a file that holds it. Secrets are never logged.

This file is written by `script/configuration`, from the binaries' own definitions. Do not edit it.
";

/// What the flags every binary has are called; they stand once, at the end.
const COMMON: [&str; 2] = ["log", "log-format"];

fn binaries() -> [Command; 5] {
    [
        redirector::Args::command(),
        aggregator::Args::command(),
        console::Args::command(),
        onebox::args::Args::command(),
        demo::Args::command(),
    ]
}

/// The whole file.
fn reference() -> String {
    let mut text = HEAD.to_owned();
    let is_own = |arg: &&Arg| !COMMON.iter().any(|common| arg.get_long() == Some(common));
    for command in binaries() {
        section(&mut text, &command, command.get_name(), 2, &is_own);
    }
    let redirector = redirector::Args::command();
    text += "\n## All of them\n";
    table(&mut text, redirector.get_arguments().filter(|arg| !is_own(arg)));
    text
}

fn section(text: &mut String, command: &Command, name: &str, level: usize, take: &impl Fn(&&Arg) -> bool) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let end = if about.ends_with('.') { "" } else { "." };
    _ = write!(text, "\n{} `{name}`\n\n{}{end}\n", "#".repeat(level), cell(&about));
    table(text, command.get_arguments().filter(take));
    for sub in command.get_subcommands() {
        section(text, sub, &format!("{name} {}", sub.get_name()), level + 1, take);
    }
}

/// A table of flags, or nothing where there are none.
fn table<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let rows: Vec<String> = arguments.map(row).collect();
    if !rows.is_empty() {
        _ = writeln!(text, "\n| flag | environment | default | |\n|---|---|---|---|\n{}", rows.join("\n"));
    }
}

fn row(arg: &Arg) -> String {
    let values = arg.get_value_names().filter(|_| arg.get_action().takes_values()).unwrap_or_default();
    let value = values.iter().fold(String::new(), |flag, name| flag + " <" + name + ">");
    let flag: String = match arg.get_long() {
        Some(long) => format!("--{long}{value}"),
        None => value.trim().to_owned(),
    };
    let environment = arg.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
    let defaults = arg.get_default_values().iter().filter(|_| arg.get_action().takes_values());
    let default: Vec<String> = defaults.map(|value| code(&value.to_string_lossy())).collect();
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let possible = arg.get_possible_values();
    if arg.get_action().takes_values() && !possible.is_empty() {
        let values: Vec<String> = possible.iter().map(|value| code(value.get_name())).collect();
        _ = write!(help, ": {}", values.join(", "));
    }
    format!("| {} | {environment} | {} | {} |", code(&cell(&flag)), cell(&default.join(", ")), cell(&help))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A table's cell is one line, and a bar would end it.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn the_reference_says_what_the_binaries_say() {
    let renewed = concat!(env!("CARGO_TARGET_TMPDIR"), "/configuration.md");
    let reference = reference();
    std::fs::write(renewed, &reference).expect("the target folder is writable");
    let written = std::fs::read_to_string(super::root().join("docs/configuration.md")).unwrap_or_default();
    let first = reference.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(
        reference == written,
        "docs/configuration.md is out of date: run script/configuration ({first:?})"
    );
}

/// Words that look like a setting of ours, in a file's text.
fn settings(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let ours = ["REDIRECTOR_", "AGGREGATOR_", "CONSOLE_", "LINKLEDGER_", "ONEBOX_"];
    words.filter(|word| ours.iter().any(|start| word.starts_with(start))).collect()
}

#[test]
fn files_for_operators_set_only_what_is_read() {
    fn twins(command: &Command, known: &mut BTreeSet<String>) {
        known.extend(command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned())));
        for sub in command.get_subcommands() {
            twins(sub, known);
        }
    }
    let mut known = BTreeSet::new();
    for command in &binaries() {
        twins(command, &mut known);
    }
    assert!(known.contains("REDIRECTOR_EDGE_ID"), "{known:?}");
    let mut wrong = Vec::new();
    let named = files("deploy", &["conf", "env", "example", "md", "service", "yaml", "yml"]);
    for path in named.into_iter().chain([super::root().join("deploy/container/Containerfile")]) {
        let text = read(&path);
        let lost = settings(&text).into_iter().filter(|word| !known.contains(*word));
        wrong.extend(lost.map(|word| format!("{}: {word}", path.display())));
    }
    assert!(wrong.is_empty(), "nobody reads {}", wrong.join(", "));
}
