//! The findings where a rollout does not agree with Envoy's bootstrap.

use super::bootstrap::Bootstrap;
use super::findings::Findings;
use super::plugin::ParsedPlugin;
use crate::assignment::Version;
use crate::config::{Config, Plugin, RouteBy};

/// Checks a rollout. `has_shadow` is whether another configuration has the role `shadow`.
pub fn check(
    bootstrap: &Bootstrap,
    plugin: &ParsedPlugin<'_>,
    has_shadow: bool,
    findings: &mut Findings,
) {
    let Plugin::Rollout(config) = &plugin.plugin else { return };
    check_clusters(bootstrap, plugin, config, findings);
    for it in bootstrap.disagreements(config, plugin.filter(), has_shadow) {
        findings.warnings.push(plugin.finding_at_field(&it.field, &it.value, it.fix));
    }
}

/// Checks the clusters of the versions, and that of early header mutation.
fn check_clusters(
    bootstrap: &Bootstrap,
    plugin: &ParsedPlugin<'_>,
    config: &Config,
    findings: &mut Findings,
) {
    if config.route_by == RouteBy::VersionHeader {
        return;
    }
    let fix = "Envoy answers requests to it with 503; add the cluster, or write its name";
    let mut names = Vec::new();
    for version in Version::ALL {
        let name = config.cluster(version).as_str();
        let field = format!("versions.{version}.cluster");
        plugin.check_cluster(bootstrap, &field, name, fix, findings);
        names.push(name);
    }
    let name = config.default_cluster.as_str();
    if !names.contains(&name) {
        plugin.check_cluster(bootstrap, "default_cluster", name, fix, findings);
    }
}
