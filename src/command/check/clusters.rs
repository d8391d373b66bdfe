//! Checks that a version's cluster does not fail over to other clusters.

use super::envoy::{Envoy, Scope};
use super::findings::Findings;
use crate::assignment::Version;
use crate::command::yaml::YamlNode;
use crate::config::{Config, RouteBy};

/// The kinds of clusters that consist of other clusters.
const KINDS: [&str; 2] = ["aggregate", "composite"];

/// A cluster that consists of other clusters.
pub(super) struct CombinedCluster<'a> {
    /// One of [`KINDS`].
    pub(super) kind: &'static str,
    /// The node of `cluster_type`.
    pub(super) node: &'a YamlNode,
}

/// Checks the clusters of a rollout's versions.
pub fn check(envoy: &Envoy<'_>, config: &Config, findings: &mut Findings) {
    if config.route_by == RouteBy::VersionHeader {
        return;
    }
    let mut seen = Vec::new();
    for version in Version::ALL {
        let cluster = config.cluster(version).as_str();
        if seen.contains(&cluster) {
            continue;
        }
        seen.push(cluster);
        for scope in &envoy.scopes {
            let Some(node) = find(*scope, cluster) else { continue };
            let Some(CombinedCluster { kind, node: at }) = combined(node) else { continue };
            let fix = failover_fix(config, version, kind, &members(node));
            let field = format!("cluster_type {kind}");
            findings.warnings.push(scope.finding(at, &field, Some(cluster), fix));
        }
    }
}

fn failover_fix(config: &Config, version: Version, kind: &str, members: &[&str]) -> String {
    let other = match version {
        Version::Blue => config.cluster(Version::Green),
        Version::Green => config.cluster(Version::Blue),
    };
    let from = match members.iter().any(|it| *it == other.as_str()) {
        true => format!("from {other}, the other version's cluster,"),
        false => format!("from {}", members.join(", ")),
    };
    let consequence = match version {
        Version::Green => "a failing green may be promoted",
        Version::Blue => "green is compared with them",
    };
    let failover = match (version, kind) {
        (Version::Blue, _) => "",
        (_, "composite") => ", and put the composite one into versions.green.failover.cluster",
        _ => ", and put a composite one into versions.green.failover.cluster",
    };
    format!(
        "is {version}'s cluster and fails over to others: answers {from} count as {version}'s, so \
         that {consequence}; use the version's own cluster{failover}"
    )
}

/// The cluster of this name in a document.
pub(super) fn find<'a>(scope: Scope<'a>, name: &str) -> Option<&'a YamlNode> {
    let root: &'a YamlNode = &scope.document.root;
    let clusters = root.at(&["static_resources", "clusters"]).or_else(|| root.at(&["resources"]));
    let clusters = clusters.map(YamlNode::items).unwrap_or_default();
    let found = clusters.iter().find(|it| it.get("name").is_some_and(|it| it.text() == Some(name)));
    found.map(|it| &**it)
}

/// The type of a cluster that consists of others; `None` for any other cluster.
pub(super) fn combined(cluster: &YamlNode) -> Option<CombinedCluster<'_>> {
    let node = cluster.get("cluster_type")?;
    let flow = node.flow();
    let kind = KINDS.into_iter().find(|it| flow.contains(&format!("clusters.{it}")))?;
    Some(CombinedCluster { kind, node })
}

/// The names of the clusters that a cluster consists of.
pub(super) fn members(cluster: &YamlNode) -> Vec<&str> {
    let members = cluster.at(&["cluster_type", "typed_config", "clusters"]).map(YamlNode::items);
    let name = |it: &'_ YamlNode| it.text().is_some();
    let members = members.unwrap_or_default().iter();
    members.filter_map(|it| if name(it) { it.text() } else { it.get("name")?.text() }).collect()
}
