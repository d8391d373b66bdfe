//! Which build of the filter this is.

use crate::config::Artifact;

/// This build. The compiler removes what a build cannot reach from its callbacks and by this constant.
pub const BUILD: Artifact = if IS_ROUTE { Artifact::Route } else { Artifact::Full };

/// Whether this build assigns, routes and counts requests, and does no more.
pub const IS_ROUTE: bool = cfg!(feature = "route");
