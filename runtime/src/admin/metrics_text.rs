//! The process's one metrics recorder.

use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::AdminConfig;

/// Installed at most once, because the metrics macros of a process write to exactly one recorder.
static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Installs the recorder, or finds the one that is installed, and states the service's version in it.
pub(super) fn recorder(config: &AdminConfig) -> anyhow::Result<PrometheusHandle> {
    let mut installed = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    let handle = match &*installed {
        Some(handle) => handle.clone(),
        None => install(config)?,
    };
    *installed = Some(handle.clone());
    metrics::gauge!(format!("{}_build_info", config.service), "version" => config.version).set(1.0);
    Ok(handle)
}

fn install(config: &AdminConfig) -> anyhow::Result<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for (name, bounds) in config.buckets {
        builder = builder
            .set_buckets_for_metric(Matcher::Full((*name).to_owned()), bounds)
            .with_context(|| format!("cannot use the buckets of {name}"))?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|_| anyhow::anyhow!("another metrics recorder is installed"))?;
    Ok(handle)
}
