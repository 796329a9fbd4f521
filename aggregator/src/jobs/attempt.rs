//! One round of a job: a span in a trace, and a failure that is counted and told. What is to be done is due again.

use std::future::Future;

use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span, warn};

/// Does one round of `job`. `None`: it failed, which was counted and told as "cannot `what`".
pub(crate) fn attempt<T>(
    job: &'static str,
    what: &str,
    work: impl Future<Output = anyhow::Result<T>>,
) -> impl Future<Output = Option<T>> {
    let span = info_span!("job", otel.name = job, otel.status_code = Empty, otel.status_description = Empty);
    // A round of a job is large, and would make whoever waits for it as large.
    let work = Box::pin(within(span, work));
    async move {
        let failed = match work.await {
            Ok(done) => return Some(done),
            Err(error) => error,
        };
        metrics::counter!("aggregator_errors_total", "job" => job).increment(1);
        warn!("cannot {what}: {failed:#}");
        None
    }
}

/// Does work inside a span that has `otel.status_code` and `otel.status_description`, and says there whether it failed.
pub(crate) async fn within<T>(
    span: Span,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let outcome = work.instrument(span.clone()).await;
    if let Err(error) = &outcome {
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", format!("{error:#}"));
    }
    outcome
}
