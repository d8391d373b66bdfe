//! The order of the HTTP filters. Requests come to them in the order of the list, responses in the
//! opposite one: a filter after Verdigris sees requests later, and responses earlier.

use std::rc::Rc;

use super::envoy::{Manager, Purpose};
use super::findings::Findings;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::Config;

/// Filters that belong before Verdigris, and why.
const BELONG_BEFORE: [(&[&str], &str); 6] = [
    (
        &["jwt_authn", "ext_authz", "basic_auth", "api_key_auth", "oauth2"],
        "authenticates after Verdigris, so the unit is read from a request that nobody has \
         authenticated, and its 401 and 403 are counted as answers of a version",
    ),
    (
        &["rbac", "csrf"],
        "denies requests after Verdigris, so its 403 are counted as answers of a version",
    ),
    (
        &["cors"],
        "answers preflight requests after Verdigris, so they are counted as requests of a version",
    ),
    (
        &["local_ratelimit", "ratelimit", "rate_limit_quota"],
        "limits after Verdigris, so its 429 count as answers of a version, as answers.status_429 \
         says: with \"compare\", the default, as errors that are compared with blue's",
    ),
    (
        &["admission_control", "adaptive_concurrency", "fault"],
        "rejects requests by itself after Verdigris, so its answers are counted as errors of a \
         version",
    ),
    (
        &["health_check"],
        "answers health checks after Verdigris, so they are counted as requests of a version",
    ),
];

