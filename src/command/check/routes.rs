//! Checks that routes agree with what the filter decides and counts.

use std::rc::Rc;

use super::envoy::{Envoy, Manager};
use super::findings::Findings;
use crate::assignment::Version;
use crate::command::position::Position;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::{Config, RouteBy};
use crate::response::Format;

/// The default of `cluster_header`, for files without a rollout.
const CLUSTER_HEADER: &str = "x-verdigris-cluster";

/// A route and its parents.
pub(super) struct Route<'a> {
    manager: &'a Manager<'a>,
    pub(super) node: &'a YamlNode,
    pub(super) virtual_host: &'a YamlNode,
    /// The route configuration.
    table: &'a YamlNode,
}

/// The path that a route matches.
#[derive(Clone, Copy, PartialEq, Eq)]
struct MatchedPath<'a> {
    path: &'a str,
    /// Whether it is a path or a prefix, and not a regular expression.
    is_literal: bool,
}

/// A route's rewrite of the path.
struct PathRewrite<'a> {
    field: &'static str,
    node: &'a YamlNode,
}

/// Checks the routes of a manager.
pub fn check(manager: &Manager<'_>, rollouts: &[&Config], findings: &mut Findings) {
    let routes = Route::all(manager);
    let by_cluster = rollouts.iter().filter(|it| it.route_by == RouteBy::ClusterHeader);
    let mut headers: Vec<&str> = by_cluster.map(|it| it.cluster_header.as_str()).collect();
    if rollouts.is_empty() {
        headers.push(CLUSTER_HEADER);
    }
    let is_routed =
        routes.iter().any(|it| it.cluster_header().is_some_and(|it| is_one_of(it, &headers)));
    for route in &routes {
        let Some(header) = route.cluster_header().filter(|it| is_one_of(it, &headers)) else {
            // If no route uses a cluster header, the check of the listener reports that.
            let is_fallback = headers
                .iter()
                .any(|it| routes.iter().any(|of| route.is_fallback_of(of, it, rollouts)));
            if is_routed && !is_fallback {
                findings.warnings.extend(route.fixed_cluster(rollouts));
            }
            continue;
        };
        if !routes.iter().any(|it| it.is_fallback_of(route, header, rollouts)) {
            findings.notes.extend(route.internal_redirect(header, rollouts));
        }
        for config in rollouts {
            findings.warnings.extend(route.rewrite_to_unknown_format(config));
        }
    }
}

fn is_one_of(header: &str, headers: &[&str]) -> bool {
    headers.iter().any(|it| it.eq_ignore_ascii_case(header))
}

// === impl Route ===

impl<'a> Route<'a> {
    pub(super) fn all(manager: &'a Manager<'a>) -> Vec<Self> {
        let Some(table) = manager.node.get("route_config") else { return Vec::new() };
        let hosts = table.get("virtual_hosts").map(|it| it.items()).unwrap_or_default();
        let routes = hosts.iter().flat_map(|virtual_host| {
            let routes = virtual_host.get("routes").map(|it| it.items()).unwrap_or_default();
            routes.iter().map(move |node: &Rc<YamlNode>| Self {
                manager,
                node,
                virtual_host,
                table,
            })
        });
        routes.collect()
    }

    /// The levels that may have a setting: the route, its virtual host, the route configuration.
    fn levels(&self) -> [&'a YamlNode; 3] {
        [self.node, self.virtual_host, self.table]
    }

