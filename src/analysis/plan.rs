//! The analysis plan: what is compared, and with which error rates.

use super::metric::Metric;
use super::probability::Probability;
use super::rate_ratio::RateRatioBets;
use super::step_index::StepIndex;

/// The analysis plan of one ramp.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalysisPlan {
    /// The gates.
    pub gates: Vec<Gate>,
    /// The steps that compare green with blue.
    pub steps: Vec<StepDesign>,
    /// The probability that a green that is not worse is rolled back, over the whole ramp.
    pub alpha: f64,
    /// The probability, in each step, that a green that is worse by the tolerance passes.
    pub beta: f64,
    /// Whether the duration above which a response is slow is learned from blue.
    pub learns_objective: bool,
    /// Whether values are adjusted by what their requests reveal and by the past of their units: see
    /// [`adjustment`](super::adjustment) and [`unit_past`](super::unit_past).
    pub adjusts: bool,
    /// Whether each step compares all units. Otherwise what units are answered in a step is no part of
    /// their past: see [`unit_past`](super::unit_past).
    pub compares_all: bool,
    /// What counts as one observation.
    pub unit: AnalysisUnit,
    /// How long after a step began responses must end to count for advancing, in nanoseconds;
    /// see [`Evidence::begin_step`](super::Evidence::begin_step).
    pub warmup_ns: u64,
    /// For how long after a step began the times of responses count for nothing, in nanoseconds. A green
    /// with cold caches is slow then.
    pub cold_start_ns: u64,
    /// How many units of a step are remembered. Above it, some are ignored.
    pub max_units: usize,
}

/// A gate: a metric, and how much worse green may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// The gate's settings.
    pub spec: GateSpec,
    params: Vec<GateStepParams>,
}

/// The settings of a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSpec {
    /// The metric that is compared.
    pub metric: Metric,
    /// How much worse green may be before it counts as worse; in the terms of
    /// [`Metric::default_margin`].
    pub margin: f64,
    /// For each step, the regression that must be ruled out before the ramp advances. The last
    /// one holds for the steps after it.
    pub tolerance: Vec<f64>,
    /// A rate that is always acceptable: green is safe where its rate exceeds this by less than
    /// the tolerance, whatever blue's rate is.
    pub ceiling: Option<f64>,
    /// Whether the gate decides; otherwise it is only watched.
    pub is_critical: bool,
    /// Whether the operator configured it. A default gate without data is left out; a configured
    /// one holds the ramp.
    pub is_named: bool,
}

/// What a gate has computed for one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateStepParams {
    /// The regression that must be ruled out before the ramp advances.
    pub tolerance: f64,
    /// The rate below which green is safe, whatever blue's rate is.
    ///
    /// It grows with the tolerance: a share of 1 % of 20,000 users is 200 users, who cannot
    /// prove a rate below 1 % even if nothing ever fails.
    pub ceiling: Option<f64>,
    /// How much worse green may be.
    pub margin: f64,
    /// The excess of the ratio of rates that the test of harm allows: the margin of a rate. For a
    /// quantile it is 0, because its margin is in the threshold.
    pub rate_margin: f64,
    /// The excess of the ratio of rates that the test of non-inferiority must rule out: the
    /// tolerance of a rate. For a quantile it is 0, because its tolerance is in the threshold.
    pub rate_tolerance: f64,
    /// The probability that a unit that was on blue before the step is on green.
    pub new_units: Probability,
    /// The probability that any unit is on green.
    pub all_units: Probability,
    /// The bets against "green's rate is not worse".
    pub harm: RateRatioBets,
    /// The bets against "green's rate is worse by the tolerance".
    pub non_inferiority: RateRatioBets,
}

/// The design of a step that compares green with blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDesign {
    /// The probability that any unit is on green.
    pub all_units: Probability,
    /// The probability that a unit that was on blue before the step is on green.
    pub new_units: Probability,
}

/// What counts as one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnalysisUnit {
    /// Each unit counts once: by its first response, first bad response and first value in a
    /// step. Valid where units keep their version.
    Units,
    /// Each request counts. Only valid where each request is assigned independently.
    EveryRequest,
}

/// How many units of a step are remembered by default: about 2 MiB.
pub const MAX_UNITS: usize = 1 << 16;

/// The default rate that is always acceptable.
pub const CEILING: f64 = 0.01;

// === impl AnalysisPlan ===

impl AnalysisPlan {
    /// The natural logarithm of the e-value for harm from which the ramp rolls back: `ln(1/α)`.
    pub fn rollback_log_e(&self) -> f64 {
        -libm::log(self.alpha)
    }

    /// The natural logarithm of the e-value for non-inferiority from which a gate passes:
    /// `ln(1/β)`.
    pub fn pass_log_e(&self) -> f64 {
        -libm::log(self.beta)
    }

