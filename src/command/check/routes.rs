//! Whether what a route does fits what the filter decides and counts.

use std::rc::Rc;

use super::envoy::{Envoy, Manager};
use super::findings::Findings;
use crate::assignment::Version;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::Config;
use crate::response::Format;

/// The default of `cluster_header`, for where no rollout is at hand.
const CLUSTER_HEADER: &str = "x-verdigris-cluster";

/// A route, and what it is part of.
struct Route<'a> {
    manager: &'a Manager<'a>,
    node: &'a YamlNode,
    /// The route, its virtual host, and the route configuration.
    levels: [&'a YamlNode; 3],
}

/// Looks at the routes of a manager.
pub fn look(manager: &Manager<'_>, rollouts: &[&Config], findings: &mut Findings) {
    let routes = Route::all(manager);
    let mut headers: Vec<&str> = rollouts.iter().map(|it| it.cluster_header.as_str()).collect();
    if headers.is_empty() {
        headers.push(CLUSTER_HEADER);
    }
    let is_routed =
        routes.iter().any(|it| it.cluster_header().is_some_and(|it| is_one_of(it, &headers)));
    for route in &routes {
        let Some(header) = route.cluster_header().filter(|it| is_one_of(it, &headers)) else {
            // Where no route takes the filter's word, another rule says so.
            let is_fallback = headers
                .iter()
                .any(|it| routes.iter().any(|of| route.is_fallback_of(of, it, rollouts)));
            if is_routed && !is_fallback {
                findings.warnings.extend(route.is_fixed(rollouts));
            }
            continue;
        };
        if !routes.iter().any(|it| it.is_fallback_of(route, header, rollouts)) {
            findings.notes.extend(route.redirects(header, rollouts));
        }
        for config in rollouts {
            findings.warnings.extend(route.hides_format(config));
        }
    }
}

fn is_one_of(header: &str, headers: &[&str]) -> bool {
    headers.iter().any(|it| it.eq_ignore_ascii_case(header))
}

// === impl Route ===

impl<'a> Route<'a> {
    fn all(manager: &'a Manager<'a>) -> Vec<Self> {
        let Some(table) = manager.node.get("route_config") else { return Vec::new() };
        let hosts = table.get("virtual_hosts").map(|it| it.items()).unwrap_or_default();
        let routes = hosts.iter().flat_map(|host| {
            let routes = host.get("routes").map(|it| it.items()).unwrap_or_default();
            routes.iter().map(move |node: &Rc<YamlNode>| Self {
                manager,
                node,
                levels: [node, host, table],
            })
        });
        routes.collect()
    }

    fn action(&self) -> Option<&'a YamlNode> {
        self.node.get("route").map(Rc::as_ref)
    }

    fn cluster_header(&self) -> Option<&'a str> {
        self.action()?.get("cluster_header")?.text()
    }

    /// Whether it takes those requests to blue that a route of the same virtual host, and any
    /// other by the cluster header, leaves to it since they do not have that header.
    fn is_fallback_of(&self, other: &Self, header: &str, rollouts: &[&Config]) -> bool {
        let is_default = |cluster: &str| {
            rollouts.is_empty() || rollouts.iter().any(|it| it.default_cluster.as_str() == cluster)
        };
        let cluster = self.action().and_then(|it| it.get("cluster")?.text());
        let of_match = self.node.get("match");
        let takes_all =
            of_match.is_some_and(|it| it.fields().len() == 1) && self.path() == Some(("/", true));
        let [_, host, _] = self.levels;
        let [_, of, _] = other.levels;
        let routes = host.get("routes").map(|it| it.items()).unwrap_or_default();
        let by_header = |it: &&Rc<YamlNode>| {
            let by = it.at(&["route", "cluster_header"]).and_then(YamlNode::text);
            by.is_some_and(|it| it.eq_ignore_ascii_case(header))
        };
        let mut routes = routes.iter().filter(by_header);
        takes_all
            && std::ptr::eq(host, of)
            && cluster.is_some_and(is_default)
            && other.cluster_header().is_some()
            && routes.all(|it| matched(it, header).is_some())
    }

    /// Envoy routes a redirected request again, without early header mutation.
    fn redirects(&self, header: &str, rollouts: &[&Config]) -> Option<Finding> {
        let policy = self.action()?.get("internal_redirect_policy")?;
        let removes = |level: &&YamlNode| {
            let removed = level.get("request_headers_to_remove").map(|it| it.items());
            let mut names = removed.unwrap_or_default().iter().filter_map(|it| it.text());
            names.any(|it| it.eq_ignore_ascii_case(header))
        };
        self.levels.iter().find(|it| removes(it))?;
        let blue = rollouts.first().map_or("llm-blue", |it| it.default_cluster.as_str());
        let mend = format!(
            "Envoy does not run early header mutation again for a redirected request, which gets 503 \
             while the filter is not loaded: add a last route, {{match: {{prefix: /}}, route: {{cluster: \
             {blue}, …}}}}, and let those before it match headers: [{{name: {header}, present_match: \
             true}}]"
        );
        Some(self.remark(policy, "internal_redirect_policy", None, mend))
    }

    /// A cluster that does not depend on the version.
    fn is_fixed(&self, rollouts: &[&Config]) -> Option<Finding> {
        let action = self.action()?;
        let fixed = ["cluster", "weighted_clusters"];
        let (field, node) = fixed.iter().find_map(|field| Some((*field, action.get(field)?)))?;
        let filter = self.manager.filter_name();
        let is_off = |level: &&YamlNode| {
            let disabled = level.at(&["typed_per_filter_config", filter, "disabled"]);
            disabled.is_some_and(YamlNode::is_true)
        };
        if self.levels.iter().any(is_off) || self.is_by_version(rollouts) {
            return None;
        }
        let mend = format!(
            "answers whatever the version, and Verdigris counts each request for the version that its \
             unit has: write cluster_header, or turn the filter off for this route \
             (typed_per_filter_config: {{{filter}: {{\"@type\": \
             type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}})"
        );
        Some(self.remark(node, &format!("route.{field}"), node.text(), mend))
    }

    /// Whether it is chosen by a header that the filter writes.
    fn is_by_version(&self, rollouts: &[&Config]) -> bool {
        let matched = self.node.at(&["match", "headers"]).map(YamlNode::items).unwrap_or_default();
        let mut names = matched.iter().filter_map(|it| it.get("name")?.text());
        let of_rollouts = |name: &str| {
            let mut headers = rollouts
                .iter()
                .flat_map(|it| [it.cluster_header.as_str(), it.version_header.as_str()]);
            headers.any(|it| it.eq_ignore_ascii_case(name))
        };
        names.any(|it| it.to_ascii_lowercase().starts_with("x-verdigris-") || of_rollouts(it))
    }

    /// The filter runs before the route changes the path, by which it knows the format.
    fn hides_format(&self, config: &Config) -> Option<Finding> {
        let reads = config.answers.as_ref().is_some_and(|it| it.read);
        if !reads && config.blue_request.is_none() && config.green_request.is_none() {
            return None;
        }
        let action = self.action()?;
        let (field, rewrite) = rewrite(action)?;
        let format = Format::from_path(rewrite.text()?.as_bytes())?;
        let (path, is_literal) = self.path()?;
        let is_known = |version| config.formats.resolve(version, path.as_bytes()).is_some();
        if Version::ALL.into_iter().all(is_known) {
            return None;
        }
        let prefix = if is_literal { path } else { "/…" };
        let mend = format!(
            "changes the path after Verdigris has looked at it, and the client's, {path}, names no API, so \
             answers are counted as unread: write \"answers\": {{\"paths\": [{{\"prefix\": {prefix:?}, \
             \"format\": {:?}}}]}}",
            format.as_str()
        );
        Some(self.remark(rewrite, field, rewrite.text(), mend))
    }

    /// The path that the route matches, and whether it is one and no expression.
    fn path(&self) -> Option<(&'a str, bool)> {
        let found = self.node.get("match")?;
        let literal = ["path", "prefix", "path_separated_prefix"];
        if let Some(path) = literal.iter().find_map(|it| found.get(it)?.text()) {
            return Some((path, true));
        }
        let regex = found.at(&["safe_regex", "regex"]).and_then(YamlNode::text)?;
        Some((regex.trim_end_matches('$'), false))
    }

    fn remark(&self, node: &YamlNode, field: &str, value: Option<&str>, mend: String) -> Finding {
        self.manager.scope.remark(node, field, value, mend)
    }
}

