//! The `failover` section of a version: the cluster that retries green's requests on blue.

use serde_json::json;

use super::FieldError;
use super::checks::check_cluster_name;
use super::diagnostics::Diagnostics;
use super::raw::root::RawVersion;
use crate::names::ClusterName;

/// The clusters that a failover cluster must differ from.
pub(super) struct ReleaseClusters<'a> {
    pub blue: Option<&'a ClusterName>,
    pub green: Option<&'a ClusterName>,
    pub default: Option<&'a ClusterName>,
}

const GREEN: &str = "versions.green.failover.cluster";

/// Checks the `failover` sections of both versions. `None` if green has none, `Some(None)` if it
/// is invalid.
pub(super) fn check_failover(
    blue: &mut RawVersion,
    green: &mut RawVersion,
    clusters: &ReleaseClusters<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<ClusterName>> {
    if blue.failover.take().is_some() {
        let fix = "only green can fail over; remove it";
        diagnostics.push(FieldError::unneeded("versions.blue.failover", fix));
    }
    let failover = green.failover.take()?;
    if blue.request.is_some() {
        let fix = "the requests that green fails would reach blue without blue's patch; remove \
                   versions.green.failover or versions.blue.request";
        diagnostics.push(FieldError::unneeded("versions.green.failover", fix));
    }
    let cluster = diagnostics.required(GREEN, failover.cluster, check_cluster_name);
    let others = [
        ("versions.blue.cluster", clusters.blue),
        ("versions.green.cluster", clusters.green),
        ("default_cluster", clusters.default),
    ];
    let same = others.into_iter().find(|(_, it)| it.is_some() && *it == cluster.as_ref());
    if let (Some((field, _)), Some(name)) = (same, &cluster) {
        let fix = format!(
            "is also {field}; name a separate cluster that tries green first and then blue, such \
             as llm-green-failover in the shipped envoy.yaml"
        );
        diagnostics.push(FieldError::new(GREEN, &json!(name.as_str()), fix));
        return Some(None);
    }
    Some(cluster)
}
