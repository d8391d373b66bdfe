//! How the difference of each gate has developed, for display.
//!
//! The leader adds a sample every few seconds. When there are too many, it drops every other one
//! and samples half as often, so that the history covers the whole ramp in a bounded size.

use serde::{Deserialize, Serialize};

use super::clocks::{Clocks, SECOND_NS};
use super::phase::Phase;
use super::spec::RampSpec;
use super::state::RampState;
use super::store::{Record, RolloutStore, WriteCondition};
use crate::analysis::{GateAnalysis, Metric, StepIndex};
use crate::assignment::Epoch;

/// Samples of the gates' differences, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferenceHistory {
    /// The time between two samples, in milliseconds.
    every_ms: u64,
    samples: Vec<DifferenceSample>,
    /// When the leader has last looked for values, in milliseconds since 1970.
    #[serde(skip)]
    looked_at_ms: u64,
}

/// The gates' differences at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferenceSample {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The step whose responses are compared.
    pub step: StepIndex,
    /// The epoch of the step.
    epoch: Epoch,
    /// The phase.
    phase: Phase,
    /// How long the step had lasted, in seconds, without the time in which an operator's share replaced it.
    pub in_step_s: u64,
    /// Units that were new on green in the step.
    pub green_units: u64,
    /// The evidence for safe of the gate with the least, as a fraction of what advances; 0 where no gate
    /// decides.
    pub safe: f64,
    /// The gates with a value on both versions.
    pub gates: Vec<GateDifference>,
}

/// The difference of one gate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateDifference {
    /// The gate's metric.
    pub metric: Metric,
    /// Blue's mean.
    pub blue: f64,
    /// Green's mean.
    pub green: f64,
    /// The limits of the confidence interval of green's mean minus blue's.
    pub limits: Option<(f64, f64)>,
}

/// The shortest time between two samples, in milliseconds.
const MIN_EVERY_MS: u64 = 5_000;
/// The time after which the leader looks again where no gate had a value, in milliseconds. Each
/// look is an analysis.
const LOOK_EVERY_MS: u64 = 2_000;
/// How many samples are kept.
pub const MAX_SAMPLES: usize = 48;

// === impl DifferenceHistory ===

impl DifferenceHistory {
    /// The samples, the oldest first.
    pub fn samples(&self) -> &[DifferenceSample] {
        &self.samples
    }

    /// Adds a sample of the state, if it is time for one or the ramp has just rolled back. Returns
    /// whether it was added.
    pub fn record(&mut self, spec: &RampSpec, state: &RampState, now: Clocks) -> bool {
        if !self.is_due(state, now) {
            return false;
        }
        self.looked_at_ms = now.unix_ms;
        let Some(analysis) = state.analyse(spec) else { return false };
        let gates: Vec<_> = analysis.gates.iter().filter_map(GateDifference::new).collect();
        if gates.is_empty() {
            return false;
        }
        self.push(DifferenceSample {
            at_ms: now.unix_ms,
            step: state.step,
            epoch: state.epoch,
            phase: state.phase,
            in_step_s: state.time_in_step_ns(now) / SECOND_NS,
            green_units: analysis.units.green,
            safe: analysis.least_safe(&spec.analysis).unwrap_or_default(),
            gates,
        });
        true
    }

    /// The newest sample of an epoch that was taken when its step had lasted at most so long, in seconds.
    pub fn sample_until(&self, epoch: Epoch, in_step_s: u64) -> Option<&DifferenceSample> {
        let of_epoch = self.samples.iter().rev().filter(|it| it.epoch == epoch);
        of_epoch.into_iter().find(|it| it.in_step_s <= in_step_s)
    }

    /// Adds the last sample again, because nothing has changed since.
    pub(super) fn repeat(&mut self, now: Clocks) {
        self.looked_at_ms = now.unix_ms;
        if let Some(last) = self.samples.last().cloned() {
            self.push(DifferenceSample { at_ms: now.unix_ms, ..last });
        }
    }

    /// Whether it is time for a sample. After a rollback the evidence does not change: the first sample
    /// is the last one.
    pub(super) fn is_due(&self, state: &RampState, now: Clocks) -> bool {
        let may_look = now.unix_ms.abs_diff(self.looked_at_ms) >= LOOK_EVERY_MS;
        let Some(last) = self.samples.last() else { return may_look };
        if state.phase == Phase::RolledBack {
            return last.phase != Phase::RolledBack;
        }
        let is_old = now.unix_ms.abs_diff(last.at_ms) >= self.every_ms;
        (last.epoch != state.epoch || is_old) && may_look
    }

    fn push(&mut self, sample: DifferenceSample) {
        // The ramp has begun again, and its earlier evidence is forgotten.
        let is_later = |last: &DifferenceSample| {
            last.step < sample.step || (last.step, last.epoch) == (sample.step, sample.epoch)
        };
        if !self.samples.last().is_none_or(is_later) {
            *self = Self::default();
        }
        self.samples.push(sample);
        if self.samples.len() > MAX_SAMPLES {
            self.every_ms = self.every_ms.saturating_mul(2);
            // Of an odd number of samples the first and the last stay.
            let mut index = 0_usize;
            self.samples.retain(|_| {
                index += 1;
                !index.is_multiple_of(2)
            });
        }
    }

    /// Reads the stored history; an empty one where there is none that can be decoded.
    pub async fn load(store: &impl RolloutStore) -> Self {
        let found = store.read(Record::Differences).await.ok().flatten();
        found.and_then(|it| postcard::from_bytes(&it.value).ok()).unwrap_or_default()
    }

    /// Writes the history. A write that fails is repeated with the next sample.
    pub async fn write(&self, store: &impl RolloutStore) {
        if let Ok(bytes) = postcard::to_allocvec(self) {
            let _ = store.write(Record::Differences, &bytes, WriteCondition::Always).await;
        }
    }
}

impl Default for DifferenceHistory {
    fn default() -> Self {
        Self { every_ms: MIN_EVERY_MS, samples: Vec::new(), looked_at_ms: 0 }
    }
}

// === impl GateDifference ===

impl GateDifference {
    /// The difference of a gate; `None` while a version has no value.
    fn new(gate: &GateAnalysis) -> Option<Self> {
        let (blue, green) = (gate.means.blue?, gate.means.green?);
        let limits = gate.interval.and_then(|it| it.limits()).filter(|it| it.low < it.high);
        let limits = limits.map(|it| (it.low, it.high));
        Some(Self { metric: gate.metric, blue, green, limits })
    }
}
