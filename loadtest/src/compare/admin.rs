//! What the redirector says of itself on its admin port.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// The admin port answers at once, or not at all.
const LIMIT: Duration = Duration::from_secs(5);

/// Whether it would take shoppers.
pub(super) fn is_ready(admin: SocketAddr) -> bool {
    get(admin, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The value of a metric without labels.
pub(super) fn metric(admin: SocketAddr, name: &str) -> anyhow::Result<f64> {
    let answer = get(admin, "/metrics")?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "the redirector does not show its metrics");
    value_of(&answer, name).with_context(|| format!("the redirector has no metric {name}"))
}

fn value_of(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn get(admin: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect_timeout(&admin, LIMIT)?;
    socket.set_read_timeout(Some(LIMIT))?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let metrics = "# TYPE a_clicks gauge\na_clicks_total 7\na_clicks 3.5\n";
        assert_eq!(value_of(metrics, "a_clicks"), Some(3.5));
        assert_eq!(value_of(metrics, "clicks"), None);
    }
}
