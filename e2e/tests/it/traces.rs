//! Traces: what the console and the aggregator tell a collector of OpenTelemetry.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;

use crate::house::{House, SOON, get, until};

/// A caller's trace, and its span that our answer is a part of.
const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const CALLER: u64 = 0x00f0_67aa_0ba9_02b7;

/// Spans that arrived, each with the service it is of.
type Arrived = Arc<Mutex<Vec<(String, Span)>>>;

/// A collector that understands OTLP over HTTP, for as long as the test lives.
fn collector() -> Result<(SocketAddr, Arrived)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, arrived) = (listener.local_addr()?, Arrived::default());
    let kept = Arc::clone(&arrived);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || while take(&stream, &kept).is_ok_and(|more| more) {});
        }
    });
    Ok((address, arrived))
}

/// Takes one delivery. False: the sender has gone.
fn take(mut stream: &TcpStream, arrived: &Arrived) -> Result<bool> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    if reader.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    ensure!(line.starts_with("POST /v1/traces "), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = ExportTraceServiceRequest::decode(body.as_slice())?;
    for resource in request.resource_spans {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let service = text(&attributes, "service.name").context("a service has a name")?;
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        arrived.lock().expect("not poisoned").extend(spans.map(|span| (service.clone(), span)));
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    Ok(true)
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()? {
        AnyValue { value: Some(Value::StringValue(text)) } => Some(text.clone()),
        AnyValue { value: Some(Value::IntValue(number)) } => Some(number.to_string()),
        _ => None,
    }
}

#[tokio::test]
async fn requests_and_jobs_are_told_to_a_collector() -> Result<()> {
    let (address, arrived) = collector()?;
    let house = House::open_with_env(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ])?;
    house.programme(&["told0000".to_owned()]).await?;
    until("a click is counted", SOON, || {
        house.click("/told0000")?;
        Ok(house.report("told0000")?["human_clicks"].as_u64() >= Some(1))
    })?;
    let caller = format!("00-{TRACE:032x}-{CALLER:016x}-01");
    let reply = get(
        house.address("console", "listen")?,
        "/v1/reports/links?link=told0000",
        &[("traceparent", caller.as_str())],
    )?;
    ensure!(reply.status == 200, "{}", reply.body);

    let spans = |service: &str, name: &str| -> Vec<Span> {
        let arrived = arrived.lock().expect("not poisoned");
        let named = arrived.iter().filter(|(of, span)| of == service && span.name == name);
        named.map(|(_, span)| span.clone()).collect()
    };
    let followed = || {
        let told = spans("console", "GET /v1/reports/links").into_iter();
        told.filter(|span| span.trace_id == TRACE.to_be_bytes()).collect::<Vec<_>>()
    };
    until("the report is told as a part of its caller's trace", SOON, || Ok(followed().len() == 1))?;
    let request = followed().remove(0);
    ensure!(request.parent_span_id == CALLER.to_be_bytes(), "{request:?}");
    ensure!(request.kind() == SpanKind::Server, "{request:?}");
    ensure!(text(&request.attributes, "http.response.status_code").as_deref() == Some("200"), "{request:?}");
    ensure!(
        request.events.iter().any(|event| text(&event.attributes, "db.statement").is_some()),
        "{request:?}"
    );
    ensure!(
        !format!("{request:?}").contains("told0000"),
        "what was asked for is nobody's business: {request:?}"
    );

    // A flush that brought something home, and its steps as parts of it.
    let whole = || {
        spans("aggregator", "flush").into_iter().find(|flush| {
            ["seal", "read", "settle", "drop_sealed"]
                .iter()
                .all(|step| spans("aggregator", step).iter().any(|step| step.parent_span_id == flush.span_id))
        })
    };
    until("a flush is told with its steps", SOON, || Ok(whole().is_some()))?;
    for job in ["settle", "publish", "audit", "rollup", "convert", "payout", "prune", "conservation"] {
        until(job, SOON, || Ok(!spans("aggregator", job).is_empty()))?;
    }

    // A failure is told as one.
    house.signal("redis", rustix::process::Signal::STOP)?;
    let failed =
        || spans("aggregator", "flush").into_iter().find_map(|flush| flush.status.filter(|s| s.code == 2));
    until("a flush that failed says so", SOON, || {
        Ok(failed().is_some_and(|status| !status.message.is_empty()))
    })?;
    house.signal("redis", rustix::process::Signal::CONT)?;
    let silent = arrived.lock().expect("not poisoned").iter().all(|(service, _)| service != "redirector");
    ensure!(silent, "a redirect costs less than a span");
    Ok(())
}
