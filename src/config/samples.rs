//! The `samples` section: where sampled requests are exported to.

use std::num::NonZeroU32;

use serde_json::json;

use super::FieldError;
use super::called_cluster::{VersionClusters, check_path, check_sample, disables_reading};
use super::diagnostics::Diagnostics;
use super::raw::root::RawConfig;
use super::raw::samples::RawSamples;
use crate::export::ExportedContent;
use crate::names::ClusterName;
use crate::sampling::Sampler;

/// Where sampled requests are exported to.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplesConfig {
    /// The cluster of Envoy with the receiver.
    pub cluster: ClusterName,
    /// The path of its OTLP API for traces.
    pub path: Box<str>,
    /// What is exported of a request.
    pub content: ExportedContent,
    /// Which requests are sampled. It keeps no texts where only metadata is exported.
    pub sampler: Sampler,
}

/// The facts of the other sections that the export depends on.
pub(super) struct SamplesContext {
    clusters: VersionClusters,
    disables_reading: bool,
}

/// The path of OTLP/HTTP. Source: OTLP 1.10, "OTLP/HTTP Request".
const PATH: &str = "/v1/traces";

const MAX_BYTES: u64 = 32_768;
const ALLOWED_BYTES: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;

// === impl SamplesContext ===

impl SamplesContext {
    /// The context of the export in this configuration.
    pub fn new(raw: &RawConfig) -> Self {
        Self { clusters: VersionClusters::new(raw), disables_reading: disables_reading(raw) }
    }
}

/// Checks the `samples` section.
pub(super) fn check_samples(
    raw: RawSamples,
    context: &SamplesContext,
    diagnostics: &mut Diagnostics,
) -> Option<SamplesConfig> {
    let why = "and a model takes no spans; write the cluster of an OpenTelemetry receiver";
    let cluster = context.clusters.check("samples.cluster", raw.cluster, why, diagnostics);
    let path = raw.path.as_deref().unwrap_or(PATH);
    let rule = r#"write the path of the receiver's OTLP API for traces, such as "/v1/traces""#;
    let path = check_path("samples.path", path, rule, diagnostics);
    if context.disables_reading {
        let fix = "an export needs answers that are read; write true, or remove samples";
        diagnostics.push(FieldError::new("answers.read", &json!(false), fix));
    }
    let share = check_sample("samples.sample", raw.sample.as_ref(), "exported", diagnostics);
    let max_bytes = check_max_bytes(raw.content, raw.max_bytes, diagnostics);
    Some(SamplesConfig {
        cluster: cluster?,
        path: path?,
        content: raw.content,
        sampler: Sampler { share: share?, blue_per_green: NonZeroU32::MIN, max_bytes: max_bytes? },
    })
}

/// How many bytes of a text are kept: none where only metadata is exported.
fn check_max_bytes(
    content: ExportedContent,
    raw: Option<u64>,
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    if content == ExportedContent::Metadata {
        if let Some(bytes) = raw {
            let fix = "has no effect while only metadata is exported; remove it, or write \
                       \"content\": \"full\"";
            diagnostics.push(FieldError::new("samples.max_bytes", &json!(bytes), fix));
        }
        return raw.is_none().then_some(0);
    }
    let bytes = raw.unwrap_or(MAX_BYTES);
    let valid = Some(bytes).filter(|bytes| ALLOWED_BYTES.contains(bytes));
    if valid.is_none() {
        let fix = format!(
            "write a number of bytes from {} to {}, such as {MAX_BYTES}",
            ALLOWED_BYTES.start(),
            ALLOWED_BYTES.end()
        );
        diagnostics.push(FieldError::new("samples.max_bytes", &json!(bytes), fix));
    }
    usize::try_from(valid?).ok()
}
