//! From observations to what the bets are played with: repeats dropped, blocks formed.
//!
//! Whoever gathers the observations of a tick, from however many workers, hands them
//! over together. They are put into an order of their own first, so that the same
//! observations give the same state whoever had them.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::gate_stats::GateStats;
use super::metric::{Comparison, Metric};
use super::observation::{InOrder, Observation};
use super::plan::{AnalysisPlan, AnalysisUnit};
use super::seen_units::SeenUnits;
use crate::assignment::Version;

/// All that is known of a ramp. It grows with gates and steps, and with units up to a
/// bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Of each step so far.
    pub steps: Vec<StepStats>,
    /// From when each step gets warm.
    began: Vec<u64>,
    /// The units of the newest steps. They are many, and written down on their own: see
    /// [`Evidence::new_marks`].
    #[serde(skip)]
    seen: Vec<(u16, SeenUnits)>,
    /// What the last tick has added to them.
    #[serde(skip)]
    new_marks: Vec<UnitFlags>,
    /// Observations that came when their step's units were forgotten.
    pub late: u64,
}

/// What is known of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepStats {
    /// Units that were given a version in the step and were on blue before it. They count
    /// when they are assigned, not when they are answered: the answers of a slow version end
    /// late.
    pub units: ByVersion<u64>,
    /// Of each gate, in the order of the rules.
    pub gates: Vec<GateStats>,
    /// Of each gate, of how many units its metric is known.
    pub coverage: Vec<Coverage>,
}

/// Of how many units that were on blue before the step a metric is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Units with a response of which it is known.
    pub known: ByVersion<u64>,
    /// Units with a response that should tell of it and does not.
    pub missing: ByVersion<u64>,
}

/// What was newly seen of a unit, for the memory that is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitFlags {
    /// In which step.
    pub step: u16,
    /// The unit's hash.
    pub unit: u64,
    /// What it was the first of.
    pub flags: u64,
}

/// The units of how many steps are remembered: those of the step at hand, and of the one
/// before, whose answers may still be under way.
const REMEMBERED_STEPS: usize = 2;

/// The mark of a unit that was assigned in the step and was on blue before. Below it, each
/// metric has four.
const ANY: u64 = 1 << (Metric::ALL.len() * 4);

/// A unit's marks for one metric.
#[derive(Clone, Copy)]
struct FirstFlags {
    /// Its first bad response, or its first value, if it was on blue before: what a
    /// rollback is decided by.
    worse: u64,
    /// Its first response since the step is warm.
    safe: u64,
    /// Its first response of which the metric is known, if it was on blue before.
    known: u64,
    /// Its first response that should tell of the metric and does not, likewise.
    missing: u64,
}

// === impl Evidence ===

impl Evidence {
    /// Notes when a step began, on the clock of the observations; or, of the newest, when it
    /// went on after other shares than its own.
    ///
    /// In a step's first moments only short answers have ended: a slower green looks as
    /// fast as blue then, its slow answers being under way. So nothing counts for going
    /// on that ends before the step is warm; and nothing does in a step of which it is
    /// not known when it began.
    pub fn begin_step(&mut self, step: usize, at: u64) {
        self.began.resize(step, at);
        self.began.push(at);
    }

    /// Takes in a tick's observations, which are then gone.
    pub fn add(&mut self, rules: &AnalysisPlan, observations: &mut Vec<Observation>) {
        // A heap's code is a fifteenth of what the standard library has for sorting.
        let in_order: BinaryHeap<_> = observations.drain(..).map(InOrder).collect();
        self.new_marks.clear();
        for InOrder(observation) in in_order.into_sorted_vec() {
            self.add_one(rules, &observation);
        }
        for (at, book) in self.steps.iter_mut().enumerate() {
            for (gate, book) in rules.gates.iter().zip(&mut book.gates) {
                if let Some(step) = gate.steps().get(at) {
                    book.tick(&gate.spec, step);
                }
            }
        }
    }

    /// Takes in what was gathered elsewhere under the same rules, of other units.
    pub fn merge(&mut self, other: &Self) {
        for (at, from) in other.steps.iter().enumerate() {
            let Some(to) = self.steps.get_mut(at) else {
                self.steps.push(from.clone());
                continue;
            };
            to.units += from.units;
            for (to, from) in to.coverage.iter_mut().zip(&from.coverage) {
                to.known += from.known;
                to.missing += from.missing;
            }
            for (to, from) in to.gates.iter_mut().zip(&from.gates) {
                to.merge(from);
            }
        }
        self.late += other.late;
    }

    /// What the last tick has added to the memory of units.
    pub fn new_flags(&self) -> &[UnitFlags] {
        &self.new_marks
    }

    /// Puts what was written down of units back.
    pub fn restore(&mut self, rules: &AnalysisPlan, marks: UnitFlags) {
        let UnitFlags { step, unit, flags: marks } = marks;
        if let Some(seen) = self.seen_in(step) {
            seen.mark(unit, marks, rules.max_units);
        }
    }

    /// How many units are remembered.
    pub fn remembered_units(&self) -> usize {
        self.seen.iter().map(|(_, seen)| seen.len()).sum()
    }

