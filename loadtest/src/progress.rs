//! Telling a person how far it is: a bar on a terminal, now and then a plain line elsewhere. Always on stderr.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use runtime::clock;

/// Between plain lines: a log of a two-minute run stays readable.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress of one piece of work.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total: u64,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines { next: Instant },
}

impl Progress {
    /// Begins to show `what`, of which there are `total` steps.
    pub fn start(what: &str, total: u64) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{prefix} [{bar:32}] {pos}/{len} {msg}");
            let bar = ProgressBar::new(total).with_prefix(what.to_owned());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            Shown::Bar(bar)
        } else {
            Shown::Lines { next: clock::monotonic() + LINE_EVERY }
        };
        Self { what: what.to_owned(), total, shown }
    }

    /// Shows that `done` steps are behind us.
    pub fn at(&mut self, done: u64, note: &str) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(note.to_owned());
            }
            Shown::Lines { next } => {
                let now = clock::monotonic();
                if now >= *next {
                    *next = now + LINE_EVERY;
                    eprintln!("{}: {done}/{} {note}", self.what, self.total);
                }
            }
        }
    }

    /// Says something without breaking the bar.
    pub fn say(&self, line: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            Shown::Lines { .. } => eprintln!("{line}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
