//! Where green's requests go so that blue answers those that green fails.

use serde_json::json;

use super::Problem;
use super::names::ClusterName;
use super::problems::Problems;
use super::valid::cluster_name;
use super::written_release::WrittenFailover;

/// The clusters that a failover's must differ from.
pub(super) struct Clusters<'a> {
    pub blue: Option<&'a ClusterName>,
    pub green: Option<&'a ClusterName>,
    pub default: Option<&'a ClusterName>,
}

const GREEN: &str = "versions.green.failover.cluster";

/// The cluster that sends a request to blue if green fails; the inner `None` where what is
/// written is refused.
pub(super) fn failover(
    blue: Option<WrittenFailover>,
    green: Option<WrittenFailover>,
    clusters: &Clusters<'_>,
    problems: &mut Problems,
) -> Option<Option<ClusterName>> {
    if blue.is_some() {
        let mend = "only green's requests fail over, to blue: leave it out";
        let field = "versions.blue.failover".into();
        problems.note(Problem { field, value: "set".into(), mend: mend.into() });
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
        problems.note(Problem::new(GREEN, &json!(name.as_str()), mend));
        return Some(None);
    }
    Some(cluster)
}
