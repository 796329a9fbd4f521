//! Whether the service may be sent work, and if not, what is missing.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// One condition of readiness; whoever can tell whether it is met holds this handle. Clones are one condition.
#[derive(Clone, Debug)]
pub struct Check {
    name: &'static str,
    /// `None` when met, else what is missing, in words for a person.
    missing: Arc<Mutex<Option<String>>>,
}

impl Check {
    /// The condition is met.
    pub fn ready(&self) {
        *self.lock() = None;
    }

    /// The condition is not met; `why` says what is missing and is shown on `/readyz`.
    pub fn missing(&self, why: impl Into<String>) {
        *self.lock() = Some(why.into());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All conditions of one service.
#[derive(Debug)]
pub(super) struct Readiness {
    stopping: CancellationToken,
    checks: Mutex<Vec<Check>>,
}

impl Readiness {
    pub(super) fn new(stopping: CancellationToken) -> Self {
        Self { stopping, checks: Mutex::default() }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    pub(super) fn check(&self, name: &'static str) -> Check {
        let check = Check { name, missing: Arc::new(Mutex::new(Some("starting".into()))) };
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push(check.clone());
        check
    }

    /// `Ok` when every condition is met, `Err` otherwise; both carry one line per condition.
    pub(super) fn report(&self) -> Result<String, String> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The port answers before the service has stated its conditions: until then it is not ready.
        let (mut lines, mut ready) = (String::new(), !checks.is_empty());
        for check in &checks {
            let missing = check.lock();
            ready &= missing.is_none();
            let _infallible = writeln!(lines, "{}: {}", check.name, missing.as_deref().unwrap_or("ok"));
        }
        if self.is_stopping() {
            lines.push_str("shutdown: stopping\n");
            ready = false;
        }
        if ready { Ok(lines) } else { Err(lines) }
    }
}
