//! The fields of a ramp on what values are adjusted by.

use std::time::Duration;

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::time::parse_duration;
use crate::analysis::AnalysisUnit;
use crate::rollout::RampProfile;

/// The fields as written, and what they depend on.
pub(super) struct AdjustmentSection {
    pub adjust: Option<bool>,
    pub baseline: Option<String>,
    pub profile: RampProfile,
    pub bake: Duration,
    pub unit: AnalysisUnit,
    pub has_shadow_step: bool,
    /// Whether a gate compares values that can be adjusted.
    pub is_adjustable: bool,
}

/// The checked fields.
pub(super) struct CheckedAdjustment {
    pub adjusts: bool,
    /// `None` if it is invalid.
    pub baseline: Option<Duration>,
}

// === impl AdjustmentSection ===

impl AdjustmentSection {
    /// Checks the fields.
    pub fn check(self, diagnostics: &mut Diagnostics) -> CheckedAdjustment {
        let Self { adjust, profile, unit, is_adjustable, .. } = self;
        if adjust == Some(true) && !is_adjustable {
            let fix = "no gate compares times, tokens or cost; remove it, or add such a gate";
            diagnostics.push(FieldError::new("ramp.adjust", &json!(true), fix));
        }
        let by_default = profile.adjusts() && is_adjustable && unit == AnalysisUnit::Units;
        let adjusts = adjust.unwrap_or(by_default);
        CheckedAdjustment { adjusts, baseline: self.check_baseline(adjusts, diagnostics) }
    }

    fn check_baseline(&self, adjusts: bool, diagnostics: &mut Diagnostics) -> Option<Duration> {
        let has_past = adjusts && self.unit == AnalysisUnit::Units;
        let Some(text) = &self.baseline else {
            // A shadow step takes its own time before the first user is on green.
            let is_default = has_past && !self.has_shadow_step;
            return Some(if is_default {
                self.profile.baseline(self.bake)
            } else {
                Duration::ZERO
            });
        };
        let baseline = parse_duration(text);
        let fix = match baseline {
            None => {
                "write a whole number of ms, s, m, h or d, at most 365 days, such as \"2h\", or \
                 \"0s\" for no baseline"
            }
            Some(Duration::ZERO) => return baseline,
            Some(_) if !adjusts => {
                "only adjusted values use the past of units; write \"adjust\": true, or remove it"
            }
            Some(_) if !has_past => {
                "with \"evidence\": \"every_request\" no unit has a past; remove it"
            }
            Some(_) => return baseline,
        };
        diagnostics.push(FieldError::new("ramp.baseline", &json!(text), fix));
        None
    }
}
