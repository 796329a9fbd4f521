//! The admin port: `/livez`, `/readyz` and `/metrics` on a thread and a listener of their own.
//!
//! Nothing a visitor does can reach it or slow it down, and it keeps answering until the very end of a drain: it
//! shares no socket, no runtime and no lock with the service's own port.

mod manager;
mod metrics_text;
mod pulse;
mod readiness;
mod serve;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tracing::error;

use self::pulse::Pulses;
pub use self::pulse::{BEAT, Pulse};
pub use self::readiness::Check;
use self::readiness::Readiness;
use crate::Shutdown;

/// What an admin port needs to know.
#[derive(Clone, Copy, Debug)]
pub struct AdminConfig {
    /// Where to listen; port 0 takes a free one, see [`Admin::address`].
    pub listen: SocketAddr,
    /// The service's name, the prefix of its metrics: `redirector`.
    pub service: &'static str,
    /// The service's version, shown in `<service>_build_info`.
    pub version: &'static str,
    /// Upper bounds per histogram, by the metric's full name. A histogram without bounds is shown as a summary.
    pub buckets: &'static [(&'static str, &'static [f64])],
}

/// Work to do before metrics are shown, such as copying a hot path's own counters into gauges.
pub type BeforeRender = Box<dyn Fn() + Send + Sync>;

/// A running admin port. It stops when dropped.
#[derive(Debug)]
pub struct Admin {
    /// The address it listens on, with the real port.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Binds the address, installs the metrics recorder and starts answering.
    ///
    /// The recorder is one per process: a second `Admin` in the same process (a test that runs two services) shows
    /// the same metrics and keeps the first one's buckets. `shutdown` makes `/readyz` fail during a drain.
    pub fn start(config: &AdminConfig, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let listen = config.listen;
        let listener = TcpListener::bind(listen)
            .with_context(|| format!("cannot listen on {listen} for the admin port; is it in use?"))?;
        listener.set_nonblocking(true).context("cannot prepare the admin port")?;
        let address = listener.local_addr().context("cannot read the admin port's address")?;
        let shared = Arc::new(Shared {
            metrics: metrics_text::recorder(config)?,
            readiness: Readiness::new(shutdown.soft.clone()),
            pulses: Pulses::default(),
            before_render: Mutex::default(),
        });
        // Made last: a runtime must not be dropped within another, and `start` is called within the service's.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the admin port's runtime")?;
        let stop = CancellationToken::new();
        let (served, stopped) = (shared.clone(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("admin".into())
            .spawn(move || {
                runtime.block_on(async {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => serve::until_stopped(listener, served, stopped).await,
                        Err(error) => error!(%error, "the admin port cannot be served"),
                    }
                });
            })
            .context("cannot start the admin thread")?;
        Ok(Self { address, shared, stop, thread: Some(thread) })
    }

    /// Adds a condition of readiness, not met until the returned handle says so. `name` is one word, shown to people.
    pub fn check(&self, name: &'static str) -> Check {
        self.shared.readiness.check(name)
    }

    /// Adds a part of the process that must come round every [`BEAT`]; while one hangs, `/livez` fails, and a service manager
    /// that watches is no longer told that we live.
    pub fn pulse(&self, name: impl Into<String>) -> Pulse {
        self.shared.pulses.pulse(name.into())
    }

    /// Runs `hook` before each time the metrics are shown, on the admin thread.
    pub fn before_render(&self, hook: BeforeRender) {
        self.shared.before_render.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// The metrics as `/metrics` shows them, in Prometheus text format.
    pub fn render(&self) -> String {
        self.shared.render()
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// What the three pages are made of.
struct Shared {
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    readiness: Readiness,
    pulses: Pulses,
    before_render: Mutex<Vec<BeforeRender>>,
}

impl Shared {
    fn render(&self) -> String {
        for hook in self.before_render.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            hook();
        }
        self.metrics.render()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    const CONFIG: AdminConfig = AdminConfig {
        listen: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0),
        service: "demo",
        version: "1.2.3",
        buckets: &[("demo_wait_seconds", &[0.001, 0.1])],
    };

    /// Sends bytes, reads until the server closes or goes quiet for long.
    fn talk(admin: &Admin, request: &str) -> String {
        let mut socket = TcpStream::connect(admin.address).expect("the admin port listens");
        socket.set_read_timeout(Some(Duration::from_secs(15))).expect("a timeout can be set");
        socket.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("the server answers and closes");
        answer
    }

    fn get(admin: &Admin, path: &str) -> String {
        talk(admin, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    #[test]
    fn readiness_names_what_is_missing_and_ends_with_the_drain() {
        let shutdown = Shutdown::new();
        let admin = Admin::start(&CONFIG, &shutdown).expect("it starts");
        assert!(get(&admin, "/livez").starts_with("HTTP/1.1 200"));
        assert!(get(&admin, "/readyz").starts_with("HTTP/1.1 503"), "no condition was stated yet");

        let (catalog, journal) = (admin.check("catalog"), admin.check("journal"));
        catalog.ready();
        journal.missing("no space left in /data");
        let answer = get(&admin, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("catalog: ok\njournal: no space left in /data\n"), "{answer}");

        journal.ready();
        assert!(get(&admin, "/readyz").starts_with("HTTP/1.1 200"));
        shutdown.start();
        let answer = get(&admin, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("shutdown: stopping"), "{answer}");
        assert!(get(&admin, "/livez").starts_with("HTTP/1.1 200"), "a drain is not a death");
    }

    #[test]
    fn metrics_show_build_buckets_and_synced_counters() {
        let admin = Admin::start(&CONFIG, &Shutdown::new()).expect("it starts");
        admin.before_render(Box::new(|| metrics::gauge!("demo_clicks").set(7.0)));
        metrics::histogram!("demo_wait_seconds").record(0.05);
        let answer = get(&admin, "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
        for line in [
            "demo_build_info{version=\"1.2.3\"} 1",
            "demo_clicks 7",
            "demo_wait_seconds_bucket{le=\"0.1\"} 1",
            "demo_wait_seconds_count 1",
        ] {
            assert!(answer.lines().any(|shown| shown == line), "{line} is not in {answer}");
        }
    }

    #[test]
    fn other_paths_and_methods_are_refused_and_a_silent_client_is_dropped() {
        let admin = Admin::start(&CONFIG, &Shutdown::new()).expect("it starts");
        assert!(get(&admin, "/secrets").starts_with("HTTP/1.1 404"));
        let post =
            "POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert!(talk(&admin, post).starts_with("HTTP/1.1 405"));
        let silent = talk(&admin, "GET /livez HTTP/1.1\r\nHost:");
        assert!(
            silent.is_empty() || silent.starts_with("HTTP/1.1 4"),
            "closed by the header timeout: {silent}"
        );
    }

    #[test]
    fn a_taken_port_is_named() {
        let admin = Admin::start(&CONFIG, &Shutdown::new()).expect("it starts");
        let taken = AdminConfig { listen: admin.address, ..CONFIG };
        let error = Admin::start(&taken, &Shutdown::new()).expect_err("it is taken");
        assert!(format!("{error:#}").contains(&admin.address.to_string()), "{error:#}");
    }
}