    /// Whether values are adjusted by the past of their units.
    pub fn adjusts_by_past(&self) -> bool {
        self.adjusts && self.unit == AnalysisUnit::Units
    }

    /// Whether the past of units grows in the steps, too, and not only in a baseline.
    pub fn learns_past_in_steps(&self) -> bool {
        self.adjusts_by_past() && self.compares_all
    }

    /// The number of critical gates.
    pub fn critical_gates(&self) -> usize {
        self.gates.iter().filter(|gate| gate.spec.is_critical).count()
    }
}

// === impl Gate ===

impl Gate {
    /// A gate with these settings over these steps.
    pub fn new(spec: GateSpec, steps: &[StepDesign]) -> Self {
        let params = |(index, step): (usize, &StepDesign)| {
            let configured = spec.tolerance.get(index).or(spec.tolerance.last());
            let tolerance = configured.copied().unwrap_or(spec.margin);
            let of_rate = |excess: f64| if spec.metric.quantile().is_some() { 0.0 } else { excess };
            let (rate_margin, rate_tolerance) = (of_rate(spec.margin), of_rate(tolerance));
            GateStepParams {
                tolerance,
                rate_margin,
                rate_tolerance,
                ceiling: spec.ceiling.map(|ceiling| ceiling * (1.0 + tolerance)),
                margin: spec.margin,
                new_units: step.new_units,
                all_units: step.all_units,
                harm: RateRatioBets::for_harm(step.new_units, rate_margin),
                non_inferiority: RateRatioBets::for_non_inferiority(step.all_units, rate_tolerance),
            }
        };
        let params = steps.iter().enumerate().map(params).collect();
        Self { spec, params }
    }

    /// What the gate has computed for each step.
    pub fn steps(&self) -> &[GateStepParams] {
        &self.params
    }

    /// What the gate has computed for a step; `None` for a step that compares nothing.
    pub fn params(&self, step: StepIndex) -> Option<&GateStepParams> {
        self.params.get(step.get())
    }
}

// === impl GateSpec ===

impl GateSpec {
    /// The default settings of a gate on `metric`, for steps with these shares of traffic, each
    /// from 0 to 1.
    pub fn with_defaults(metric: Metric, shares: &[f64]) -> Self {
        Self {
            metric,
            margin: metric.default_margin(),
            tolerance: shares.iter().map(|share| metric.default_tolerance(*share)).collect(),
            ceiling: metric.has_ceiling().then_some(CEILING),
            is_critical: true,
            is_named: false,
        }
    }
}

// === impl StepDesign ===

impl StepDesign {
    /// The steps of a ramp through these shares of traffic, each from 0 to 1.
    ///
    /// A step without blue, or with no larger share than the one before, compares nothing and is
    /// left out.
    pub fn from_shares(shares: &[f64]) -> Vec<Self> {
        Self::with_control_ratio(shares, f64::INFINITY)
    }

    /// Like [`Self::from_shares`], but each step compares as many of blue's units as are new on
    /// green.
    pub fn with_equal_control(shares: &[f64]) -> Vec<Self> {
        let mut before = 0.0;
        let step = |share: &f64| {
            let control = share - std::mem::replace(&mut before, *share);
            Some(Self {
                all_units: Probability::new(share / (share + control))?,
                new_units: Probability::new(0.5)?,
            })
        };
        shares.iter().filter(|share| **share < 1.0).filter_map(step).collect()
    }

    /// Like [`Self::from_shares`], but each step compares `ratio` times as many of blue's units as
    /// green has, or all where blue has fewer.
    pub fn with_control_ratio(shares: &[f64], ratio: f64) -> Vec<Self> {
        let mut before = 0.0;
        let step = |share: &f64| {
            let compared = compared_share(*share, ratio);
            let before = std::mem::replace(&mut before, *share);
            Some(Self {
                all_units: Probability::new(share / compared)?,
                new_units: Probability::for_new_unit(before, *share, compared)?,
            })
        };
        shares.iter().filter_map(step).collect()
    }

    /// The steps of a ramp through these shares where a unit is a conversation, which begins in
    /// a step and keeps its version. Each step compares `ratio` times as many of blue's as of
    /// green's, or all where blue has fewer.
    pub fn for_conversations(shares: &[f64], ratio: f64) -> Vec<Self> {
        let step = |share: &f64| {
            let green = Probability::new(share / compared_share(*share, ratio))?;
            Some(Self { all_units: green, new_units: green })
        };
        shares.iter().filter(|share| **share < 1.0).filter_map(step).collect()
    }
}

/// The share of all units that is compared: green's, and `ratio` times as many of blue's.
fn compared_share(green: f64, ratio: f64) -> f64 {
    (green * (1.0 + ratio)).min(1.0)
}