/// Looks at the order of filters.
pub fn look(managers: &[Manager<'_>], rollouts: &[&Config], findings: &mut Findings) {
    let of_requests = |it: &&Manager<'_>| matches!(it.purpose, Purpose::Release | Purpose::Green);
    for manager in managers.iter().filter(of_requests) {
        let (before, after) = manager.before_and_after();
        for filter in after.iter().filter(|it| is_on(it)) {
            findings.warnings.extend(belongs_before(manager, filter));
            findings.warnings.extend(compresses(manager, filter, rollouts));
            findings.notes.extend(rewrites_later(manager, filter));
        }
        for filter in before.iter().filter(|it| is_on(it)) {
            rewrites_earlier(manager, filter, findings);
            findings.warnings.extend(signs(manager, filter, rollouts));
        }
        for filter in manager.filters {
            findings.warnings.extend(is_strict(manager, filter));
        }
    }
}

fn belongs_before(manager: &Manager<'_>, filter: &YamlNode) -> Option<Finding> {
    let kind = kind(filter)?;
    let (_, why) = BELONG_BEFORE.iter().find(|(kinds, _)| kinds.contains(&kind))?;
    Some(remark(manager, filter, format!("{why}: write it before {:?}", manager.filter_name())))
}

/// Compressed answers cannot be read. Where the filter asks for plain ones, a compressor that comes
/// later takes that for the client's wish.
fn compresses(manager: &Manager<'_>, filter: &YamlNode, rollouts: &[&Config]) -> Option<Finding> {
    let direction = ["typed_config", "response_direction_config", "common_config", "enabled"];
    let is_off =
        |it: &YamlNode| it.get("default_value").is_some_and(|it| it.text() == Some("false"));
    if kind(filter) != Some("compressor") || filter.at(&direction).is_some_and(is_off) {
        return None;
    }
    let reads = |it: &&Config| it.answers.as_ref().is_some_and(|it| it.read && !it.plain);
    if !rollouts.is_empty() && !rollouts.iter().any(reads) {
        return None;
    }
    let mend = format!(
        "compresses answers before Verdigris reads them, since responses take the opposite way, so \
         they are counted as unread: write it before {:?}, or answers.plain: true",
        manager.filter_name()
    );
    Some(remark(manager, filter, mend))
}

/// A signature that is made before the request is changed does not fit it.
fn signs(manager: &Manager<'_>, filter: &YamlNode, rollouts: &[&Config]) -> Option<Finding> {
    let patches = |it: &&Config| it.blue_request.is_some() || it.green_request.is_some();
    if kind(filter) != Some("aws_request_signing") || !rollouts.iter().any(patches) {
        return None;
    }
    let mend = format!(
        "signs requests before Verdigris changes them, and AWS refuses the signature: write it after \
         {:?}",
        manager.filter_name()
    );
    Some(remark(manager, filter, mend))
}

/// A path that is changed without choosing the route again: green's requests get another route than
/// blue's, since only for green the filter writes a header.
fn rewrites_earlier(manager: &Manager<'_>, filter: &YamlNode, findings: &mut Findings) {
    let Some(config) = filter.get("typed_config") else { return };
    match kind(filter) {
        Some("lua") => {
            let keeps_route =
                config.get("clear_route_cache").is_some_and(|it| it.text() == Some("false"));
            if keeps_route && names_path(config) {
                let mend = "changes :path, and with clear_route_cache: false Envoy keeps blue's route but \
                            chooses green's again, by the new path: take clear_route_cache out";
                findings.warnings.push(remark(manager, filter, mend.to_owned()));
            }
        }
        Some("ext_proc") => {
            let mode =
                config.at(&["processing_mode", "request_header_mode"]).and_then(YamlNode::text);
            let clears = config.get("route_cache_action").and_then(|it| it.text());
            if mode != Some("SKIP") && !matches!(clears, Some("CLEAR" | "1")) {
                let mend = "if it changes :path, Envoy keeps blue's route but chooses green's again, by \
                            the new path: then write route_cache_action: CLEAR";
                findings.notes.push(remark(manager, filter, mend.to_owned()));
            }
        }
        _ => {}
    }
}

/// A path that is changed after the filter has looked at it.
fn rewrites_later(manager: &Manager<'_>, filter: &YamlNode) -> Option<Finding> {
    let config = filter.get("typed_config")?;
    if kind(filter) != Some("lua") || !names_path(config) {
        return None;
    }
    let mend = "if it changes :path, Verdigris knows an answer's format by the old one: where that names \
                no API, write answers.paths, or the format of each version";
    Some(remark(manager, filter, mend.to_owned()))
}

fn names_path(config: &YamlNode) -> bool {
    let code = config.flow();
    code.contains("replace(\\\":path")
        || code.contains("replace(':path")
        || code.contains("add(\\\":path")
}

/// A session that is bound to a host of the other version.
fn is_strict(manager: &Manager<'_>, filter: &YamlNode) -> Option<Finding> {
    let config = filter.get("typed_config")?;
    let is_strict = config.get("strict").is_some_and(|it| it.is_true());
    if kind(filter) != Some("stateful_session") || !is_strict {
        return None;
    }
    let mend = "binds a session to a host, and where its user is moved to the other version that host is \
                in the other cluster: Envoy answers 503; write strict: false";
    Some(remark(manager, filter, mend.to_owned()))
}

/// Whether it is on for all requests; one that is off may be turned on for some routes.
fn is_on(filter: &Rc<YamlNode>) -> bool {
    !filter.get("disabled").is_some_and(|it| it.is_true())
}

/// What a filter is, such as `jwt_authn`, by its type, else by its name.
fn kind(filter: &YamlNode) -> Option<&str> {
    let types = [&["typed_config", "@type"][..], &["typed_config", "type_url"]];
    let discovered = filter.at(&["config_discovery", "type_urls"]).map(YamlNode::items);
    let types = types.iter().filter_map(|path| filter.at(path)?.text());
    let mut types = types.chain(discovered.unwrap_or_default().iter().filter_map(|it| it.text()));
    let by_type = types.find_map(|it| it.split_once("filters.http.")?.1.split('.').next());
    let name = filter.get("name").and_then(|it| it.text());
    by_type.or_else(|| name?.strip_prefix("envoy.filters.http."))
}

fn remark(manager: &Manager<'_>, filter: &YamlNode, mend: String) -> Finding {
    let name = filter.get("name").and_then(|it| it.text());
    manager.scope.remark(filter, "http_filters", name, mend)
}
