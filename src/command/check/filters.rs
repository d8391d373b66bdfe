//! Checks the order of HTTP filters. A request passes them in the order of the list, a response in
//! the reverse order: a filter after Verdigris sees requests later and responses earlier.

use std::rc::Rc;

use super::envoy::{Manager, Neighbours, Purpose};
use super::findings::Findings;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::Config;

/// Filters that belong before Verdigris, and what goes wrong otherwise.
const BELONG_BEFORE: [(&[&str], &str); 6] = [
    (
        &["jwt_authn", "ext_authz", "basic_auth", "api_key_auth", "oauth2"],
        "authenticates after Verdigris, so the unit is read from an unauthenticated request, and \
         responses with 401 and 403 count as answers of a version",
    ),
    (
        &["rbac", "csrf"],
        "denies requests after Verdigris, so its 403 responses count as answers of a version",
    ),
    (
        &["cors"],
        "answers preflight requests after Verdigris, so they count as requests of a version",
    ),
    (
        &["local_ratelimit", "ratelimit", "rate_limit_quota"],
        "limits requests after Verdigris, so its 429 responses count as answers of a version, \
         according to answers.status_429: by default (\"compare\") as errors",
    ),
    (
        &["admission_control", "adaptive_concurrency", "fault"],
        "rejects requests after Verdigris, so its responses count as errors of a version",
    ),
    (
        &["health_check"],
        "answers health checks after Verdigris, so they count as requests of a version",
    ),
];

/// Checks the order of filters in a manager that processes clients' requests.
pub fn check(manager: &Manager<'_>, rollouts: &[&Config], findings: &mut Findings) {
    if !matches!(manager.purpose, Purpose::Release | Purpose::Green) {
        return;
    }
    let mut found = Findings::default();
    let Neighbours { before, after } = manager.neighbours();
    for filter in after.iter().filter(|it| is_on(it)) {
        found.warnings.extend(belongs_before(manager, filter));
        found.warnings.extend(compressor_after(manager, filter, rollouts));
        found.notes.extend(path_rewrite_after(manager, filter));
    }
    let router = before.iter().find(|it| is_on(it) && kind(it) == Some("router"));
    found.problems.extend(router.map(|it| router_before(manager, it)));
    for filter in before.iter().filter(|it| is_on(it)) {
        check_path_rewrite_before(manager, filter, &mut found);
        found.warnings.extend(signature_before(manager, filter, rollouts));
    }
    for filter in manager.filters {
        found.warnings.extend(strict_session(manager, filter));
    }
    // Several filters of Verdigris may be in the manager, to which the same applies.
    findings.add_new(found);
}

/// Envoy rejects a chain of filters in which the router is not the last one.
fn router_before(manager: &Manager<'_>, filter: &YamlNode) -> Finding {
    let fix = format!(
        "must be the last HTTP filter, or Envoy rejects the listener: move it after {:?}",
        manager.filter_name()
    );
    finding(manager, filter, fix)
}

fn belongs_before(manager: &Manager<'_>, filter: &YamlNode) -> Option<Finding> {
    let kind = kind(filter)?;
    let (_, why) = BELONG_BEFORE.iter().find(|(kinds, _)| kinds.contains(&kind))?;
    Some(finding(manager, filter, format!("{why}: move it before {:?}", manager.filter_name())))
}

/// Compressed answers cannot be read. With `answers.plain` the filter removes `accept-encoding`,
/// so that a later compressor does nothing.
fn compressor_after(
    manager: &Manager<'_>,
    filter: &YamlNode,
    rollouts: &[&Config],
) -> Option<Finding> {
    let direction = ["typed_config", "response_direction_config", "common_config", "enabled"];
    let is_off = |it: &YamlNode| it.get("default_value").is_some_and(|it| it.is_false());
    if kind(filter) != Some("compressor") || filter.at(&direction).is_some_and(is_off) {
        return None;
    }
    let reads = |it: &&Config| it.answers.as_ref().is_some_and(|it| it.read && !it.plain);
    if !rollouts.is_empty() && !rollouts.iter().any(reads) {
        return None;
    }
    let fix = format!(
        "compresses answers before Verdigris reads them, since responses pass filters in reverse \
         order, so they count as unread: move it before {:?}, or write answers.plain: true",
        manager.filter_name()
    );
    Some(finding(manager, filter, fix))
}

