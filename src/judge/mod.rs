//! Is green worse? Exact statistics that may be looked at all the time.
//!
//! | file | concept |
//! |---|---|
//! | [`bets`] | the capital of eight bets, which is all that evidence is |
//! | [`rate`], [`rank`] | what is bet on: bad events, and the ranks of values |
//! | [`ceiling`] | a rate that is low in itself |
//! | [`effect`] | by how much many requests of few users overstate |
//! | [`steps`] | one e-value of several steps |
//! | [`metric`], [`rules`] | what is looked at, and by what rules |
//! | [`observation`] | what one response tells |
//! | [`evidence`], [`seen`], [`block`], [`book`] | from observations to sums |
//! | [`verdict`] | worse, safe, or not yet to be told |
//! | [`mismatch`] | whether units are divided as they should be |
//! | [`coverage`] | whether a metric is known equally well of both versions |
//! | [`exposure`] | of which part of each version's responses it is known, lately |
//! | [`tripwire`] | a green that is simply broken |
//! | [`interval`] | what to show people |
//! | [`plan`] | how long it will take |
//! | [`chance`], [`pair`] | a chance; one thing for each version |
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

pub mod bets;
pub mod block;
pub mod book;
pub mod ceiling;
pub mod chance;
pub mod coverage;
pub mod effect;
pub mod evidence;
pub mod exposure;
pub mod interval;
pub mod metric;
pub mod mismatch;
pub mod observation;
pub mod pair;
pub mod plan;
pub mod rank;
pub mod rate;
pub mod rules;
pub mod seen;
pub mod steps;
pub mod tripwire;
pub mod verdict;

pub use chance::Chance;
pub use evidence::{Coverage, Evidence};
pub use metric::Metric;
pub use observation::{Observation, Told};
pub use pair::Pair;
pub use rules::{Counting, Gate, Rules, Step, Terms};
pub use tripwire::{Reading, Tripwire};
pub use verdict::{GateJudgement, Judgement, Verdict};
