//! Checks of what depends on Envoy's routes, `route_by`, and on when bodies are read, `read_body`.

use serde_json::json;

use super::checks::{check_cluster_name, source_field};
use super::diagnostics::Diagnostics;
use super::raw::ramp::RawStep;
use super::raw::root::{RawConfig, RawVersion};
use super::{FieldError, ReadBody, Role, RouteBy};
use crate::assignment::Version;
use crate::names::ClusterName;

/// Checks the cluster of a version. Where the routes match the version header, the cluster is
/// only a name for the page and the command, by default that of the version.
pub(super) fn check_cluster(
    route_by: RouteBy,
    version: Version,
    raw: &mut RawVersion,
    diagnostics: &mut Diagnostics,
) -> Option<ClusterName> {
    let cluster = match (raw.cluster.take(), route_by) {
        (None, RouteBy::VersionHeader) => Some(version.as_str().to_owned()),
        (cluster, _) => cluster,
    };
    let field = format!("versions.{version}.cluster");
    diagnostics.required(&field, cluster, check_cluster_name)
}

/// Adds an error for each field that needs a cluster header, if there is none.
pub(super) fn reject_cluster_routing(raw: &RawConfig, diagnostics: &mut Diagnostics) {
    if raw.route_by != RouteBy::VersionHeader {
        return;
    }
    let unused =
        [("cluster_header", &raw.cluster_header), ("default_cluster", &raw.default_cluster)];
    for (field, value) in unused {
        let Some(value) = value else { continue };
        let fix = "has no effect with \"route_by\": \"version_header\", since the routes choose the \
                   cluster; remove it";
        diagnostics.push(FieldError::new(field, &json!(value), fix));
    }
    let fix = "needs routes by the cluster header; remove it, or \"route_by\": \"version_header\"";
    if raw.shadow.is_some() {
        diagnostics.push(FieldError::unneeded("shadow", fix));
    }
    if has_shadow_step(raw) {
        diagnostics.push(FieldError::unneeded("ramp.steps[0].shadow", fix));
    }
    if raw.versions.green.failover.is_some() {
        diagnostics.push(FieldError::unneeded("versions.green.failover", fix));
    }
    if raw.role == Some(Role::Shadow) {
        diagnostics.push(FieldError::new("role", &json!(Role::Shadow.as_str()), fix));
    }
}

/// Checks what depends on the time at which bodies are read.
///
/// The control planes whose routes match the version header have no field for
/// `allow_on_headers_stop_iteration`, which sets the default.
pub(super) fn check_read_body(raw: &RawConfig, diagnostics: &mut Diagnostics) -> ReadBody {
    let read_body = raw.read_body.unwrap_or(match raw.route_by {
        RouteBy::ClusterHeader => ReadBody::BeforeRouting,
        RouteBy::VersionHeader => ReadBody::AfterRouting,
    });
    if read_body == ReadBody::BeforeRouting {
        return read_body;
    }
    let fix = "set allow_on_headers_stop_iteration: true in Envoy's Wasm filter and write \
               \"read_body\": \"before_routing\"";
    let ids = raw.conversation.iter().filter_map(|it| it.id.as_ref());
    let ids: Vec<_> = ids.flat_map(|sources| &sources.0).collect();
    for (index, source) in ids.iter().enumerate() {
        let Some(pointer) = &source.pointer else { continue };
        let field = source_field("conversation.id", index, ids.len());
        let fix = format!(
            "the body is read after routing, when the version is already chosen; name a header or a \
             cookie, or {fix}"
        );
        diagnostics.push(FieldError::new(field, &json!({"pointer": pointer}), fix));
    }
    let sections = [
        ("feedback", raw.feedback.is_some()),
        ("shadow", raw.shadow.is_some()),
        ("ramp.steps[0].shadow", has_shadow_step(raw)),
        ("versions.green.failover", raw.versions.green.failover.is_some()),
    ];
    for (field, _) in sections.iter().filter(|(_, is_set)| *is_set) {
        let fix = format!("needs bodies that are read before routing; remove it, or {fix}");
        diagnostics.push(FieldError::unneeded(*field, fix));
    }
    if raw.role == Some(Role::Shadow) {
        let fix = format!("needs bodies that are read before routing; {fix}");
        diagnostics.push(FieldError::new("role", &json!(Role::Shadow.as_str()), fix));
    }
    read_body
}

/// Whether the ramp begins with a shadow step, which implies a `shadow` section.
fn has_shadow_step(raw: &RawConfig) -> bool {
    let first = raw.ramp.as_ref().and_then(|ramp| ramp.steps.as_ref()?.first());
    matches!(first, Some(RawStep::Object(step)) if step.shadow.is_some())
}
