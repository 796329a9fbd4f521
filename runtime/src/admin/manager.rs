//! Tells the service manager how we are, when systemd started us as `Type=notify`: ready, alive, what is missing, stopping.
//! Without one (`NOTIFY_SOCKET` is not set) nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

use super::Shared;

/// How often we look: soon enough for whoever waits for us to be ready.
const LOOK: Duration = Duration::from_millis(200);

/// Signs of life in each span after which systemd kills: one may be late.
const SIGNS: u32 = 3;

/// Tells it for ever.
pub(super) async fn tell(shared: &Shared) {
    let signs = sd_notify::watchdog_enabled().map(|span| span / SIGNS);
    let mut looks = tokio::time::interval(signs.map_or(LOOK, |signs| signs.min(LOOK)));
    let mut told = Told::default();
    loop {
        looks.tick().await;
        let news = told.news(&shared.readiness.report(), shared.readiness.is_stopping());
        let alive = signs.is_some() && shared.pulses.report().is_ok();
        let mut states: Vec<NotifyState<'_>> = news.iter().map(News::state).collect();
        if alive {
            states.push(NotifyState::Watchdog);
        }
        if !states.is_empty()
            && let Err(error) = sd_notify::notify(&states)
        {
            warn!(%error, "the service manager cannot be told how we are");
        }
    }
}

/// What it knows already.
#[derive(Debug, Default)]
struct Told {
    ready: bool,
    stopping: bool,
    status: String,
}

#[derive(Debug, PartialEq, Eq)]
enum News {
    Ready,
    Stopping,
    Status(String),
}

impl Told {
    /// What has changed. Ready is said once: who is missing something later still serves, and says what in its status.
    fn news(&mut self, readiness: &Result<String, String>, is_stopping: bool) -> Vec<News> {
        let mut news = Vec::new();
        if readiness.is_ok() && !self.ready {
            self.ready = true;
            news.push(News::Ready);
        }
        if is_stopping && !self.stopping {
            self.stopping = true;
            news.push(News::Stopping);
        }
        let status = match readiness {
            Ok(_) => "ready".to_owned(),
            Err(lines) => lines.lines().filter(|line| !line.ends_with(": ok")).collect::<Vec<_>>().join("; "),
        };
        if status != self.status {
            self.status.clone_from(&status);
            news.push(News::Status(status));
        }
        news
    }
}

impl News {
    fn state(&self) -> NotifyState<'_> {
        match self {
            Self::Ready => NotifyState::Ready,
            Self::Stopping => NotifyState::Stopping,
            Self::Status(status) => NotifyState::Status(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        let mut told = Told::default();
        let missing = |text: &str| Err(text.to_owned());
        let status = |text: &str| News::Status(text.to_owned());
        let starting = missing("catalog: starting\nserver: ok\n");
        assert_eq!(told.news(&starting, false), [status("catalog: starting")]);
        assert_eq!(told.news(&starting, false), []);
        assert_eq!(told.news(&Ok("catalog: ok\n".into()), false), [News::Ready, status("ready")]);
        assert_eq!(
            told.news(&missing("catalog: Redis is away\n"), false),
            [status("catalog: Redis is away")]
        );
        assert_eq!(
            told.news(&Ok("catalog: ok\n".into()), false),
            [status("ready")],
            "it was never not ready for systemd"
        );
        let stopping = missing("catalog: ok\nshutdown: stopping\n");
        assert_eq!(told.news(&stopping, true), [News::Stopping, status("shutdown: stopping")]);
        assert_eq!(told.news(&stopping, true), []);
    }
}