    fn action(&self) -> Option<&'a YamlNode> {
        self.node.get("route").map(Rc::as_ref)
    }

    fn cluster_header(&self) -> Option<&'a str> {
        self.action()?.get("cluster_header")?.text()
    }

    /// Whether this route sends to blue the requests without the cluster header, which `other` and
    /// all routes by that header in the same virtual host do not match.
    fn is_fallback_of(&self, other: &Self, header: &str, rollouts: &[&Config]) -> bool {
        let is_default = |cluster: &str| {
            rollouts.is_empty() || rollouts.iter().any(|it| it.default_cluster.as_str() == cluster)
        };
        let cluster = self.action().and_then(|it| it.get("cluster")?.text());
        let matches = self.node.get("match");
        let matches_all = matches.is_some_and(|it| it.fields().len() == 1)
            && self.path() == Some(MatchedPath { path: "/", is_literal: true });
        let routes = self.virtual_host.get("routes").map(|it| it.items()).unwrap_or_default();
        let by_header = |it: &&Rc<YamlNode>| {
            let by = it.at(&["route", "cluster_header"]).and_then(YamlNode::text);
            by.is_some_and(|it| it.eq_ignore_ascii_case(header))
        };
        let mut routes = routes.iter().filter(by_header);
        matches_all
            && std::ptr::eq(self.virtual_host, other.virtual_host)
            && cluster.is_some_and(is_default)
            && other.cluster_header().is_some()
            && routes.all(|it| header_match(it, header).is_some())
    }

    /// Envoy routes a redirected request again, without early header mutation.
    fn internal_redirect(&self, header: &str, rollouts: &[&Config]) -> Option<Finding> {
        let policy = self.action()?.get("internal_redirect_policy")?;
        let removes = |level: &&YamlNode| {
            let removed = level.get("request_headers_to_remove").map(|it| it.items());
            let mut names = removed.unwrap_or_default().iter().filter_map(|it| it.text());
            names.any(|it| it.eq_ignore_ascii_case(header))
        };
        self.levels().iter().find(|it| removes(it))?;
        let blue = rollouts.first().map_or("llm-blue", |it| it.default_cluster.as_str());
        let fix = format!(
            "Envoy does not run early header mutation again for a redirected request, which gets 503 \
             while the filter is not loaded: add a last route, {{match: {{prefix: /}}, route: {{cluster: \
             {blue}, …}}}}, and let the routes before it match headers: [{{name: {header}, \
             present_match: true}}]"
        );
        Some(self.finding(policy, "internal_redirect_policy", None, fix))
    }

    /// A cluster that does not depend on the version.
    fn fixed_cluster(&self, rollouts: &[&Config]) -> Option<Finding> {
        let (field, node) = self.counted_cluster()?;
        if self.matches_version(rollouts) {
            return None;
        }
        let filter = self.manager.filter_name();
        let fix = format!(
            "does not depend on the version, but Verdigris counts each request for the version of its \
             unit: write cluster_header, or turn the filter off for this route \
             (typed_per_filter_config: {{{filter}: {{\"@type\": \
             type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}})"
        );
        Some(self.finding(node, &format!("route.{field}"), node.text(), fix))
    }

    /// The field and the value of the cluster that the route names, if the filter counts its requests.
    pub(super) fn counted_cluster(&self) -> Option<(&'static str, &'a YamlNode)> {
        let action = self.action()?;
        let filter = self.manager.filter_name();
        let is_off = |level: &&YamlNode| {
            let disabled = level.at(&["typed_per_filter_config", filter, "disabled"]);
            disabled.is_some_and(YamlNode::is_true)
        };
        if self.levels().iter().any(is_off) {
            return None;
        }
        let fixed = ["cluster", "weighted_clusters"];
        fixed.iter().find_map(|field| Some((*field, &**action.get(field)?)))
    }

    /// Whether the route matches a header that the filter sets.
    fn matches_version(&self, rollouts: &[&Config]) -> bool {
        let headers = self.node.at(&["match", "headers"]).map(YamlNode::items).unwrap_or_default();
        let mut names = headers.iter().filter_map(|it| it.get("name")?.text());
        let is_set_by_filter = |name: &str| {
            let mut headers = rollouts
                .iter()
                .flat_map(|it| [it.cluster_header.as_str(), it.version_header.as_str()]);
            headers.any(|it| it.eq_ignore_ascii_case(name))
        };
        let is_ours = |name: &str| name.to_ascii_lowercase().starts_with("x-verdigris-");
        names.any(|it| is_ours(it) || is_set_by_filter(it))
    }

    /// The filter derives the format from the path before the route rewrites it.
    fn rewrite_to_unknown_format(&self, config: &Config) -> Option<Finding> {
        let reads = config.answers.as_ref().is_some_and(|it| it.read);
        if !reads && config.blue_request.is_none() && config.green_request.is_none() {
            return None;
        }
        let PathRewrite { field, node } = path_rewrite(self.action()?)?;
        let format = Format::from_path(node.text()?.as_bytes())?;
        let MatchedPath { path, is_literal } = self.path()?;
        let is_known = |version| config.formats.resolve(version, path.as_bytes()).is_some();
        if Version::ALL.into_iter().all(is_known) {
            return None;
        }
        let prefix = if is_literal { path } else { "/…" };
        let fix = format!(
            "changes the path after Verdigris has read it, and the client's path, {path}, is no API's, so \
             answers count as unread: write \"answers\": {{\"paths\": [{{\"prefix\": {prefix:?}, \
             \"format\": {:?}}}]}}",
            format.as_str()
        );
        Some(self.finding(node, field, node.text(), fix))
    }

    fn path(&self) -> Option<MatchedPath<'a>> {
        let found = self.node.get("match")?;
        let literal = ["path", "prefix", "path_separated_prefix"];
        if let Some(path) = literal.iter().find_map(|it| found.get(it)?.text()) {
            return Some(MatchedPath { path, is_literal: true });
        }
        let regex = found.at(&["safe_regex", "regex"]).and_then(YamlNode::text)?;
        Some(MatchedPath { path: regex.trim_end_matches('$'), is_literal: false })
    }

    pub(super) fn finding(
        &self,
        node: &YamlNode,
        field: &str,
        value: Option<&str>,
        fix: String,
    ) -> Finding {
        self.manager.scope.finding(node, field, value, fix)
    }

    /// The position of a node in the file.
    pub(super) fn position(&self, node: &YamlNode) -> Position {
        self.manager.scope.position(node)
    }
}

