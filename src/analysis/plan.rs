//! By what rules the judge judges.

use super::metric::{Comparison, Metric};
use super::probability::Probability;
use super::rate_ratio::RateRatioBets;

/// The rules of one ramp.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalysisPlan {
    /// What is looked at.
    pub gates: Vec<Gate>,
    /// The steps that compare green with blue.
    pub steps: Vec<StepDesign>,
    /// The chance that a green that is not worse is rolled back, over the whole ramp.
    pub alpha: f64,
    /// The chance, of each step, that a green that is worse by the tolerance passes.
    pub beta: f64,
    /// What counts as an observation.
    pub unit: AnalysisUnit,
    /// How long after a step's beginning responses must end to count for going on, in
    /// nanoseconds; see [`Evidence::begin_step`](super::Evidence::begin_step).
    pub warmup_ns: u64,
    /// How many units of a step are remembered. Above it, some no longer count.
    pub max_units: usize,
}

/// A metric, and by how much green may be worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// What was said of it.
    pub spec: GateSpec,
    steps: Vec<GateStepParams>,
}

/// What is to be said of a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSpec {
    /// What is compared.
    pub metric: Metric,
    /// By how much green may be worse before that counts as worse; in the terms of
    /// [`Metric::default_margin`].
    pub margin: f64,
    /// For each step, by how much green must be shown not to be worse to go on. The
    /// last one holds for the steps after it.
    pub tolerance: Vec<f64>,
    /// A rate that nobody minds: one that is worse than it by less than the tolerance is
    /// safe whatever blue's is.
    pub ceiling: Option<f64>,
    /// Whether it decides, or is only watched.
    pub is_critical: bool,
    /// Whether the operator asked for it. One by default that finds nothing to look at
    /// on blue is left out; one that was asked for holds.
    pub is_named: bool,
}

/// What a gate has ready for one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateStepParams {
    /// By how much green must be shown not to be worse.
    pub tolerance: f64,
    /// The rate below which green is safe whatever blue's is.
    ///
    /// It grows with the tolerance: at a share of 1 %, 20,000 users are 200, who cannot
    /// show a rate below 1 % even if nothing ever fails.
    pub ceiling: Option<f64>,
    /// By how much green may be worse.
    pub margin: f64,
    /// The chance of a unit that was on blue before the step to be green's.
    pub new: Probability,
    /// The chance of a unit to be green's.
    pub all: Probability,
    /// The bets against "green's rate is not worse".
    pub harm: RateRatioBets,
    /// The bets against "green's rate is worse by the tolerance".
    pub non_inferiority: RateRatioBets,
}

/// A step of the ramp that compares green with blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDesign {
    /// The chance of a unit to be green's.
    pub all: Probability,
    /// The chance of a unit that was on blue before the step to be green's.
    pub new: Probability,
}

/// What counts as an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnalysisUnit {
    /// Each unit once: by its first response, first bad response and first value in a
    /// step. The one that is valid where units keep their version.
    Units,
    /// Every request: for those who route each request anew.
    EveryRequest,
}

/// How many units of a step are remembered by default: some 2 MiB.
pub const MAX_UNITS: usize = 1 << 16;

/// The rate that nobody minds, by default.
pub const CEILING: f64 = 0.01;

// === impl Gate ===

impl Gate {
    /// A gate over these steps.
    pub fn new(terms: GateSpec, steps: &[StepDesign]) -> Self {
        let step = |(at, step): (usize, &StepDesign)| {
            let given = terms.tolerance.get(at).or(terms.tolerance.last());
            let tolerance = given.copied().unwrap_or(terms.margin);
            GateStepParams {
                tolerance,
                ceiling: terms.ceiling.map(|ceiling| ceiling * (1.0 + tolerance)),
                margin: terms.margin,
                new: step.new,
                all: step.all,
                harm: RateRatioBets::for_harm(step.new, terms.margin),
                non_inferiority: RateRatioBets::for_non_inferiority(step.all, tolerance),
            }
        };
        let steps = steps.iter().enumerate().map(step).collect();
        Self { spec: terms, steps }
    }

    /// What it has ready for each step.
    pub fn steps(&self) -> &[GateStepParams] {
        &self.steps
    }
}

// === impl Terms ===

impl GateSpec {
    /// What holds of the gate on `metric` where nothing else is said, for steps of these
    /// shares of traffic.
    pub fn with_defaults(metric: Metric, shares: &[f64]) -> Self {
        Self {
            metric,
            margin: metric.default_margin(),
            tolerance: shares.iter().map(|share| metric.default_tolerance(*share)).collect(),
            ceiling: (metric.comparison() == Comparison::Rate).then_some(CEILING),
            is_critical: true,
            is_named: false,
        }
    }
}

// === impl Step ===

impl StepDesign {
    /// The steps of a ramp through these shares of traffic, each between 0 and 1. A
    /// step without a blue, or with no more of green than the one before, compares
    /// nothing and is left out.
    pub fn from_shares(shares: &[f64]) -> Vec<Self> {
        let mut before = 0.0;
        let step = |share: &f64| {
            let new = Probability::of_new_unit(std::mem::replace(&mut before, *share), *share)?;
            Some(Self { all: Probability::new(*share)?, new })
        };
        shares.iter().filter_map(step).collect()
    }

    /// As [`Self::from_shares`], where in each step only as many of blue's units are
    /// compared as green's new ones are.
    pub fn with_equal_control(shares: &[f64]) -> Vec<Self> {
        let mut before = 0.0;
        let step = |share: &f64| {
            let new = share - std::mem::replace(&mut before, *share);
            Some(Self {
                all: Probability::new(share / (share + new))?,
                new: Probability::new(0.5)?,
            })
        };
        shares.iter().filter(|share| **share < 1.0).filter_map(step).collect()
    }

    /// The steps of a ramp through these shares where a unit is what begins in a step and
    /// keeps its version: green's chance is the share, or a half where as many of blue's
    /// are compared.
    pub fn of_conversation_starts(shares: &[f64], has_equal_control: bool) -> Vec<Self> {
        let step = |share: &f64| {
            let chance = Probability::new(if has_equal_control { 0.5 } else { *share })?;
            Some(Self { all: chance, new: chance })
        };
        shares.iter().filter(|share| **share < 1.0).filter_map(step).collect()
    }
}
