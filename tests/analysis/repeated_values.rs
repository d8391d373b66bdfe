//! Values of units that come again count, with their variance.

use verdigris::analysis::period::{MAX_VALUES, PERIOD_NS};
use verdigris::analysis::score_groups::{Score, ScoreGroups};
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, ByVersion, Evidence, Gate, GateAnalysis, GateSpec,
    Measurements, Metric, StepIndex, Verdict,
};
use verdigris::assignment::Version;
use verdigris::rollout::decision_text;

use crate::{LAST, evidence_in_last_step, limit, observe, one_step_plan, plan_for, spread};

/// Users who send one request in each round, of whom every third is on green.
#[derive(Clone, Copy)]
struct Visits {
    users: u64,
    rounds: u64,
    /// How many rounds a period has.
    rounds_in_period: u64,
    /// The duration of green's answers as a multiple of blue's.
    green_duration: f64,
    /// The factor by which a user's durations differ from those of others, as a standard
    /// deviation of the logarithm.
    between_users: f64,
    /// The factor by which all durations grow from one round to the next.
    drift: f64,
    /// How long users on blue and on green wait before they abort, in milliseconds.
    patience_ms: ByVersion<f64>,
    seed: u64,
}

const VISITS: Visits = Visits {
    users: 240,
    rounds: 12,
    rounds_in_period: 1,
    green_duration: 1.0,
    between_users: 0.0,
    drift: 1.0,
    patience_ms: ByVersion { blue: f64::INFINITY, green: f64::INFINITY },
    seed: 1,
};

// === impl Visits ===

impl Visits {
    fn evidence(self, plan: &AnalysisPlan) -> Evidence {
        let step = StepIndex::new(plan.steps.len() - 1);
        let mut evidence = Evidence::default();
        evidence.begin_step(step, 0);
        for round in 0..self.rounds {
            let at_ns = round / self.rounds_in_period * PERIOD_NS + round;
            evidence.begin_tick(plan, at_ns);
            for user in 0..self.users {
                let draw = |key: u64| normal(self.seed << 40 | key << 20 | user);
                // Which users are on green depends on the seed, too.
                let unit = mixed(self.seed << 20 | user);
                let is_green = is_on_green(unit);
                let version = if is_green { Version::Green } else { Version::Blue };
                let times = if is_green { self.green_duration } else { 1.0 };
                let deviation = self.between_users * draw(0) + 0.6 * draw(round + 1);
                let duration = 1000.0 * times * self.drift.powi(round as i32) * deviation.exp();
                let patience_ms = *self.patience_ms.get(version);
                let none = Measurements::default();
                let measurements = match duration > patience_ms {
                    true => none.with_censored_time(Metric::Duration, patience_ms as f32),
                    false => none.with_value(Metric::Duration, duration as f32),
                };
                evidence.add(plan, vec![observe(at_ns, unit, step.get(), version, measurements)]);
            }
        }
        evidence
    }

    fn passes(self) -> bool {
        let plan = plan_for(&[Metric::Duration]);
        let analysis = Analysis::new(&plan, &self.evidence(&plan), StepIndex::new(LAST));
        analysis.gates[0].verdict == Verdict::Pass
    }

    fn share_of_passes(self, seeds: u64) -> f64 {
        let passes = (0..seeds).filter(|seed| Self { seed: *seed + 1, ..self }.passes());
        passes.count() as f64 / seeds as f64
    }
}

const IMPATIENT_ON_BLUE: ByVersion<f64> = ByVersion { blue: 900.0, green: f64::INFINITY };
const IMPATIENT_ON_GREEN: ByVersion<f64> = ByVersion { blue: f64::INFINITY, green: 900.0 };

fn both(patience_ms: f64) -> ByVersion<f64> {
    ByVersion { blue: patience_ms, green: patience_ms }
}

