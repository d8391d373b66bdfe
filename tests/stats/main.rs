//! Which event is counted where.

mod evidence_counts;
mod feedback_counts;
mod gauge_values;
mod outcome_counts;
mod recent_requests;
mod request_counts;
