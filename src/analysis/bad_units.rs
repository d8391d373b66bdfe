//! How many units must meet a bad response before a rate is found worse.
//!
//! The test of a rate takes it that chance puts a unit on green. So at a share of 1 % one bad
//! unit of green multiplies the wealth of a bet by up to 22, and two or three are enough. But a client
//! that can make units can choose those that are on green, because the hash that assigns versions
//! has no secret. Then a unit of green is as cheap as one of blue. So at every share as many
//! units are needed as at an even one, where one bad unit of green at most doubles the wealth:
//! `log2(1/α)` of them.
//!
//! Values need no such rule. One unit's first value multiplies the wealth of a bet by at most
//! 1.9, since no stake is larger than 0.9; and its later values count only beside those of
//! [many units](super::value_stats::MIN_UNITS_FOR_HARM).

use super::gate_stats::GateStats;
use super::step_stats::StepStats;

/// The least number of units, however large α is.
const MIN_UNITS: f64 = 3.0;

/// The number of distinct units of green that must have a bad response before a gate on a rate
/// may find green worse: `log2(1/α)`, rounded up, and at least 3. With the default α of 0.05 it
/// is 5, with 0.001 it is 10.
///
/// ```
/// use verdigris::analysis::bad_units::min_bad_units;
/// assert_eq!([0.5, 0.05, 0.01, 0.001].map(min_bad_units), [3, 5, 7, 10]);
/// ```
pub fn min_bad_units(alpha: f64) -> u64 {
    libm::ceil(-libm::log2(alpha)).max(MIN_UNITS) as u64
}

/// Green's units with a bad response, over all steps: each counts in the step that exposed it.
/// `None` for a gate on values, and before the first step has evidence.
fn green_bad_units(steps: &[StepStats], gate: usize) -> Option<u64> {
    let rates = steps.iter().filter_map(|step| match step.gates.get(gate)? {
        GateStats::Rate(stats) => Some(stats.units_with_event().green),
        GateStats::Values(_) => None,
    });
    rates.reduce(|sum, units| sum + units)
}

/// How many more units of green must have a bad response before the gate may find green worse.
pub(super) fn missing_bad_units(steps: &[StepStats], gate: usize, alpha: f64) -> u64 {
    green_bad_units(steps, gate).map_or(0, |units| min_bad_units(alpha).saturating_sub(units))
}
