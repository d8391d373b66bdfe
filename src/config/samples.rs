//! The `samples` section: where sampled requests are exported to.

use std::num::NonZeroU32;

use serde_json::{Number, json};

use super::FieldError;
use super::checks::check_cluster_name;
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
    /// The clusters of the versions, each with its field.
    clusters: Vec<(&'static str, String)>,
    disables_reading: bool,
}

/// The path of OTLP/HTTP. Source: OTLP 1.10, "OTLP/HTTP Request".
const PATH: &str = "/v1/traces";

const SAMPLE_PERCENT: f64 = 5.0;
const MAX_BYTES: u64 = 32_768;
const ALLOWED_BYTES: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;

// === impl SamplesContext ===

impl SamplesContext {
    /// The context of the export in this configuration.
    pub fn new(raw: &RawConfig) -> Self {
        let versions = [
            ("versions.blue.cluster", &raw.versions.blue.cluster),
            ("versions.green.cluster", &raw.versions.green.cluster),
        ];
        let failover = raw.versions.green.failover.as_ref().map(|it| &it.cluster);
        let failover = failover.map(|cluster| ("versions.green.failover.cluster", cluster));
        let named = |(field, cluster): (&'static str, &Option<String>)| {
            Some((field, cluster.as_ref()?.clone()))
        };
        Self {
            clusters: versions.into_iter().chain(failover).filter_map(named).collect(),
            disables_reading: raw.answers.as_ref().is_some_and(|it| it.read == Some(false)),
        }
    }
}

/// Checks the `samples` section.
pub(super) fn check_samples(
    raw: RawSamples,
    context: &SamplesContext,
    diagnostics: &mut Diagnostics,
) -> Option<SamplesConfig> {
    let cluster = check_cluster(raw.cluster, context, diagnostics);
    let path = raw.path.as_deref().unwrap_or(PATH);
    let path = diagnostics.checked("samples.path", path, |path| {
        let is_path = path.starts_with('/') && path.chars().all(|it| it.is_ascii_graphic());
        let rule = r#"write the path of the receiver's OTLP API for traces, such as "/v1/traces""#;
        if is_path { Ok(Box::from(path)) } else { Err(rule) }
    });
    if context.disables_reading {
        let fix = "an export needs answers that are read; write true, or remove samples";
        diagnostics.push(FieldError::new("answers.read", &json!(false), fix));
    }
    let percent = check_percent(raw.sample.as_ref(), diagnostics);
    let max_bytes = check_max_bytes(raw.content, raw.max_bytes, diagnostics);
    Some(SamplesConfig {
        cluster: cluster?,
        path: path?,
        content: raw.content,
        sampler: Sampler {
            share: percent? / 100.0,
            blue_per_green: NonZeroU32::MIN,
            max_bytes: max_bytes?,
        },
    })
}

fn check_cluster(
    raw: Option<String>,
    context: &SamplesContext,
    diagnostics: &mut Diagnostics,
) -> Option<ClusterName> {
    let cluster = diagnostics.required("samples.cluster", raw, check_cluster_name)?;
    let version = context.clusters.iter().find(|(_, name)| name == cluster.as_str());
    if let Some((field, _)) = version {
        let fix = format!(
            "is {field}, and a model takes no spans; write the cluster of an OpenTelemetry receiver"
        );
        diagnostics.push(FieldError::new("samples.cluster", &json!(cluster.as_str()), fix));
    }
    version.is_none().then_some(cluster)
}

fn check_percent(sample: Option<&Number>, diagnostics: &mut Diagnostics) -> Option<f64> {
    let percent = sample.map_or(Some(SAMPLE_PERCENT), Number::as_f64);
    let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
    if percent.is_none() {
        let fix = "write the share of requests that is exported, in percent, above 0 and at most \
                   100, such as \"5%\"";
        diagnostics.push(FieldError::new("samples.sample", &json!(sample), fix));
    }
    percent
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
