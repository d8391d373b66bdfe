//! Checks that routes that match the version header send requests to green (`route_by:
//! version_header`). Envoy takes the first route of a virtual host that matches.

use std::rc::Rc;

use super::envoy::Manager;
use super::findings::Findings;
use super::routes::{Route, exact_header, header_match};
use crate::assignment::Version;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::{Config, RouteBy};

/// The routes of one virtual host, in order.
type Host<'r, 'a> = &'r [Route<'a>];

/// Checks the routes of a manager for the rollouts that route by the version.
pub(super) fn check(manager: &Manager<'_>, rollouts: &[&Config], findings: &mut Findings) {
    let routes = Route::all(manager);
    for config in rollouts.iter().filter(|it| it.route_by == RouteBy::VersionHeader) {
        check_rollout(&routes, config, findings);
    }
}

/// Checks the routes for one rollout. If none is a route to green, that is reported at the rollout.
fn check_rollout(routes: &[Route<'_>], config: &Config, findings: &mut Findings) {
    let header = config.version_header.as_str();
    let is_green = |it: &Route<'_>| exact_header(it.node, header) == Some(Version::Green.as_str());
    if !routes.iter().any(is_green) {
        return;
    }
    for host in routes.chunk_by(|one, other| std::ptr::eq(one.virtual_host, other.virtual_host)) {
        if !host.iter().any(|it| header_match(it.node, header).is_some()) {
            findings.warnings.extend(host.iter().find_map(|it| without_green(it, header)));
            continue;
        }
        for (at, green) in host.iter().enumerate().filter(|(_, it)| is_green(it)) {
            let found = covered(host.get(..at).unwrap_or_default(), green, header);
            let has_request = config.green_request.is_some();
            let found = found.or_else(|| same_cluster(host, green, header, has_request));
            findings.warnings.extend(found);
        }
    }
}

/// A route with a cluster in a virtual host where no route matches the version.
fn without_green(route: &Route<'_>, header: &str) -> Option<Finding> {
    let (field, node) = route.counted_cluster()?;
    let fix = format!(
        "no route of this virtual host matches {header}, so no request of it reaches green, but \
         Verdigris counts each for the version of its unit: write a route before it with match: \
         {{headers: [{{name: {header}, string_match: {{exact: green}}}}]}}, or turn the filter off for \
         this virtual host"
    );
    Some(route.finding(node, &format!("route.{field}"), node.text(), fix))
}

/// A route to green after one that matches the same requests of any version.
fn covered(before: Host<'_, '_>, green: &Route<'_>, header: &str) -> Option<Finding> {
    let by = before.iter().find(|it| {
        header_match(it.node, header).is_none() && matches_all_of(it.node, green.node)
    })?;
    let fix = format!(
        "the route in line {} comes first and matches the same requests of any version, so no request \
         reaches green by this one: move this one before it",
        by.position(by.node).line
    );
    let matcher = green.node.get("match").map_or(green.node, |it| &**it);
    Some(green.finding(matcher, "match", None, fix))
}

/// A route to green with the cluster of the route that takes the same requests of blue.
fn same_cluster(
    host: Host<'_, '_>,
    green: &Route<'_>,
    header: &str,
    has_request: bool,
) -> Option<Finding> {
    let is_blue = |it: &&Route<'_>| {
        exact_header(it.node, header) != Some(Version::Green.as_str())
            && matches_all_of_but(it.node, green.node, header)
    };
    let blue = host.iter().find(is_blue)?;
    let [of_green, of_blue] = [green, blue].map(|it| it.node.at(&["route", "cluster"]));
    let (node, name) = (of_green?, of_green?.text()?);
    // What differs may select other endpoints of the cluster, or another model.
    if has_request || of_blue?.text() != Some(name) || actions(green) != actions(blue) {
        return None;
    }
    let fix = format!(
        "is also blue's cluster (line {}), and versions.green has no request, so both versions get the \
         same answers: write green's cluster",
        blue.position(blue.node).line
    );
    Some(green.finding(node, "route.cluster", Some(name), fix))
}

/// What a route does with the requests that it matches.
fn actions(route: &Route<'_>) -> Vec<(String, String)> {
    let fields = route.node.fields().iter();
    let named =
        fields.map(|(name, value)| (name.text().unwrap_or_default().to_owned(), value.flow()));
    let mut actions: Vec<_> = named
        .filter(|(name, _)| !matches!(name.as_str(), "match" | "name" | "stat_prefix"))
        .collect();
    actions.sort_unstable();
    actions
}

/// Whether each request that `narrow` matches certainly matches `wide`. Regular expressions are not
/// compared.
fn matches_all_of(wide: &YamlNode, narrow: &YamlNode) -> bool {
    matches_all_of_but(wide, narrow, "")
}

/// The same, whatever the header of this name is.
fn matches_all_of_but(wide: &YamlNode, narrow: &YamlNode, header: &str) -> bool {
    let (Some(wide), Some(narrow)) = (wide.get("match"), narrow.get("match")) else { return false };
    wide.fields().iter().all(|(name, value)| {
        let name = name.text().unwrap_or_default();
        let same = narrow.get(name);
        match name {
            "prefix" => {
                let paths = ["prefix", "path", "path_separated_prefix"];
                let path = paths.iter().find_map(|it| narrow.get(it)?.text());
                let is_any = value.text() == Some("/");
                is_any || path.zip(value.text()).is_some_and(|(path, it)| path.starts_with(it))
            }
            "headers" => {
                let others = same.map(|it| it.items()).unwrap_or_default();
                let is_needed = |it: &&Rc<YamlNode>| {
                    let name = it.get("name").and_then(|it| it.text());
                    !name.is_some_and(|it| it.eq_ignore_ascii_case(header))
                };
                let mut needed = value.items().iter().filter(is_needed);
                needed.all(|it| others.iter().any(|other| other.flow() == it.flow()))
            }
            _ => same.is_some_and(|it| it.flow() == value.flow()),
        }
    })
}
