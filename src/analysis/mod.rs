//! Is green worse? Exact statistics that may be looked at all the time.
//!
//! | file | concept |
//! |---|---|
//! | [`wealth`] | the capital of eight bets, which is all that evidence is |
//! | [`rate_ratio`], [`mann_whitney`] | what is bet on: bad events, and the ranks of values |
//! | [`absolute_rate`] | a rate that is low in itself |
//! | [`design_effect`] | by how much many requests of few users overstate |
//! | [`across_steps`] | one e-value of several steps |
//! | [`metric`], [`plan`] | what is looked at, and by what rules |
//! | [`observation`] | what one response tells |
//! | [`evidence`], [`seen_units`], [`block`], [`gate_stats`] | from observations to sums |
//! | [`verdict`] | worse, safe, or not yet to be told |
//! | [`sample_ratio`] | whether units are divided as they should be |
//! | [`coverage`] | whether a metric is known equally well of both versions |
//! | [`known_fraction`] | of which part of each version's responses it is known, lately |
//! | [`tripwire`] | a green that is simply broken |
//! | [`confidence_sequence`] | what to show people |
//! | [`power`] | how long it will take |
//! | [`probability`], [`by_version`] | a chance; one thing for each version |
//!
//! Two questions are asked at each look. *Is green worse than the margin allows?* is
//! answered over the whole ramp, and with a chance of at most α ever wrongly with yes.
//! *Is green safe, not worse by the tolerance?* is answered anew in each step, for each
//! gate with a chance of at most β ever wrongly with yes. Between the two, and without
//! data, the answer is "hold".
//!
//! All state is sums, so what workers or machines have seen apart is put together by
//! addition. Logarithms and exponentials are those of the `libm` crate wherever this
//! runs, so that a recording gives the numbers that the filter had.

pub mod absolute_rate;
pub mod across_steps;
pub mod block;
pub mod by_version;
pub mod confidence_sequence;
pub mod coverage;
pub mod design_effect;
pub mod evidence;
pub mod gate_stats;
pub mod known_fraction;
pub mod mann_whitney;
pub mod metric;
pub mod observation;
pub mod plan;
pub mod power;
pub mod probability;
pub mod rate_ratio;
pub mod sample_ratio;
pub mod seen_units;
pub mod tripwire;
pub mod verdict;
pub mod wealth;

pub use by_version::ByVersion;
pub use evidence::{Coverage, Evidence};
pub use metric::Metric;
pub use observation::{Measurements, Observation};
pub use plan::{AnalysisPlan, AnalysisUnit, Gate, GateSpec, StepDesign};
pub use probability::Probability;
pub use tripwire::{Reading, Tripwire};
pub use verdict::{Analysis, GateAnalysis, Verdict};
