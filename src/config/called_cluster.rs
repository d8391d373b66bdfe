//! A cluster that samples go to, for a judge or an export: checks that both sections need.

use serde_json::{Number, json};

use super::FieldError;
use super::checks::check_cluster_name;
use super::diagnostics::Diagnostics;
use super::raw::root::RawConfig;
use crate::names::ClusterName;

/// The clusters of the versions, each with its field. None of them may be the cluster that samples
/// go to.
pub(super) struct VersionClusters(Vec<(&'static str, String)>);

// === impl VersionClusters ===

impl VersionClusters {
    /// The clusters in this configuration.
    pub fn new(raw: &RawConfig) -> Self {
        let versions = &raw.versions;
        let failover = versions.green.failover.as_ref().and_then(|it| it.cluster.as_ref());
        let fields = [
            ("versions.blue.cluster", versions.blue.cluster.as_ref()),
            ("versions.green.cluster", versions.green.cluster.as_ref()),
            ("versions.green.failover.cluster", failover),
        ];
        let named = fields.into_iter().filter_map(|(field, name)| Some((field, name?.clone())));
        Self(named.collect())
    }

    /// Checks the cluster in `field`, which must not be a version's. `why` is the reason and the fix.
    pub fn check(
        &self,
        field: &str,
        raw: Option<String>,
        why: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<ClusterName> {
        let cluster = diagnostics.required(field, raw, check_cluster_name)?;
        let version = self.0.iter().find(|(_, name)| name == cluster.as_str());
        if let Some((version, _)) = version {
            let fix = format!("is {version}, {why}");
            diagnostics.push(FieldError::new(field, &json!(cluster.as_str()), fix));
        }
        version.is_none().then_some(cluster)
    }
}

/// Whether the configuration disables the reading of answers.
pub(super) fn disables_reading(raw: &RawConfig) -> bool {
    raw.answers.as_ref().is_some_and(|it| it.read == Some(false))
}

/// Checks a request's path. `rule` says what to write.
pub(super) fn check_path(
    field: &str,
    path: &str,
    rule: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<Box<str>> {
    diagnostics.checked(field, path, |path| {
        let is_path = path.starts_with('/') && path.chars().all(|it| it.is_ascii_graphic());
        if is_path { Ok(Box::from(path)) } else { Err(rule) }
    })
}

/// Checks which share of requests is sampled, in percent; 5 percent by default. `purpose` is what is
/// done with them. Returns the share, from 0 to 1.
pub(super) fn check_sample(
    field: &str,
    sample: Option<&Number>,
    purpose: &str,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    const DEFAULT_PERCENT: f64 = 5.0;
    let percent = sample.map_or(Some(DEFAULT_PERCENT), Number::as_f64);
    let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
    if percent.is_none() {
        let fix = format!(
            "write the share of requests that is {purpose}, in percent, above 0 and at most 100, such \
             as \"5%\""
        );
        diagnostics.push(FieldError::new(field, &json!(sample), fix));
    }
    Some(percent? / 100.0)
}