/// What a route wants of a request's header.
fn matched<'a>(route: &'a YamlNode, header: &str) -> Option<&'a YamlNode> {
    let all = route.at(&["match", "headers"]).map(YamlNode::items).unwrap_or_default();
    let is_it = |it: &&Rc<YamlNode>| {
        let name = it.get("name").and_then(|it| it.text());
        name.is_some_and(|it| it.eq_ignore_ascii_case(header))
    };
    all.iter().find(is_it).map(|it| &**it)
}

/// Whether green's requests, which go to this cluster, are retried.
pub fn failover(envoy: &Envoy<'_>, config: &Config, cluster: &str) -> Option<Finding> {
    let header = config.cluster_header.as_str();
    let routes: Vec<_> = envoy.releases().flat_map(Route::all).collect();
    let is_exact = |route: &&Route<'_>| {
        let Some(matched) = matched(route.node, header) else { return false };
        let exact = matched.at(&["string_match", "exact"]);
        let exact = exact.or_else(|| matched.get("exact_match").map(|it| &**it));
        exact.and_then(YamlNode::text) == Some(cluster)
    };
    let Some(route) = routes.iter().find(is_exact) else {
        // Routes may be elsewhere.
        let first = routes.iter().find(|it| it.cluster_header().is_some())?;
        let [.., table] = first.levels;
        let mend = format!(
            "no route matches {header}: {cluster}, so blue does not answer what green fails: take the \
             first route of the shipped envoy.yaml"
        );
        return Some(first.remark(table, "route_config", Some(cluster), mend));
    };
    let [_, host, _] = route.levels;
    let policy = route.action().and_then(|it| it.get("retry_policy"));
    let policy = policy.or_else(|| host.get("retry_policy"));
    let retry_on = policy.and_then(|it| it.get("retry_on")?.text()).unwrap_or_default();
    if retry_on.split(',').any(|it| it.trim() == "5xx") {
        return None;
    }
    let mend = "does not retry what green answers with 5xx, so blue does not answer it: write \
                retry_on: 5xx,retriable-status-codes,… as in the shipped envoy.yaml";
    let at = policy.map_or(route.node, |it| &**it);
    let is = Some(retry_on).filter(|it| !it.is_empty());
    Some(route.remark(at, "retry_policy.retry_on", is, mend.to_owned()))
}

/// What a route puts in the path's place.
fn rewrite(action: &YamlNode) -> Option<(&'static str, &YamlNode)> {
    let template = ["path_rewrite_policy", "typed_config", "path_template_rewrite"];
    let ways: [(&'static str, &[&str]); 4] = [
        ("prefix_rewrite", &["prefix_rewrite"]),
        ("path_rewrite", &["path_rewrite"]),
        ("regex_rewrite.substitution", &["regex_rewrite", "substitution"]),
        ("path_rewrite_policy", &template),
    ];
    ways.into_iter().find_map(|(field, path)| Some((field, action.at(path)?)))
}
