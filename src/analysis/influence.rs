//! How many units decide: what a client that makes units needs to force a verdict on a rate.
//!
//! The numbers are those of the analysis itself, for one gate on a rate and one step, with the
//! expected numbers of bad responses from everyone else. Other gates have no evidence, earlier
//! steps had no bad responses, and the client's units have one bad response each, all in one
//! [period](super::period).

use super::across_steps;
use super::bad_units::min_bad_units;
use super::by_version::ByVersion;
use super::harm;
use super::period::PERIODS_ALPHA;
use super::plan::{AnalysisPlan, Gate, GateStepParams};
use super::step_index::StepIndex;
use super::wealth::Wealth;

/// Above this number of units the search ends.
const MAX_UNITS: u64 = 1 << 40;

/// A step, seen by a client that makes units.
#[derive(Clone, Copy, Debug)]
pub struct StepUnderAttack<'a> {
    plan: &'a AnalysisPlan,
    params: &'a GateStepParams,
    step: StepIndex,
}

// === impl StepUnderAttack ===

impl<'a> StepUnderAttack<'a> {
    /// A step of a plan, and a gate on a rate of it; `None` if the step compares nothing.
    pub fn new(plan: &'a AnalysisPlan, gate: &'a Gate, step: StepIndex) -> Option<Self> {
        Some(Self { plan, params: gate.params(step)?, step })
    }

    /// How many additional units of green must have a bad response so that the ramp rolls back,
    /// if these numbers of units have had one in the step. `None` if no number is enough.
    pub fn units_to_roll_back(&self, bad_units: ByVersion<u64>) -> Option<u64> {
        least(|units| {
            let green = bad_units.green + units;
            self.is_harmful(ByVersion { green, ..bad_units })
        })
    }

    /// How many additional units of blue must have a bad response so that green passes the gate
    /// and the ramp does not roll back, if these numbers of requests have had one in the step
    /// since the warm-up, each of another unit. `None` if no number is enough.
    ///
    /// Each of them needs `r / (1 − r)` units on green without a bad response, where `r` is
    /// green's share: otherwise the ratio of units does not match, and the ramp holds.
    pub fn units_to_pass(&self, bad_requests: ByVersion<u64>) -> Option<u64> {
        // Green exceeds the ceiling, so that this half of the evidence is lost.
        let needed = self.plan.pass_log_e() + core::f64::consts::LN_2;
        let with = |units| ByVersion { blue: bad_requests.blue + units, ..bad_requests };
        let passes = |units| self.params.non_inferiority.wealth(with(units)).log_mean() >= needed;
        least(|units| passes(units) && !self.is_harmful(with(units)))
    }

    fn is_harmful(&self, bad_units: ByVersion<u64>) -> bool {
        let wealth = self.params.harm.wealth(bad_units);
        let mut by_step = vec![Wealth::default(); self.step.get()];
        by_step.push(wealth);
        let first = across_steps::log_e(&by_step, self.plan.steps.len());
        let log_e = harm::with_repeated(self.plan, self.step, first, || wealth.log_mean());
        let log_gates = libm::log(self.plan.critical_gates().max(1) as f64);
        let log_alpha_fraction = libm::log(1.0 - PERIODS_ALPHA);
        bad_units.green >= min_bad_units(self.plan.alpha)
            && log_e + log_alpha_fraction - log_gates >= self.plan.rollback_log_e()
    }
}

/// The least number for which `is_enough`, which holds for all larger ones too.
fn least(is_enough: impl Fn(u64) -> bool) -> Option<u64> {
    let powers = std::iter::successors(Some(1_u64), |it| Some(it * 2));
    let enough = powers.take_while(|it| *it <= MAX_UNITS).find(|it| is_enough(*it))?;
    let (mut low, mut high) = (0, enough);
    while low < high {
        let middle = low.midpoint(high);
        if is_enough(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}
