//! Checks that Envoy's configuration has what `versions.green.failover` needs.

use super::bootstrap::{Bootstrap, FoundCluster};
use super::clusters;
use super::envoy::{Envoy, Manager, Scope};
use super::findings::Findings;
use super::plugin::ParsedPlugin;
use super::routes;
use crate::assignment::Version;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::Role;

const FIELD: &str = "versions.green.failover.cluster";
/// Envoy's default of `max_retries`.
const DEFAULT_RETRIES: u64 = 3;

/// A cluster and its document.
#[derive(Clone, Copy)]
struct ClusterNode<'a> {
    scope: Scope<'a>,
    node: &'a YamlNode,
}

/// Checks a rollout's failover. `has_green` is whether another plugin configuration has the role
/// `green`.
pub fn check(
    envoy: &Envoy<'_>,
    bootstrap: &Bootstrap,
    plugin: &ParsedPlugin<'_>,
    has_green: bool,
    findings: &mut Findings,
) {
    let Some(config) = plugin.release() else { return };
    let Some(name) = config.green_failover.as_ref().map(|it| it.as_str()) else { return };
    let fix = "green's users get 503; copy it from the shipped envoy.yaml";
    plugin.check_cluster(bootstrap, FIELD, name, fix, findings);
    if matches!(bootstrap.find_cluster(name), FoundCluster::Missing { .. }) {
        return;
    }
    findings.warnings.extend(routes::failover_route(envoy, config, name));
    let Some(cluster) = find(envoy, name) else { return };
    findings.warnings.extend(not_composite(cluster, name));
    findings.warnings.extend(few_retries(cluster, name));
    findings.warnings.extend(refused_upgrades(envoy, plugin, cluster.node));
    if clusters::combined(cluster.node).is_some()
        && let Some(first) = clusters::members(cluster.node).first()
        && let Some(first) = find(envoy, first)
    {
        findings.warnings.extend(missing_metadata(first));
        if config.green_request.is_some() {
            findings.warnings.extend(unchanged_requests(envoy, first, has_green));
        }
    }
}

fn find<'a>(envoy: &Envoy<'a>, name: &str) -> Option<ClusterNode<'a>> {
    let mut scopes = envoy.scopes.iter();
    scopes
        .find_map(|scope| Some(ClusterNode { scope: *scope, node: clusters::find(*scope, name)? }))
}

/// Only a composite cluster retries on another cluster.
fn not_composite(cluster: ClusterNode<'_>, name: &str) -> Option<Finding> {
    let ClusterNode { scope, node } = cluster;
    let why = match clusters::combined(node) {
        Some(it) if it.kind == "composite" => return None,
        Some(_) => "is no composite cluster: it retries a request on the same cluster, so blue",
        None => "is no composite cluster, so blue",
    };
    let fix = format!(
        "{why} does not answer requests that green fails: use a composite cluster of green and blue, \
         as llm-green-failover in the shipped envoy.yaml"
    );
    let at = node.get("cluster_type").map_or(node, |it| &**it);
    Some(scope.finding(at, "cluster_type", Some(name), fix))
}

/// If green is down, all its requests are retried.
fn few_retries(cluster: ClusterNode<'_>, name: &str) -> Option<Finding> {
    let ClusterNode { scope, node: cluster } = cluster;
    let breakers = cluster.get("circuit_breakers");
    let thresholds = breakers.and_then(|it| it.get("thresholds")).map(|it| it.items());
    let is_default = |it: &&YamlNode| {
        it.get("priority").is_none_or(|it| matches!(it.text(), Some("DEFAULT" | "0")))
    };
    let retries = |it: &YamlNode| it.get("max_retries")?.text()?.parse::<u64>().ok();
    let allows = |it: &YamlNode| {
        it.get("retry_budget").is_some() || retries(it).is_some_and(|it| it > DEFAULT_RETRIES)
    };
    let mut thresholds = thresholds.unwrap_or_default().iter().map(|it| &**it);
    if thresholds.any(|it| is_default(&it) && allows(it)) {
        return None;
    }
    let fix = "allows at most 3 concurrent retries, but if green is down, every request is retried: \
               write circuit_breakers: {thresholds: [{max_retries: 100000}]}";
    let at = breakers.map_or(cluster, |it| &**it);
    Some(scope.finding(at, "circuit_breakers.max_retries", Some(name), fix))
}

fn endpoints(cluster: &YamlNode) -> impl Iterator<Item = &YamlNode> {
    let groups = cluster.at(&["load_assignment", "endpoints"]).map(YamlNode::items);
    let groups = groups.unwrap_or_default().iter();
    let endpoints = groups.flat_map(|it| it.get("lb_endpoints").map_or(&[][..], |it| it.items()));
    endpoints.map(|it| &**it)
}

