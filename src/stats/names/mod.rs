//! The names of all metrics, defined once.
//!
//! | file | concept |
//! |---|---|
//! | [`scope`] | what a metric is counted for: a version, or the shadow |
//! | [`counter`] | the counters of requests, responses and feedback |
//! | [`evidence_counter`] | the counters of the evidence that gates have used |
//! | [`histogram`] | the histograms of responses |
//! | [`gauge`] | the gauges of the rollout |
//!
//! Envoy puts `wasmcustom.` before each name. The `stats_tags` of the shipped bootstrap
//! extract rollout and version, so that Prometheus has
//! `verdigris_requests{rollout="assistant-v8",version="green"}`.

use std::fmt;

use crate::assignment::Version;

pub mod counter;
pub mod evidence_counter;
pub mod gauge;
pub mod histogram;
pub mod scope;

pub use counter::Counter;
pub use evidence_counter::EvidenceCounter;
pub use gauge::{Gauge, PHASE_MANUAL};
pub use histogram::Histogram;
pub use scope::StatScope;

/// The full name of a counter or histogram, as the filter defines it.
///
/// ```
/// use verdigris::assignment::{Reason, Version};
/// use verdigris::stats::{StatScope, Counter, metric_name};
/// let green = StatScope::Of(Version::Green);
/// assert_eq!(
///     metric_name("assistant-v8", green, Counter::Decisions(Reason::NoUnit)),
///     "verdigris.assistant-v8.green.decisions_no_unit",
/// );
/// ```
pub fn metric_name(rollout: &str, scope: StatScope, metric: impl fmt::Display) -> String {
    format!("verdigris.{rollout}.{scope}.{metric}")
}

/// The full name of an evidence counter of a step, as the filter defines it.
///
/// ```
/// use verdigris::assignment::Version;
/// use verdigris::stats::{EvidenceCounter, evidence_name};
/// assert_eq!(
///     evidence_name("assistant-v8", Version::Green, EvidenceCounter::Errors, 2),
///     "verdigris.assistant-v8.green.evidence_errors.s2",
/// );
/// ```
pub fn evidence_name(
    rollout: &str,
    version: Version,
    counter: EvidenceCounter,
    step: usize,
) -> String {
    metric_name(rollout, StatScope::Of(version), format_args!("{counter}.s{step}"))
}

/// The full name of a gauge, as the filter defines it.
pub fn gauge_name(rollout: &str, gauge: Gauge) -> String {
    format!("verdigris.{rollout}.{gauge}")
}
