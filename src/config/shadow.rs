//! The `shadow` section: mirroring of blue's requests to green.

use serde_json::json;

use super::FieldError;
use super::checks::check_own_header_name;
use super::diagnostics::Diagnostics;
use super::examples::example_fix;
use super::raw::sections::RawShadow;
use crate::assignment::Share;
use crate::names::HeaderName;

/// The request header that makes Envoy's route mirror the request, by default.
const HEADER: &str = "x-verdigris-shadow";

/// Which of blue's requests are mirrored to green. Nobody receives the responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowConfig {
    /// The share of all units whose requests are mirrored, except in a ramp's shadow step, which
    /// has its own.
    pub share: Share,
    /// The request header that makes Envoy's route mirror the request.
    pub header: HeaderName,
}

impl ShadowConfig {
    /// The largest body of a mirrored request, in bytes.
    ///
    /// Envoy forwards a request only as fast as its copy is read. Bodies of this size never
    /// block: with Envoy 1.40, a copy that nobody reads blocks an upload from 1 MB on.
    pub const MAX_BODY: usize = 1_000_000;
}

/// Checks the `shadow` section, which a ramp with a shadow step implies. `None` if nothing is mirrored,
/// `Some(None)` if the section is invalid. `blue_has_patch` is whether blue changes its requests.
pub(super) fn check_shadow(
    raw: Option<RawShadow>,
    has_shadow_step: bool,
    blue_has_patch: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Option<ShadowConfig>> {
    match raw {
        Some(raw) => Some(check_section(raw, blue_has_patch, diagnostics)),
        None => has_shadow_step.then(|| implied_shadow(blue_has_patch, diagnostics)),
    }
}

fn check_section(
    raw: RawShadow,
    blue_has_patch: bool,
    diagnostics: &mut Diagnostics,
) -> Option<ShadowConfig> {
    let header = raw.header.as_deref();
    let header = check_own_header_name("shadow.header", header, HEADER, diagnostics);
    reject_patch_of_blue("shadow", blue_has_patch, diagnostics);
    let Some(percent) = raw.percent else {
        diagnostics.push(FieldError::missing("shadow.percent", example_fix("shadow")));
        return None;
    };
    let share = 100_u64.checked_sub(percent).and_then(|blue| Share::new(blue, percent));
    if share.is_none() {
        let fix = example_fix("shadow.percent");
        diagnostics.push(FieldError::new("shadow.percent", &json!(percent), fix));
    }
    Some(ShadowConfig { share: share?, header: header? })
}

/// The section that a ramp with a shadow step implies: nothing is mirrored outside of that step.
fn implied_shadow(blue_has_patch: bool, diagnostics: &mut Diagnostics) -> Option<ShadowConfig> {
    reject_patch_of_blue("ramp.steps[0].shadow", blue_has_patch, diagnostics);
    let header = check_own_header_name("shadow.header", None, HEADER, diagnostics);
    Some(ShadowConfig { share: Share::ZERO, header: header? })
}

fn reject_patch_of_blue(field: &str, blue_has_patch: bool, diagnostics: &mut Diagnostics) {
    if blue_has_patch {
        let fix = format!(
            "a mirrored request would contain blue's patch; remove {field} or versions.blue.request"
        );
        diagnostics.push(FieldError::unneeded(field, fix));
    }
}