    fn add_one(&mut self, rules: &AnalysisPlan, observation: &Observation) {
        let Observation { unit, epoch: step, version, measurements: told, .. } = *observation;
        let at = usize::from(step);
        if at >= rules.steps.len() {
            return;
        }
        let Some(new) = self.mark(rules, observation) else { return };
        if self.steps.len() <= at {
            let gates: Vec<_> =
                rules.gates.iter().map(|gate| GateStats::for_metric(gate.spec.metric)).collect();
            let coverage = vec![Coverage::default(); gates.len()];
            self.steps.resize(at + 1, StepStats { units: ByVersion::default(), gates, coverage });
        }
        let is_warm = self.is_warm(rules, observation);
        let Some(book) = self.steps.get_mut(at) else { return };
        *book.units.get_mut(version) += u64::from(new & ANY != 0);
        let gates = rules.gates.iter().zip(&mut book.gates).zip(&mut book.coverage);
        for ((gate, book), coverage) in gates {
            let (metric, margin) = (gate.spec.metric, gate.spec.margin);
            let marks = FirstFlags::for_metric(metric);
            let (is_worse, is_safe) = (new & marks.worse != 0, new & marks.safe != 0);
            *coverage.known.get_mut(version) += u64::from(new & marks.known != 0);
            *coverage.missing.get_mut(version) += u64::from(new & marks.missing != 0);
            let Some(step) = gate.steps().get(at) else { continue };
            match book {
                GateStats::Rate(book) => {
                    // What is missing on blue cannot be seen there; what is on green is
                    // not to be made up for.
                    let is_known = told.is_known(metric);
                    let is_missing = !is_known && told.is_missing(metric);
                    if told.is_response() && !(is_missing && version == Version::Green) {
                        book.record_coverage(version, is_known);
                    }
                    let Some(is_bad) = told.is_bad(metric) else { continue };
                    if is_worse {
                        book.add_unit_with_event(version);
                    }
                    if is_warm {
                        book.add(version, unit, is_bad, is_safe);
                    }
                }
                GateStats::Values(book) => {
                    let vote = || Some(f64::from(u8::from(told.is_bad(metric)?)));
                    let Some(value) = told.value_of(metric).or_else(vote) else { continue };
                    if is_worse {
                        book.add_for_harm(version, value, margin);
                    }
                    if is_safe {
                        book.add_for_non_inferiority(version, value, step.tolerance);
                    }
                }
            }
        }
    }

    fn is_warm(&self, rules: &AnalysisPlan, observation: &Observation) -> bool {
        let began = self.began.get(usize::from(observation.epoch));
        began.is_some_and(|began| observation.at_ns >= began.saturating_add(rules.warmup_ns))
    }

    /// What the observation is the first of for its unit. `None` where it must not
    /// count.
    fn mark(&mut self, rules: &AnalysisPlan, observation: &Observation) -> Option<u64> {
        let told = &observation.measurements;
        let is_warm = self.is_warm(rules, observation);
        let is_assigned = observation.is_newly_exposed && observation.is_assignment;
        let any = if is_assigned { ANY } else { 0 };
        let marks = rules.gates.iter().fold(any, |all, gate| {
            let metric = gate.spec.metric;
            let marks = FirstFlags::for_metric(metric);
            let mark = |is: bool, mark: u64| if is { mark } else { 0 };
            let all =
                all | mark(observation.is_newly_exposed && told.is_missing(metric), marks.missing);
            let Some(is_bad) = told.is_bad(metric) else { return all };
            let tells = is_bad || metric.comparison() != Comparison::Rate;
            all | mark(observation.is_newly_exposed, marks.known)
                | mark(tells && observation.is_newly_exposed, marks.worse)
                | mark(is_warm, marks.safe)
        });
        if rules.unit == AnalysisUnit::EveryRequest {
            return Some(marks);
        }
        let Observation { epoch: step, unit, .. } = *observation;
        let Some(seen) = self.seen_in(step) else {
            self.late += 1;
            return None;
        };
        let new = seen.mark(unit, marks, rules.max_units);
        if let Some(marks) = new.filter(|new| *new != 0) {
            self.new_marks.push(UnitFlags { step, unit, flags: marks });
        }
        new
    }

    /// The units of a step; `None` where they are forgotten. Those of the oldest step are,
    /// when a newer one has units, and at the latest when two newer ones have begun: from
    /// then on they are not written down any more.
    fn seen_in(&mut self, step: u16) -> Option<&mut SeenUnits> {
        if usize::from(step) + REMEMBERED_STEPS < self.began.len() {
            return None;
        }
        let at = self.seen.partition_point(|(it, _)| *it < step);
        if self.seen.get(at).is_none_or(|(it, _)| *it != step) {
            if at == 0 && self.seen.len() >= REMEMBERED_STEPS {
                return None;
            }
            self.seen.insert(at, (step, SeenUnits::default()));
        }
        let at = if self.seen.len() > REMEMBERED_STEPS { at - 1 } else { at };
        if self.seen.len() > REMEMBERED_STEPS {
            self.seen.remove(0);
        }
        self.seen.get_mut(at).map(|(_, seen)| seen)
    }
}

// === impl Marks ===

impl FirstFlags {
    fn for_metric(metric: Metric) -> Self {
        let at = metric as u32;
        let metrics = Metric::ALL.len() as u32;
        let mark = |kind: u32| 1 << (at + kind * metrics);
        Self { worse: mark(0), safe: mark(1), known: mark(2), missing: mark(3) }
    }
}
