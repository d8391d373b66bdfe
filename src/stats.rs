//! The names of everything that is counted, defined once.
//!
//! The proxy puts `wasmcustom.` before each. The shipped bootstrap's `stats_tags`
//! take rollout and version out again, so that Prometheus sees
//! `verdigris_requests{rollout="assistant-v8",version="green"}`.

use std::fmt;

use crate::assign::{Reason, Version};

/// The `phase` gauge's value while the weights are set by hand.
pub const PHASE_BY_HAND: u64 = 5;

/// A counter that each version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests that were given the version.
    Requests,
    /// Those of them that got it for this reason.
    Decisions(Reason),
}

/// A gauge of the rollout as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Green's share in force, in basis points.
    GreenBp,
    /// Where the ramp stands; [`PHASE_BY_HAND`] without one.
    Phase,
    /// The ramp's step; 0 without one.
    Step,
}

/// The full name of `counter`, as the proxy is told it.
///
/// ```
/// use verdigris::assign::{Reason, Version};
/// use verdigris::stats::{Counter, counter_name};
/// assert_eq!(
///     counter_name("assistant-v8", Version::Green, Counter::Decisions(Reason::NoUnit)),
///     "verdigris.assistant-v8.green.decisions_no_unit",
/// );
/// ```
pub fn counter_name(rollout: &str, version: Version, counter: Counter) -> String {
    format!("verdigris.{rollout}.{version}.{counter}")
}

/// The full name of `gauge`, as the proxy is told it.
pub fn gauge_name(rollout: &str, gauge: Gauge) -> String {
    format!("verdigris.{rollout}.{gauge}")
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests => f.write_str("requests"),
            Self::Decisions(reason) => write!(f, "decisions_{}", reason.as_str()),
        }
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GreenBp => "green_bp",
            Self::Phase => "phase",
            Self::Step => "step",
        })
    }
}
