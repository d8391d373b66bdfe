//! Clusters whose answers may come from elsewhere.

use super::envoy::{Envoy, Scope};
use super::findings::Findings;
use crate::assignment::Version;
use crate::command::yaml::YamlNode;
use crate::config::Config;

/// Kinds of clusters that pass requests on to other clusters.
const KINDS: [&str; 2] = ["aggregate", "composite"];

/// Looks at the clusters of a rollout's versions.
pub fn look(envoy: &Envoy<'_>, config: &Config, findings: &mut Findings) {
    let mut seen = Vec::new();
    for version in Version::ALL {
        let cluster = config.cluster(version).as_str();
        if seen.contains(&cluster) {
            continue;
        }
        seen.push(cluster);
        for (scope, node) in envoy.scopes.iter().filter_map(|it| Some((it, named(*it, cluster)?))) {
            let Some((kind, at)) = kind(node) else { continue };
            let members = members(node);
            let other = match version {
                Version::Blue => config.cluster(Version::Green),
                Version::Green => config.cluster(Version::Blue),
            };
            let what = match members.iter().any(|it| *it == other.as_str()) {
                true => format!("of {other}, the other version's cluster,"),
                false => format!("of {}", members.join(", ")),
            };
            let mend = format!(
                "is {version}'s cluster and fails over to others: answers {what} are counted as \
                 {version}'s, so that {}; name the version's own cluster{}",
                match version {
                    Version::Green => "a green that fails may be promoted",
                    Version::Blue => "green is compared with them",
                },
                match (version, kind) {
                    (Version::Blue, _) => "",
                    (_, "composite") =>
                        ", and the composite one in versions.green.failover.cluster",
                    _ => ", and a composite one in versions.green.failover.cluster",
                }
            );
            let field = format!("cluster_type {kind}");
            findings.warnings.push(scope.remark(at, &field, Some(cluster), mend));
        }
    }
}

/// The cluster of this name.
pub(super) fn named<'a>(scope: Scope<'a>, name: &str) -> Option<&'a YamlNode> {
    let root: &'a YamlNode = &scope.document.root;
    let clusters = root.at(&["static_resources", "clusters"]).or_else(|| root.at(&["resources"]));
    let clusters = clusters.map(YamlNode::items).unwrap_or_default();
    let found = clusters.iter().find(|it| it.get("name").is_some_and(|it| it.text() == Some(name)));
    found.map(|it| &**it)
}

/// What kind of cluster that passes requests on it is, and where that is said.
pub(super) fn kind(cluster: &YamlNode) -> Option<(&'static str, &YamlNode)> {
    let of_type = cluster.get("cluster_type")?;
    let said = of_type.flow();
    let kind = KINDS.into_iter().find(|it| said.contains(&format!("clusters.{it}")))?;
    Some((kind, of_type))
}

pub(super) fn members(cluster: &YamlNode) -> Vec<&str> {
    let members = cluster.at(&["cluster_type", "typed_config", "clusters"]).map(YamlNode::items);
    let name = |it: &'_ YamlNode| it.text().is_some();
    let members = members.unwrap_or_default().iter();
    members.filter_map(|it| if name(it) { it.text() } else { it.get("name")?.text() }).collect()
}