/// The value that a route matches this header exactly with.
pub(super) fn exact_header<'a>(route: &'a YamlNode, header: &str) -> Option<&'a str> {
    let matcher = header_match(route, header)?;
    let exact = matcher.at(&["string_match", "exact"]);
    exact.or_else(|| matcher.get("exact_match").map(|it| &**it))?.text()
}

/// The matcher of a route for this header.
pub(super) fn header_match<'a>(route: &'a YamlNode, header: &str) -> Option<&'a YamlNode> {
    let all = route.at(&["match", "headers"]).map(YamlNode::items).unwrap_or_default();
    let is_named = |it: &&Rc<YamlNode>| {
        let name = it.get("name").and_then(|it| it.text());
        name.is_some_and(|it| it.eq_ignore_ascii_case(header))
    };
    all.iter().find(is_named).map(|it| &**it)
}

/// Checks that a route sends green's requests to the failover cluster and retries them.
pub fn failover_route(envoy: &Envoy<'_>, config: &Config, cluster: &str) -> Option<Finding> {
    let header = config.cluster_header.as_str();
    let routes: Vec<_> = envoy.releases().flat_map(Route::all).collect();
    let is_exact = |route: &&Route<'_>| exact_header(route.node, header) == Some(cluster);
    let Some(route) = routes.iter().find(is_exact) else {
        // Without a route by the cluster header, the routes may be elsewhere.
        let first = routes.iter().find(|it| it.cluster_header().is_some())?;
        let fix = format!(
            "no route matches {header}: {cluster}, so blue does not answer requests that green fails: \
             copy the first route of the shipped envoy.yaml"
        );
        return Some(first.finding(first.table, "route_config", Some(cluster), fix));
    };
    let policy = route.action().and_then(|it| it.get("retry_policy"));
    let policy = policy.or_else(|| route.virtual_host.get("retry_policy"));
    let retry_on = policy.and_then(|it| it.get("retry_on")?.text()).unwrap_or_default();
    if retry_on.split(',').any(|it| it.trim() == "5xx") {
        return None;
    }
    let fix = "does not retry requests that green answers with 5xx, so blue does not answer them: write \
               retry_on: 5xx,retriable-status-codes,… as in the shipped envoy.yaml";
    let at = policy.map_or(route.node, |it| &**it);
    let value = Some(retry_on).filter(|it| !it.is_empty());
    Some(route.finding(at, "retry_policy.retry_on", value, fix.to_owned()))
}

fn path_rewrite(action: &YamlNode) -> Option<PathRewrite<'_>> {
    let template = ["path_rewrite_policy", "typed_config", "path_template_rewrite"];
    let fields: [(&'static str, &[&str]); 4] = [
        ("prefix_rewrite", &["prefix_rewrite"]),
        ("path_rewrite", &["path_rewrite"]),
        ("regex_rewrite.substitution", &["regex_rewrite", "substitution"]),
        ("path_rewrite_policy", &template),
    ];
    fields.into_iter().find_map(|(field, path)| Some(PathRewrite { field, node: action.at(path)? }))
}
