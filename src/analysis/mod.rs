//! Is green worse? Sequential tests that stay valid at every look.
//!
//! | file | concept |
//! |---|---|
//! | [`plan`] | what is compared, and with which error rates |
//! | [`metric`] | the metrics |
//! | [`measurements`], [`observation`] | what is known of one response; one request as evidence |
//! | [`evidence`] | from observations to sums |
//! | `evidence_memory` | what of the evidence is only in the leader's memory |
//! | [`step_stats`], [`gate_stats`] | the sums of one step, and of one gate in it |
//! | [`rate_stats`], [`value_stats`] | the sums of a gate on a rate, and on values |
//! | [`seen_units`], [`unit_flags`] | which units have been counted already |
//! | [`bad_units`] | how many units must meet a bad response before a rate is found worse |
//! | [`influence`] | how many units a client needs to force a verdict |
//! | [`wealth`] | e-processes: the wealth of eight bets |
//! | [`rate_ratio`], [`absolute_rate`] | bets on rates: against blue's, and against a ceiling |
//! | [`value_bets`], [`mann_whitney`], [`block`] | bets on values: by rank, in blocks |
//! | [`censored_value`] | a value that may be known only to be at least so large |
//! | [`thresholds`] | times learned from blue and frozen: the objective, and quantiles |
//! | [`repeated_values`], [`score_groups`] | values of units that come again, and the variance of their mean |
//! | [`adjustment`], [`request_class`] | values adjusted by what their request reveals |
//! | [`unit_past`] | values adjusted by what is usual for their unit |
//! | [`outage`] | times after an outage, in which only failures count |
//! | [`harm`] | the evidence of one gate that green is worse: two tests |
//! | [`across_steps`] | one e-value over all steps |
//! | [`repeated_events`] | bad responses of units that come again, and the variance of their number |
//! | [`repeats`] | how much one unit counts in a period |
//! | [`period`] | tests that restart: late regressions; heavy units |
//! | [`design_effect`] | how much many requests of few users overstate the evidence |
//! | [`sample_ratio`] | whether the ratio of units matches the weights |
//! | [`coverage`] | whether a metric is known equally often on both versions |
//! | [`known_fraction`] | the fraction of recent responses for which a rate is known |
//! | [`paired_evidence`], [`paired_rate`], [`paired_value`] | both versions' responses to the same request |
//! | [`paired_analysis`] | the analysis of a shadow step |
//! | [`step_analysis`], [`gate_analysis`] | the analysis of a step, and of one gate |
//! | [`verdict`] | worse, safe, or not yet known |
//! | [`tripwire`], [`tripwire_window`] | limits that roll back at once |
//! | [`confidence_sequence`], [`moments`] | intervals for display |
//! | [`power`] | the expected time to detect a regression |
//! | [`probability`], [`by_version`], [`step_index`] | small types |
//!
//! Each look asks two questions. *Is green worse than the margin allows?* (harm) is tested over
//! the whole ramp; a wrong yes has a probability of at most α. *Is green safe, that is not worse
//! by the tolerance?* (non-inferiority) is tested in each step; for each gate a wrong yes has a
//! probability of at most β. Between the two, and without data, the ramp holds.
//!
//! All state is sums, so what workers or machines have seen separately combines by addition.
//! Logarithms and exponentials come from the `libm` crate on every platform, so that a
//! recording gives the numbers that the filter had.

pub mod absolute_rate;
pub mod across_steps;
pub mod adjustment;
pub mod bad_units;
pub mod block;
pub mod by_version;
pub mod censored_value;
pub mod confidence_sequence;
pub mod coverage;
pub mod design_effect;
pub mod evidence;
mod evidence_memory;
pub mod gate_analysis;
pub mod gate_stats;
pub mod harm;
#[cfg(not(target_arch = "wasm32"))]
pub mod influence;
pub mod known_fraction;
pub mod mann_whitney;
pub mod measurements;
pub mod metric;
pub mod moments;
pub mod observation;
pub mod outage;
pub mod paired_analysis;
pub mod paired_evidence;
pub mod paired_rate;
pub mod paired_value;
pub mod period;
pub mod plan;
pub mod power;
pub mod probability;
pub mod rate_ratio;
pub mod rate_stats;
pub mod repeated_events;
pub mod repeated_values;
pub mod repeats;
pub mod request_class;
pub mod sample_ratio;
pub mod score_groups;
pub mod seen_units;
pub mod step_analysis;
pub mod step_index;
pub mod step_stats;
pub mod thresholds;
pub mod tripwire;
pub mod tripwire_window;
mod undo_log;
pub mod unit_flags;
pub mod unit_past;
pub mod value_bets;
pub mod value_stats;
pub mod verdict;
pub mod wealth;

pub use by_version::ByVersion;
pub use censored_value::CensoredValue;
pub use coverage::Coverage;
pub use evidence::Evidence;
pub use gate_analysis::GateAnalysis;
pub use gate_stats::GateStats;
pub use measurements::Measurements;
pub use metric::Metric;
pub use observation::{Observation, StepObservation};
pub use paired_analysis::{PairedAnalysis, PairedGateAnalysis};
pub use paired_evidence::PairedEvidence;
pub use plan::{AnalysisPlan, AnalysisUnit, Gate, GateSpec, StepDesign};
pub use probability::Probability;
pub use request_class::RequestClass;
pub use step_analysis::Analysis;
pub use step_index::StepIndex;
pub use thresholds::Thresholds;
pub use tripwire::{Reading, Tripwire};
pub use tripwire_window::TripwireWindow;
pub use unit_flags::UnitFlags;
pub use value_stats::ValueStats;
pub use verdict::Verdict;
