//! Traces: spans of requests and jobs, sent to whatever collector speaks OTLP over HTTP, if one is named.
//!
//! Statements that a span ran come with it as events, with their text and time and without the values they were given.
//! Spans wait in a bounded queue and are sent by a thread of their own: a collector that is slow or gone costs spans,
//! which the log tells, and never a request.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::http::{HeaderMap, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::{Span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{CommonArgs, Problems};
use crate::telemetry;

/// How long one delivery may take. Spans queue up meanwhile; at the process's end nobody waits longer than this.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a collector's answer: a few, with what it did not take.
const MAX_ANSWER: usize = 64 * 1024;
/// Where collectors take spans, below their address.
const SPANS: &str = "/v1/traces";

/// The settings of a binary that tells what it does; flatten it into `Args`.
#[derive(Clone, Debug, clap::Args)]
pub struct TraceArgs {
    /// A collector of OpenTelemetry that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; without it nothing is traced
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    pub otlp_endpoint: Option<String>,

    /// The share of traces that are kept, from 0 to 1; a caller that has decided for its own trace is followed
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "SHARE", default_value = "1", global = true)]
    pub trace_share: String,
}

impl TraceArgs {
    /// Complains about settings that cannot be used; call it with the other checks.
    pub fn check(&self, problems: &mut Problems) {
        if let Some(collector) = &self.otlp_endpoint {
            problems.check("--otlp-endpoint", endpoint(collector));
        }
        problems.check("--trace-share", share(&self.trace_share));
    }

    /// Starts logging, and tracing if a collector is named. Keep what comes back until the process ends.
    pub fn start(&self, service: &'static str, logging: &CommonArgs) -> anyhow::Result<Traces> {
        let Some(collector) = &self.otlp_endpoint else {
            logging.start_logging()?;
            return Ok(Traces(None));
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter(&endpoint(collector)?)?)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share(
                &self.trace_share,
            )?))))
            .with_resource(Resource::builder().with_service_name(service).build())
            .build();
        let spans = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service))
            .with_location(false)
            .with_threads(false)
            .with_target(false);
        // Our own spans, the statements in them, and nothing of what sending them says.
        let wanted = Targets::new()
            .with_default(LevelFilter::INFO)
            .with_target("sqlx::query", LevelFilter::DEBUG)
            .with_target("opentelemetry", LevelFilter::OFF);
        let lines = telemetry::lines(&logging.log, logging.log_format)?;
        tracing_subscriber::registry().with(lines).with(spans.with_filter(wanted)).try_init()?;
        Ok(Traces(Some(provider)))
    }
}

/// Tracing, for as long as it lives; what waits is sent when it goes.
#[derive(Debug)]
#[must_use = "tracing ends when it is dropped"]
pub struct Traces(Option<SdkTracerProvider>);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take()
            && let Err(error) = provider.shutdown_with_timeout(DELIVERY_TIMEOUT)
        {
            warn!(%error, "the last spans were not delivered");
        }
    }
}

/// Makes `span` a part of its caller's trace, if the request says of which (`traceparent`).
pub fn follow(span: &Span, headers: &HeaderMap) {
    let caller = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // Fails only where nothing is traced.
    let _untraced = span.set_parent(caller);
}

/// The address spans go to.
fn endpoint(collector: &str) -> anyhow::Result<String> {
    let bad = || format!("cannot use {collector:?}: give an address such as http://127.0.0.1:4318");
    let address: Uri = collector.parse().with_context(bad)?;
    ensure!(matches!(address.scheme_str(), Some("http" | "https")) && address.host().is_some(), bad());
    Ok(format!("{}{SPANS}", collector.trim_end_matches('/')))
}

fn share(text: &str) -> anyhow::Result<f64> {
    let bad = || format!("cannot use {text:?}: give a number from 0 (none) to 1 (all)");
    let share: f64 = text.parse().with_context(bad)?;
    ensure!((0.0..=1.0).contains(&share), bad());
    Ok(share)
}

fn exporter(endpoint: &str) -> anyhow::Result<SpanExporter> {
    SpanExporter::builder()
        .with_http()
        .with_http_client(Courier::new()?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .with_timeout(DELIVERY_TIMEOUT)
        .build()
        .context("cannot set up the delivery of spans")
}

/// Takes spans to the collector, on the thread that collects them: it has no part in the runtime that requests run on.
#[derive(Debug)]
struct Courier {
    thread: tokio::runtime::Runtime,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Courier {
    fn new() -> anyhow::Result<Self> {
        let thread = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime that spans are sent on")?;
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Ok(Self { thread, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    async fn deliver(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.client.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

#[async_trait]
impl HttpClient for Courier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.thread.block_on(async { tokio::time::timeout(DELIVERY_TIMEOUT, self.deliver(request)).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_of_http() {
        let spans = "http://127.0.0.1:4318/v1/traces";
        for collector in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/"] {
            assert_eq!(endpoint(collector).expect("an address"), spans);
        }
        assert!(endpoint("https://collector.example.com/team").is_ok());
        for collector in ["", "127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "/v1/traces"] {
            let refused = endpoint(collector).expect_err(collector).to_string();
            assert!(refused.contains("http://127.0.0.1:4318"), "{refused}");
        }
    }

    #[test]
    fn a_share_lies_between_none_and_all() {
        for (text, expected) in [("0", 0.0), ("0.25", 0.25), ("1", 1.0)] {
            assert!((share(text).expect(text) - expected).abs() < f64::EPSILON);
        }
        for text in ["", "-0.1", "1.01", "NaN", "inf", "all"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
