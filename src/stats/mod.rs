//! Metrics: their names, and which event is counted where.
//!
//! | file | concept |
//! |---|---|
//! | [`names`] | the names of all metrics |
//! | [`request_counts`] | the counters of an assigned request |
//! | [`outcome_counts`] | the counters and histograms of a response |
//! | [`feedback_counts`] | the counters of feedback |
//! | [`evidence_counts`] | the counters of the evidence that gates have used |
//! | [`gauge_values`] | the values of the gauges |
//! | [`recent_requests`] | how many requests came in the last minute |
//!
//! Everything here is pure: it computes which metric changes by how much, and its caller
//! writes that to the host.

pub mod evidence_counts;
pub mod feedback_counts;
pub mod gauge_values;
pub mod names;
pub mod outcome_counts;
pub mod recent_requests;
pub mod request_counts;

pub use evidence_counts::{EvidenceCounts, EvidenceKey};
pub use feedback_counts::{count_feedback, count_limited_feedback};
pub use gauge_values::GaugeValues;
pub use names::*;
pub use outcome_counts::{count_outcome, record_outcome};
pub use recent_requests::{RecentCounts, RecentRequests, RequestTotals};
pub use request_counts::count_request;
