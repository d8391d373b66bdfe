//! Whether what a route does fits what the filter decides and counts.

use std::rc::Rc;

use super::super::source::Remark;
use super::super::yaml::Node;
use super::envoy::Manager;
use super::findings::Findings;
use crate::assign::Version;
use crate::config::Config;
use crate::observe::Format;

/// The default of `cluster_header`, for where no rollout is at hand.
const CLUSTER_HEADER: &str = "x-verdigris-cluster";

/// A route, and what it is part of.
struct Route<'a> {
    manager: &'a Manager<'a>,
    node: &'a Node,
    /// The route, its virtual host, and the route configuration.
    levels: [&'a Node; 3],
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
            if is_routed {
                findings.warnings.extend(route.is_fixed(rollouts));
            }
            continue;
        };
        findings.warnings.extend(route.redirects(header));
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
            routes.iter().map(move |node: &Rc<Node>| Self {
                manager,
                node,
                levels: [node, host, table],
            })
        });
        routes.collect()
    }

    fn action(&self) -> Option<&'a Node> {
        self.node.get("route").map(Rc::as_ref)
    }

    fn cluster_header(&self) -> Option<&'a str> {
        self.action()?.get("cluster_header")?.text()
    }

    /// Envoy routes a redirected request again, without early header mutation.
    fn redirects(&self, header: &str) -> Option<Remark> {
        let policy = self.action()?.get("internal_redirect_policy")?;
        let removes = |level: &&Node| {
            let removed = level.get("request_headers_to_remove").map(|it| it.items());
            let mut names = removed.unwrap_or_default().iter().filter_map(|it| it.text());
            names.any(|it| it.eq_ignore_ascii_case(header))
        };
        self.levels.iter().find(|it| removes(it))?;
        let mend = format!(
            "Envoy routes a redirected request again, and this route has taken {header} out of it: blue's \
             users get 503; remove internal_redirect_policy, or leave {header} out of \
             request_headers_to_remove, and the upstream sees it"
        );
        Some(self.remark(policy, "internal_redirect_policy", None, mend))
    }

    /// A cluster that does not depend on the version.
    fn is_fixed(&self, rollouts: &[&Config]) -> Option<Remark> {
        let action = self.action()?;
        let fixed = ["cluster", "weighted_clusters"];
        let (field, node) = fixed.iter().find_map(|field| Some((*field, action.get(field)?)))?;
        let filter = self.manager.filter_name();
        let is_off = |level: &&Node| {
            let disabled = level.at(&["typed_per_filter_config", filter, "disabled"]);
            disabled.is_some_and(Node::is_true)
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
        let matched = self.node.at(&["match", "headers"]).map(Node::items).unwrap_or_default();
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
    fn hides_format(&self, config: &Config) -> Option<Remark> {
        let reads = config.answers.as_ref().is_some_and(|it| it.read);
        if !reads && config.blue_request.is_none() && config.green_request.is_none() {
            return None;
        }
        let action = self.action()?;
        let (field, rewrite) = rewrite(action)?;
        let format = Format::of_path(rewrite.text()?.as_bytes())?;
        let (path, is_literal) = self.path()?;
        let is_known = |version| {
            let by_version = config.formats.of(version);
            by_version.or_else(|| config.formats.at(path.as_bytes())).is_some()
        };
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
        let regex = found.at(&["safe_regex", "regex"]).and_then(Node::text)?;
        Some((regex.trim_end_matches('$'), false))
    }

    fn remark(&self, node: &Node, field: &str, value: Option<&str>, mend: String) -> Remark {
        self.manager.scope.remark(node, field, value, mend)
    }
}

/// What a route puts in the path's place.
fn rewrite(action: &Node) -> Option<(&'static str, &Node)> {
    let template = ["path_rewrite_policy", "typed_config", "path_template_rewrite"];
    let ways: [(&'static str, &[&str]); 4] = [
        ("prefix_rewrite", &["prefix_rewrite"]),
        ("path_rewrite", &["path_rewrite"]),
        ("regex_rewrite.substitution", &["regex_rewrite", "substitution"]),
        ("path_rewrite_policy", &template),
    ];
    ways.into_iter().find_map(|(field, path)| Some((field, action.at(path)?)))
}
