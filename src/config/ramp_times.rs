//! The times of a ramp's steps.

use std::time::Duration;

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::raw::ramp::RawRamp;
use super::time::parse_duration;

/// The times of each step; a field is `None` where the section has an invalid one.
pub(super) struct RampTimes {
    /// How long a step takes at least.
    pub bake: Option<Duration>,
    /// After how long a step that is not decided is overdue; at least `bake`.
    pub timeout: Option<Duration>,
    /// How long after a step began responses that end do not count for advancing; at most `bake`.
    pub warmup: Option<Duration>,
    /// How long after a step began the times of responses count for nothing; at most `bake`.
    pub cold_start: Option<Duration>,
}

const WARMUP: Duration = Duration::from_secs(2 * 60);

// === impl RampTimes ===

impl RampTimes {
    pub fn check(raw: &RawRamp, diagnostics: &mut Diagnostics) -> Self {
        let profile = raw.profile;
        let bake = check_period("ramp.bake", raw.bake.as_deref(), profile.bake(), diagnostics);
        let timeout = check_timeout(raw.timeout.as_deref(), profile.timeout(), bake, diagnostics);
        let mut within_bake = |field, raw: &Option<String>, default| {
            check_within_bake(field, raw.as_deref(), default, bake, diagnostics)
        };
        let warmup = within_bake("ramp.warmup", &raw.warmup, WARMUP);
        let cold_start = within_bake("ramp.cold_start", &raw.cold_start, Duration::ZERO);
        Self { bake, timeout, warmup, cold_start }
    }
}

fn check_period(
    field: &str,
    raw: Option<&str>,
    default: Duration,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let Some(text) = raw else { return Some(default) };
    let period = parse_duration(text).filter(|period| !period.is_zero());
    if period.is_none() {
        let fix = "write a whole number of ms, s, m, h or d, above 0 and at most 365 days, such \
                   as \"10m\"";
        diagnostics.push(FieldError::new(field, &json!(text), fix));
    }
    period
}

fn check_timeout(
    raw: Option<&str>,
    default: Duration,
    bake: Option<Duration>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let bake = bake.unwrap_or_default();
    let timeout = check_period("ramp.timeout", raw, default.max(bake), diagnostics)?;
    if timeout < bake {
        let fix = "is shorter than bake; write at least the duration of bake";
        diagnostics.push(FieldError::new("ramp.timeout", &json!(raw), fix));
        return None;
    }
    Some(timeout)
}

/// Checks a time at the beginning of each step.
fn check_within_bake(
    field: &str,
    raw: Option<&str>,
    default: Duration,
    bake: Option<Duration>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let bake = bake.unwrap_or(Duration::MAX);
    let Some(text) = raw else { return Some(default.min(bake)) };
    let time = parse_duration(text).filter(|time| *time <= bake);
    if time.is_none() {
        let fix = "write a whole number of ms, s, m, h or d, at most the duration of bake, such as \
                   \"2m\"";
        diagnostics.push(FieldError::new(field, &json!(text), fix));
    }
    time
}