/// Random bits: the finalizer of SplitMix64.
pub fn mixed(bits: u64) -> u64 {
    let bits = spread(bits);
    let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// Whether a unit is on green, as one in three is.
pub fn is_on_green(unit: u64) -> bool {
    mixed(!unit) >> 32 < (1 << 32) / 3
}

/// A nearly normal variable from random bits: the sum of four uniform ones.
fn normal(bits: u64) -> f64 {
    let mixed = mixed(bits);
    let uniform = |part: u32| (mixed >> (16 * part) & 0xffff) as f64 / 65536.0 - 0.5;
    (0..4).map(uniform).sum::<f64>() * 3_f64.sqrt()
}

#[test]
fn units_that_come_again_add_evidence() {
    let few = |rounds| Visits { rounds, ..VISITS }.share_of_passes(40);
    let (once, again) = (few(1), few(12));
    assert!(once < 0.3 && again > 0.9, "once {once}, again {again}");
}

#[test]
fn values_that_differ_by_unit_alone_add_no_evidence_without_bound() {
    // A unit's values are all alike, so the 12 of them reveal no more than one.
    let alike = Visits { between_users: 2.0, ..VISITS };
    let many = Visits { rounds: 48, ..alike };
    assert!(alike.share_of_passes(40) < 0.4 && many.share_of_passes(20) < 0.4);
}

#[test]
fn a_green_that_is_worse_by_the_tolerance_seldom_passes() {
    let tolerance = Metric::Duration.default_tolerance(0.5);
    let worse = Visits { green_duration: 1.0 + tolerance, ..VISITS };
    for (what, visits) in [
        ("alike users", worse),
        ("unlike users", Visits { between_users: 0.6, ..worse }),
        ("few unlike users", Visits { users: 60, rounds: 24, between_users: 0.6, ..worse }),
        ("drift", Visits { drift: 1.1, ..worse }),
        ("impatient users", Visits { patience_ms: both(1500.0), ..worse }),
        ("impatient users on blue", Visits { patience_ms: IMPATIENT_ON_BLUE, ..worse }),
        ("impatient users on green", Visits { patience_ms: IMPATIENT_ON_GREEN, ..worse }),
    ] {
        let passes = visits.share_of_passes(200);
        assert!(passes <= limit(0.1, 200), "{what}: {passes}");
    }
}

/// A ramp of one step, whose only gate has the default margin.
fn harm_plan() -> AnalysisPlan {
    one_step_plan(GateSpec::with_defaults(Metric::Duration, &[0.3]))
}

/// The fraction of ramps that find green worse.
fn share_of_failures(visits: Visits, seeds: u64) -> f64 {
    let plan = harm_plan();
    let fails = |seed: &u64| {
        let evidence = Visits { seed: *seed + 1, ..visits }.evidence(&plan);
        Analysis::new(&plan, &evidence, StepIndex::FIRST).verdict == Verdict::Fail
    };
    (0..seeds).filter(fails).count() as f64 / seeds as f64
}

#[test]
fn units_that_come_again_find_a_worse_green() {
    let found = |rounds| {
        let worse = Visits { rounds, green_duration: 1.35, users: 300, ..VISITS };
        share_of_failures(worse, 40)
    };
    let (once, again) = (found(1), found(12));
    assert!(once < 0.3 && again > 0.9, "once {once}, again {again}");
}

#[test]
fn a_green_that_is_worse_by_the_margin_is_seldom_found_worse() {
    let at_margin =
        Visits { green_duration: 1.0 + Metric::Duration.default_margin(), users: 300, ..VISITS };
    let unlike = Visits { between_users: 0.6, ..at_margin };
    for (what, visits) in [
        ("alike users", at_margin),
        ("unlike users", unlike),
        ("few unlike users", Visits { users: 240, rounds: 24, ..unlike }),
        ("drift", Visits { drift: 1.1, ..at_margin }),
        ("impatient users", Visits { patience_ms: both(1500.0), ..unlike }),
        ("impatient users on blue", Visits { patience_ms: IMPATIENT_ON_BLUE, ..unlike }),
        ("impatient users on green", Visits { patience_ms: IMPATIENT_ON_GREEN, ..unlike }),
    ] {
        let found = share_of_failures(visits, 200);
        assert!(found <= limit(0.05, 200), "{what}: {found}");
    }
}

/// However slow the answers of few units are, and however often they come: of so few, the variance
/// between units is not known.
#[test]
fn a_few_units_prove_no_harm_by_coming_again() {
    let slow = Visits { green_duration: 9.0, users: 12, rounds: 40, ..VISITS };
    let plan = harm_plan();
    let log_e = |rounds| {
        let evidence = Visits { rounds, ..slow }.evidence(&plan);
        Analysis::new(&plan, &evidence, StepIndex::FIRST).gates[0].harm_log_e
    };
    // From the second period on, the period's own test has a smaller fraction of α.
    assert!(log_e(40) <= log_e(2), "{} {}", log_e(40), log_e(2));
}

/// A tolerance that few users need lets a worse green pass, unless what they tell later shows it.
#[test]
fn a_green_that_looks_worse_than_the_margin_does_not_pass() {
    let mut plan = plan_for(&[Metric::Duration]);
    let wide = GateSpec { tolerance: vec![1.0], ..plan.gates[0].spec.clone() };
    plan.gates[0] = Gate::new(wide, &plan.steps);
    let share = |visits: Visits, is: fn(&GateAnalysis) -> bool| {
        let analyse = |seed: u64| {
            let evidence = Visits { seed: seed + 1, ..visits }.evidence(&plan);
            Analysis::new(&plan, &evidence, StepIndex::new(LAST)).gates.remove(0)
        };
        (0..40).filter(|seed| is(&analyse(*seed))).count() as f64 / 40.0
    };
    let unlike = Visits { users: 600, between_users: 0.4, ..VISITS };
    let worse = Visits { green_duration: 1.4, ..unlike };
    let passes = |gate: &GateAnalysis| gate.verdict == Verdict::Pass;
    assert!(share(unlike, passes) > 0.9, "like blue");
    assert!(share(unlike, |gate| gate.looks_worse) < 0.1, "like blue");
    assert!(share(worse, passes) < 0.05, "worse than the margin");
    let has_no_evidence =
        |gate: &GateAnalysis| gate.looks_worse && gate.non_inferiority_log_e <= 0.0;
    assert!(share(worse, has_no_evidence) > 0.9, "worse than the margin");
    let slightly = Visits { green_duration: 1.2, ..unlike };
    let analysis = Analysis::new(&plan, &slightly.evidence(&plan), StepIndex::new(LAST));
    let text = decision_text::worse(&analysis, &plan);
    assert!(text.contains("duration looks worse than the margin: blue"), "{text}");
    let without_repeats = AnalysisPlan { unit: AnalysisUnit::EveryRequest, ..plan.clone() };
    let evidence = worse.evidence(&without_repeats);
    let gate = Analysis::new(&without_repeats, &evidence, StepIndex::new(LAST)).gates.remove(0);
    assert!(!gate.looks_worse, "each request is a first value");
}

/// Aborted responses cost evidence, but do not hide that green is like blue.
#[test]
fn a_good_green_with_impatient_users_passes() {
    let passes = Visits { patience_ms: both(1500.0), ..VISITS }.share_of_passes(40);
    assert!(passes > 0.8, "{passes}");
}

#[test]
fn drift_of_both_versions_is_no_difference() {
    let passes = Visits { drift: 1.2, ..VISITS }.share_of_passes(40);
    assert!(passes > 0.9, "{passes}");
}

/// A unit that sends on and on counts as often in a period as one that sends a few requests.
#[test]
fn a_unit_counts_a_few_times_a_period() {
    let plan = plan_for(&[Metric::Duration]);
    let log_e = |rounds| {
        let evidence = Visits { rounds, rounds_in_period: rounds, ..VISITS }.evidence(&plan);
        Analysis::new(&plan, &evidence, StepIndex::new(LAST)).gates[0].non_inferiority_log_e
    };
    assert_ne!(log_e(MAX_VALUES - 1), log_e(MAX_VALUES));
    assert_eq!(log_e(MAX_VALUES), log_e(MAX_VALUES + 5));
}

/// Neither a response without the value nor one of the step before uses up what a unit may tell.
#[test]
fn only_values_of_the_step_count_towards_the_limit() {
    let none = Measurements::default;
    let failed = none().with_rate(Metric::ErrorRate, true);
    let tokens = none().with_value(Metric::OutputTokens, 250.0);
    let duration = none().with_value(Metric::Duration, 900.0);
    let thumb = none().with_rate(Metric::ThumbsDownRate, false);
    let score = none().with_value(Metric::Score, 0.5);
    let table = [
        ("a failed response", Metric::Duration, LAST, failed),
        ("a response of a cold start", Metric::Duration, LAST, tokens),
        ("a late response", Metric::Duration, LAST - 1, duration),
        ("a response without tokens", Metric::OutputTokens, LAST, duration),
        ("a thumb", Metric::Score, LAST, thumb),
        ("a score", Metric::ThumbsDownRate, LAST, score),
    ];
    for (what, metric, step, before) in table {
        let plan = plan_for(&[metric]);
        let log_e = |times_before: u64| {
            let mut evidence = evidence_in_last_step();
            for round in 0..times_before + MAX_VALUES {
                let is_before = round < times_before;
                let observation = |user: u64| {
                    let version =
                        if user.is_multiple_of(3) { Version::Green } else { Version::Blue };
                    let value = (spread(user + 1) % 100) as f32 / 100.0;
                    let measured = match metric {
                        Metric::ThumbsDownRate => none().with_rate(metric, value < 0.1),
                        _ => none().with_value(metric, value),
                    };
                    match is_before {
                        true => observe(1, spread(user), step, version, before),
                        false => observe(2, spread(user), LAST, version, measured),
                    }
                };
                evidence.add(&plan, (0..600).map(observation).collect());
            }
            let analysis = Analysis::new(&plan, &evidence, StepIndex::new(LAST));
            analysis.gates[0].non_inferiority_log_e
        };
        assert_ne!(log_e(0), 0.0, "{what}");
        assert_eq!(log_e(MAX_VALUES), log_e(0), "{what}");
    }
}

#[test]
fn the_design_effect_is_the_number_of_equal_values() {
    let design_effect = |units: u64, values: u64| {
        let mut groups = ScoreGroups::default();
        for unit in 0..units {
            let score = Score::new((mixed(unit + 1) >> 32) as f64 / 2_f64.powi(32));
            (0..values).for_each(|_| groups.add(mixed(!unit), score));
        }
        groups.summary().design_effect
    };
    assert_eq!(ScoreGroups::default().summary().design_effect, 1.0);
    assert!(design_effect(6_400, 1) < 1.7);
    // The relative standard error of a variance of 64 groups is 0.18.
    for values in [2, 10, 50] {
        let ratio = design_effect(6_400, values) / values as f64;
        assert!((0.55..1.45).contains(&ratio), "{values} values of a unit: {ratio}");
    }
}

#[test]
fn scores_of_groups_add_up() {
    let gather = |units: std::ops::Range<u64>| {
        let mut groups = ScoreGroups::default();
        units.for_each(|unit| groups.add(spread(unit), Score::new(unit as f64 / 1000.0)));
        groups
    };
    let mut combined = gather(0..300);
    combined.merge(&gather(300..900));
    assert_eq!(combined, gather(0..900));
}
