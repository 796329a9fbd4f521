//! Logs go to stderr, one event a line, whatever the event contains.
//!
//! Lines for machines also say in which span they were written; lines for eyes stay short.
//!
//! Invariant: a carriage return or line feed inside an event never ends a line, so no visitor can forge a log entry.

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For eyes: short, and coloured when stderr is a terminal.
    Human,
    /// For machines: one JSON object a line.
    Json,
}

/// Starts logging for this process; later calls change nothing, so tests may call it freely.
///
/// `filter` is a level or a list such as `info,redirector=debug`. Errors when it cannot be understood.
pub fn init(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let lines = lines(filter, format)?;
    let _already_started = tracing_subscriber::registry().with(lines).try_init();
    Ok(())
}

/// What writes the lines.
pub(crate) fn lines(
    filter: &str,
    format: LogFormat,
) -> anyhow::Result<Box<dyn Layer<Registry> + Send + Sync>> {
    let filter = parse_filter(filter)?;
    let ansi = io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(Stderr { keep_escapes: ansi });
    Ok(match format {
        LogFormat::Human => lines
            .with_ansi(ansi)
            .with_target(false)
            .with_filter(filter_fn(|of| !of.is_span()))
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => lines.with_ansi(false).json().flatten_event(true).with_filter(filter).boxed(),
    })
}

/// Checks a log filter without starting anything, so that a bad one is reported together with other bad settings.
pub fn parse_filter(filter: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::builder().parse(filter).map_err(|error| {
        anyhow::anyhow!(
            "{error}; give a level (error, warn, info, debug, trace) or a list such as info,hyper=warn"
        )
    })
}

/// Makes a [`OneLine`] over stderr for each event.
struct Stderr {
    keep_escapes: bool,
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = OneLine<io::StderrLock<'a>>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine { inner: io::stderr().lock(), keep_escapes: self.keep_escapes }
    }
}

/// Writes one formatted event, with every control character but the final line feed made visible.
///
/// The formatter hands over a whole event in one `write`, which is what makes "the final line feed" well defined.
struct OneLine<W> {
    inner: W,
    /// Colour needs the escape character; the formatter has already made those in the event's own text visible.
    keep_escapes: bool,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let body = event.strip_suffix(b"\n").unwrap_or(event);
        let mut line = Vec::with_capacity(event.len() + 8);
        for &byte in body {
            match byte {
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                0x1b if self.keep_escapes => line.push(byte),
                0..=8 | 11..=31 | 127 => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
                _ => line.push(byte),
            }
        }
        line.extend_from_slice(&event[body.len()..]);
        self.inner.write_all(&line)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_in_both_formats() {
        for json in [false, true] {
            let sink = Shared::default();
            let copy = sink.clone();
            let make = move || OneLine { inner: copy.clone(), keep_escapes: false };
            let builder = fmt().with_writer(make).with_ansi(false);
            let emit = || {
                let agent = "Mozilla\r\n2026 ERROR forged\u{1b}[31m";
                tracing::info!(agent = %agent, "a click from {agent}");
            };
            if json {
                tracing::subscriber::with_default(builder.json().finish(), emit);
            } else {
                tracing::subscriber::with_default(builder.finish(), emit);
            }
            let written = String::from_utf8(sink.0.lock().expect("not poisoned").clone()).expect("UTF-8");
            assert_eq!(written.matches('\n').count(), 1, "{written:?}");
            assert!(!written.contains(['\r', '\u{1b}']), "{written:?}");
            assert!(written.contains("forged"), "{written:?}");
        }
    }

    #[test]
    fn a_bad_filter_says_what_to_write_instead() {
        assert!(parse_filter("info,redirector=debug").is_ok());
        let error = parse_filter("redirector=loud").expect_err("no such level").to_string();
        assert!(error.contains("info,hyper=warn"), "{error}");
    }
}
