//! How a subcommand ends: one JSON line on stdout and an exit code. Everything else it says goes to stderr.

use std::process::ExitCode;

use runtime::config::Invalid;
use serde::Serialize;
use serde_json::{Value, json};

/// What a subcommand found.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it did, or found true, what it was asked for: exit code 0, else 1.
    pub passed: bool,
    /// The figures: a JSON object.
    pub report: Value,
}

impl Outcome {
    /// An outcome with these figures.
    pub fn new(passed: bool, report: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self { passed, report: serde_json::to_value(report)? })
    }
}

/// Why a subcommand has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Its flags cannot be used: exit code 2.
    #[error(transparent)]
    Settings(#[from] Invalid),
    /// It could not do its work: exit code 1.
    #[error(transparent)]
    Work(#[from] anyhow::Error),
}

/// Prints the JSON line of `command` and gives the exit code.
pub fn conclude(command: &str, result: Result<Outcome, Failure>) -> ExitCode {
    let (line, code) = match result {
        Err(Failure::Settings(invalid)) => return invalid.report(),
        Ok(outcome) => {
            let code = if outcome.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            (line(command, outcome.passed, outcome.report), code)
        }
        Err(Failure::Work(error)) => {
            eprintln!("error: {error:#}");
            (line(command, false, json!({ "error": format!("{error:#}") })), ExitCode::FAILURE)
        }
    };
    println!("{line}");
    code
}

fn line(command: &str, passed: bool, report: Value) -> Value {
    let mut line = json!({ "command": command, "passed": passed });
    if let (Value::Object(line), Value::Object(report)) = (&mut line, report) {
        line.extend(report);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_one_flat_object() {
        let outcome = Outcome::new(true, &json!({ "sent": 3 })).expect("plain data");
        let line = line("drive", outcome.passed, outcome.report).to_string();
        assert_eq!(line, r#"{"command":"drive","passed":true,"sent":3}"#);
    }
}
