//! Whether Envoy's configuration does what `versions.green.failover` needs.

use super::bootstrap::Bootstrap;
use super::clusters;
use super::envoy::{Envoy, Scope};
use super::findings::Findings;
use super::plugin::ParsedPlugin;
use super::routes;
use crate::assignment::Version;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::Role;

const FIELD: &str = "versions.green.failover.cluster";
/// How many retries of a cluster Envoy allows at a time where nothing is said.
const DEFAULT_RETRIES: u64 = 3;

/// Looks at what a rollout's failover needs; `has_green` says whether another plugin
/// configuration has the role `green`.
pub fn look(
    envoy: &Envoy<'_>,
    bootstrap: &Bootstrap,
    found: &ParsedPlugin<'_>,
    has_green: bool,
    findings: &mut Findings,
) {
    let Some(config) = found.release() else { return };
    let Some(name) = config.green_failover.as_ref().map(|it| it.as_str()) else { return };
    if let Some(mend) = bootstrap.misses(name) {
        let mend = format!("{mend}: green's users get 503; take it from the shipped envoy.yaml");
        let line = found.source.line_of(found.excerpt, FIELD);
        findings.problems.push(found.remark(line, FIELD, &format!("{name:?}"), &mend));
        return;
    }
    findings.warnings.extend(routes::failover(envoy, config, name));
    let Some((scope, cluster)) = find(envoy, name) else { return };
    findings.warnings.extend(is_no_composite(scope, cluster, name));
    findings.warnings.extend(allows_few_retries(scope, cluster, name));
    if clusters::kind(cluster).is_some()
        && let Some(first) = clusters::members(cluster).first()
        && let Some((scope, first)) = find(envoy, first)
    {
        findings.warnings.extend(has_no_metadata(scope, first));
        if config.green_request.is_some() {
            findings.warnings.extend(is_not_patched(envoy, scope, first, has_green));
        }
    }
}

fn find<'a>(envoy: &Envoy<'a>, name: &str) -> Option<(Scope<'a>, &'a YamlNode)> {
    envoy.scopes.iter().find_map(|it| Some((*it, clusters::named(*it, name)?)))
}

fn is_no_composite(scope: Scope<'_>, cluster: &YamlNode, name: &str) -> Option<Finding> {
    let why = match clusters::kind(cluster) {
        Some(("composite", _)) => return None,
        Some(_) => "is no composite cluster: it retries a request on the same cluster, so blue",
        None => "is no composite cluster, so blue",
    };
    let mend = format!(
        "{why} does not answer what green fails: write a composite cluster of green and blue, as \
         llm-green-failover in the shipped envoy.yaml"
    );
    let at = cluster.get("cluster_type").map_or(cluster, |it| &**it);
    Some(scope.remark(at, "cluster_type", Some(name), mend))
}

/// A green that is down has all its requests retried.
fn allows_few_retries(scope: Scope<'_>, cluster: &YamlNode, name: &str) -> Option<Finding> {
    let breakers = cluster.get("circuit_breakers");
    let thresholds = breakers.and_then(|it| it.get("thresholds")).map(|it| it.items());
    let of_default = |it: &&YamlNode| {
        it.get("priority").is_none_or(|it| matches!(it.text(), Some("DEFAULT" | "0")))
    };
    let retries = |it: &YamlNode| it.get("max_retries")?.text()?.parse::<u64>().ok();
    let allows = |it: &YamlNode| {
        it.get("retry_budget").is_some() || retries(it).is_some_and(|it| it > DEFAULT_RETRIES)
    };
    let mut thresholds = thresholds.unwrap_or_default().iter().map(|it| &**it);
    if thresholds.any(|it| of_default(&it) && allows(it)) {
        return None;
    }
    let mend = "allows at most 3 retries at a time, and a green that is down has every request \
                retried: write circuit_breakers: {thresholds: [{max_retries: 100000}]}";
    let at = breakers.map_or(cluster, |it| &**it);
    Some(scope.remark(at, "circuit_breakers.max_retries", Some(name), mend.to_owned()))
}

fn endpoints(cluster: &YamlNode) -> impl Iterator<Item = &YamlNode> {
    let groups = cluster.at(&["load_assignment", "endpoints"]).map(YamlNode::items);
    let groups = groups.unwrap_or_default().iter();
    let endpoints = groups.flat_map(|it| it.get("lb_endpoints").map_or(&[][..], |it| it.items()));
    endpoints.map(|it| &**it)
}

/// The filter and the route know by it who has answered.
fn has_no_metadata(scope: Scope<'_>, cluster: &YamlNode) -> Option<Finding> {
    let version = ["metadata", "filter_metadata", "verdigris", "version"];
    let said = |it: &'_ YamlNode| {
        it.at(&version).and_then(YamlNode::text) == Some(Version::Green.as_str())
    };
    let endpoint = endpoints(cluster).find(|it| !said(it))?;
    let mend = "is an endpoint of green that does not say so, and by its metadata the filter knows \
                who has answered: write metadata: {filter_metadata: {verdigris: {version: green}}} \
                beside endpoint";
    let is = endpoint.at(&version).and_then(YamlNode::text);
    Some(scope.remark(endpoint, "lb_endpoints.metadata", is, mend.to_owned()))
}

/// With failover the release's listener leaves the request as it is, for blue.
fn is_not_patched(
    envoy: &Envoy<'_>,
    scope: Scope<'_>,
    cluster: &YamlNode,
    has_green: bool,
) -> Option<Finding> {
    let address = ["endpoint", "address", "envoy_internal_address", "server_listener_name"];
    let mut names = endpoints(cluster).map(|it| (it, it.at(&address).and_then(YamlNode::text)));
    let leads = |name: Option<&str>| name.is_some_and(|it| is_green(envoy, it, has_green));
    let (endpoint, name) = names.find(|(_, name)| !leads(*name))?;
    let mend = "is no internal listener whose metadata say verdigris.role: green, and only such a \
                one changes green's requests as versions.green.request says: lead to llm-green, as \
                in the shipped envoy.yaml";
    Some(scope.remark(endpoint, "lb_endpoints.endpoint", name, mend.to_owned()))
}

/// Whether the listener of this name is green's, or may be.
fn is_green(envoy: &Envoy<'_>, name: &str, has_green: bool) -> bool {
    let mut listeners = Vec::new();
    for scope in &envoy.scopes {
        let is_it = |it: &YamlNode| {
            it.get("filter_chains").is_some()
                && it.get("name").is_some_and(|it| it.text() == Some(name))
        };
        scope.document.root.walk(&mut |node| listeners.extend(Some(node).filter(|it| is_it(it))));
    }
    if listeners.is_empty() {
        let mut roots = envoy.scopes.iter().map(|it| &it.document.root);
        let discovers =
            |it: &YamlNode| it.get("lds_config").or_else(|| it.get("ads_config")).is_some();
        return roots.any(|it| it.get("dynamic_resources").is_some_and(|it| discovers(it)));
    }
    let role = ["metadata", "filter_metadata", "verdigris", "role"];
    let says = |it: &&YamlNode| it.at(&role).and_then(YamlNode::text) == Some(Role::Green.as_str());
    has_green || listeners.iter().any(says)
}