/// A signature made before the request is changed is invalid.
fn signature_before(
    manager: &Manager<'_>,
    filter: &YamlNode,
    rollouts: &[&Config],
) -> Option<Finding> {
    let patches = |it: &&Config| it.blue_request.is_some() || it.green_request.is_some();
    if kind(filter) != Some("aws_request_signing") || !rollouts.iter().any(patches) {
        return None;
    }
    let fix = format!(
        "signs requests before Verdigris changes them, so AWS rejects the signature: move it after \
         {:?}",
        manager.filter_name()
    );
    Some(finding(manager, filter, fix))
}

/// If a filter changes the path without clearing the route cache, green's requests get another
/// route than blue's: the filter changes a header for green only, which selects the route again.
fn check_path_rewrite_before(manager: &Manager<'_>, filter: &YamlNode, findings: &mut Findings) {
    let Some(config) = filter.get("typed_config") else { return };
    match kind(filter) {
        Some("lua") => {
            let keeps_route = config.get("clear_route_cache").is_some_and(|it| it.is_false());
            if keeps_route && changes_path(config) {
                let fix = "changes :path, and with clear_route_cache: false Envoy keeps blue's route but \
                           selects green's again, by the new path: remove clear_route_cache";
                findings.warnings.push(finding(manager, filter, fix));
            }
        }
        Some("ext_proc") => {
            let mode =
                config.at(&["processing_mode", "request_header_mode"]).and_then(YamlNode::text);
            let clears = config.get("route_cache_action").and_then(|it| it.text());
            if mode != Some("SKIP") && !matches!(clears, Some("CLEAR" | "1")) {
                let fix = "if it changes :path, Envoy keeps blue's route but selects green's again, by \
                           the new path: write route_cache_action: CLEAR in that case";
                findings.notes.push(finding(manager, filter, fix));
            }
        }
        _ => {}
    }
}

/// A path change that the filter does not see.
fn path_rewrite_after(manager: &Manager<'_>, filter: &YamlNode) -> Option<Finding> {
    let config = filter.get("typed_config")?;
    if kind(filter) != Some("lua") || !changes_path(config) {
        return None;
    }
    let fix = "if it changes :path, Verdigris derives an answer's format from the old path: if that is \
               no API's, write answers.paths, or the format of each version";
    Some(finding(manager, filter, fix))
}

/// Whether Lua code probably changes `:path`.
fn changes_path(config: &YamlNode) -> bool {
    let code = config.flow();
    code.contains("replace(\\\":path")
        || code.contains("replace(':path")
        || code.contains("add(\\\":path")
}

/// A session must not be bound to a host of the other version.
fn strict_session(manager: &Manager<'_>, filter: &YamlNode) -> Option<Finding> {
    let config = filter.get("typed_config")?;
    let is_strict = config.get("strict").is_some_and(|it| it.is_true());
    if kind(filter) != Some("stateful_session") || !is_strict {
        return None;
    }
    let fix = "binds a session to a host; when its user moves to the other version, that host is in the \
               other cluster, and Envoy responds with 503: write strict: false";
    Some(finding(manager, filter, fix))
}

/// Whether a filter is enabled by default. A disabled one may be enabled on some routes.
fn is_on(filter: &Rc<YamlNode>) -> bool {
    !filter.get("disabled").is_some_and(|it| it.is_true())
}

/// The kind of a filter, such as `jwt_authn`, by its type or else by its name.
fn kind(filter: &YamlNode) -> Option<&str> {
    let types = [&["typed_config", "@type"][..], &["typed_config", "type_url"]];
    let discovered = filter.at(&["config_discovery", "type_urls"]).map(YamlNode::items);
    let types = types.iter().filter_map(|path| filter.at(path)?.text());
    let mut types = types.chain(discovered.unwrap_or_default().iter().filter_map(|it| it.text()));
    let by_type = types.find_map(|it| it.split_once("filters.http.")?.1.split('.').next());
    let name = filter.get("name").and_then(|it| it.text());
    by_type.or_else(|| name?.strip_prefix("envoy.filters.http."))
}

fn finding(manager: &Manager<'_>, filter: &YamlNode, fix: impl Into<String>) -> Finding {
    let name = filter.get("name").and_then(|it| it.text());
    manager.scope.finding(filter, "http_filters", name, fix)
}
