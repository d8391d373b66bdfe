//! Checks of what depends on Envoy's routes, `route_by`.

use serde_json::json;

use super::checks::check_cluster_name;
use super::diagnostics::Diagnostics;
use super::raw::root::{RawConfig, RawVersion};
use super::{FieldError, Role, RouteBy};
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
    if raw.versions.green.failover.is_some() {
        diagnostics.push(FieldError::unneeded("versions.green.failover", fix));
    }
    if raw.role == Some(Role::Shadow) {
        diagnostics.push(FieldError::new("role", &json!(Role::Shadow.as_str()), fix));
    }
}