/// The filter and the route know by the endpoint's metadata which version answered.
fn missing_metadata(cluster: ClusterNode<'_>) -> Option<Finding> {
    let path = ["metadata", "filter_metadata", "verdigris", "version"];
    let version =
        |it: &'_ YamlNode| it.at(&path).and_then(YamlNode::text) == Some(Version::Green.as_str());
    let endpoint = endpoints(cluster.node).find(|it| !version(it))?;
    let fix = "is an endpoint of green without its metadata, by which the filter knows which version \
               answered: write metadata: {filter_metadata: {verdigris: {version: green}}} beside \
               endpoint";
    let value = endpoint.at(&path).and_then(YamlNode::text);
    Some(cluster.scope.finding(endpoint, "lb_endpoints.metadata", value, fix))
}

/// With failover, the release's listener does not change requests, because blue may answer them;
/// green's own listener does.
fn unchanged_requests(
    envoy: &Envoy<'_>,
    cluster: ClusterNode<'_>,
    has_green: bool,
) -> Option<Finding> {
    let address = ["endpoint", "address", "envoy_internal_address", "server_listener_name"];
    let leads_to_green = |it: &'_ YamlNode| {
        let name = it.at(&address).and_then(YamlNode::text);
        name.is_some_and(|it| may_be_green(envoy, it, has_green))
    };
    let endpoint = endpoints(cluster.node).find(|it| !leads_to_green(it))?;
    let name = endpoint.at(&address).and_then(YamlNode::text);
    let fix = "is no internal listener with the metadata verdigris.role: green, and only such a \
               listener applies versions.green.request: use llm-green, as in the shipped envoy.yaml";
    Some(cluster.scope.finding(endpoint, "lb_endpoints.endpoint", name, fix))
}

/// Whether the listener of this name has the role `green`, or may have it.
fn may_be_green(envoy: &Envoy<'_>, name: &str, has_green: bool) -> bool {
    let listeners = listeners_of_name(envoy, name);
    if listeners.is_empty() {
        let mut roots = envoy.scopes.iter().map(|it| &it.document.root);
        let discovers =
            |it: &YamlNode| it.get("lds_config").or_else(|| it.get("ads_config")).is_some();
        return roots.any(|it| it.get("dynamic_resources").is_some_and(|it| discovers(it)));
    }
    let role = ["metadata", "filter_metadata", "verdigris", "role"];
    let is_green = |(_, it): &(Scope<'_>, &YamlNode)| {
        it.at(&role).and_then(YamlNode::text) == Some(Role::Green.as_str())
    };
    has_green || listeners.iter().any(is_green)
}

/// The listeners of this name, each with its document.
fn listeners_of_name<'a>(envoy: &Envoy<'a>, name: &str) -> Vec<(Scope<'a>, &'a YamlNode)> {
    let mut listeners = Vec::new();
    for scope in &envoy.scopes {
        let is_named = |it: &YamlNode| {
            it.get("filter_chains").is_some()
                && it.get("name").is_some_and(|it| it.text() == Some(name))
        };
        let root = &scope.document.root;
        let mut add = |node: &'a YamlNode| {
            listeners.extend(Some((*scope, node)).filter(|(_, it)| is_named(it)));
        };
        root.walk(&mut add);
    }
    listeners
}

/// Upgrades, such as WebSockets, that the release's listener takes, and an internal listener behind it
/// refuses.
fn refused_upgrades(
    envoy: &Envoy<'_>,
    plugin: &ParsedPlugin<'_>,
    cluster: &YamlNode,
) -> Vec<Finding> {
    let own = plugin.filter().filter(|it| envoy.runs(it));
    let is_own = |it: &&Manager<'_>| own.is_none_or(|config| it.runs(config));
    let mut wanted = Vec::new();
    for kind in envoy.releases().filter(is_own).flat_map(|it| upgrades(it.node)) {
        if !wanted.contains(&kind) {
            wanted.push(kind);
        }
    }
    let address = ["endpoint", "address", "envoy_internal_address", "server_listener_name"];
    let members = clusters::members(cluster).into_iter().filter_map(|it| find(envoy, it));
    let names = members
        .flat_map(|it| endpoints(it.node))
        .filter_map(|it| it.at(&address).and_then(YamlNode::text));
    let mut found = Vec::new();
    for (scope, listener) in names.flat_map(|it| listeners_of_name(envoy, it)) {
        let mut taken = Vec::new();
        listener.walk(&mut |node| taken.extend(upgrades(node)));
        for kind in wanted.iter().filter(|it| !taken.contains(it)) {
            let fix = format!(
                "is refused by this listener with 403, but the release's listener takes it: write \
                 upgrade_configs: [{{upgrade_type: {kind}}}] here, too"
            );
            found.push(scope.finding(listener, "upgrade_configs", Some(kind), fix));
        }
    }
    found
}

/// The upgrades that an HTTP connection manager takes, in lower case.
fn upgrades(manager: &YamlNode) -> Vec<String> {
    let all = manager.get("http_filters").and_then(|_| manager.get("upgrade_configs"));
    let all = all.map(|it| it.items()).unwrap_or_default().iter();
    let enabled = all.filter(|it| !it.get("enabled").is_some_and(|it| it.is_false()));
    enabled.filter_map(|it| Some(it.get("upgrade_type")?.text()?.to_ascii_lowercase())).collect()
}
