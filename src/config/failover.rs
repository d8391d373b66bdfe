//! Where green's requests go so that blue answers those that green fails.

use serde_json::json;

use super::FieldError;
use super::checks::cluster_name;
use super::diagnostics::Diagnostics;
use super::raw::release::RawFailover;
use crate::names::ClusterName;

/// The clusters that a failover's must differ from.
pub(super) struct ReleaseClusters<'a> {
    pub blue: Option<&'a ClusterName>,
    pub green: Option<&'a ClusterName>,
    pub default: Option<&'a ClusterName>,
}

const GREEN: &str = "versions.green.failover.cluster";

/// The cluster that sends a request to blue if green fails; the inner `None` where what is
/// written is refused.
pub(super) fn failover(
    blue: Option<RawFailover>,
    green: Option<RawFailover>,
    clusters: &ReleaseClusters<'_>,
    problems: &mut Diagnostics,
) -> Option<Option<ClusterName>> {
    if blue.is_some() {
        let mend = "only green's requests fail over, to blue: leave it out";
        let field = "versions.blue.failover".into();
        problems.push(FieldError { field, value: "set".into(), fix: mend.into() });
    }
    let cluster = problems.required(GREEN, green?.cluster, cluster_name);
    let shared = [
        ("versions.blue.cluster", clusters.blue),
        ("versions.green.cluster", clusters.green),
        ("default_cluster", clusters.default),
    ];
    let shared = shared.into_iter().find(|(_, it)| it.is_some() && *it == cluster.as_ref());
    if let (Some((field, _)), Some(name)) = (shared, &cluster) {
        let mend = format!(
            "is also {field}: name a cluster of its own, which tries green first and then blue, \
             such as llm-green-failover of the shipped envoy.yaml"
        );
        problems.push(FieldError::new(GREEN, &json!(name.as_str()), mend));
        return Some(None);
    }
    Some(cluster)
}
