//! Pairs: both versions' responses to the same request.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use verdigris::analysis::bad_units::min_bad_units;
use verdigris::analysis::{
    AnalysisPlan, AnalysisUnit, Evidence, GateSpec, Measurements, Metric, Observation,
    PairedAnalysis, PairedEvidence, PairedGateAnalysis, StepIndex, Verdict,
};
use verdigris::assignment::{Epoch, Version};

use super::{SHARES, plan_for, plan_with, spread};

/// The evidence of a shadow step, with the units that it has seen.
#[derive(Default)]
struct ShadowStep {
    pairs: PairedEvidence,
    evidence: Evidence,
}

// === impl ShadowStep ===

impl ShadowStep {
    fn new() -> Self {
        let mut step = Self::default();
        step.evidence.begin_step(StepIndex::FIRST, 0);
        step
    }

    fn add(&mut self, plan: &AnalysisPlan, pairs: &[Observation]) {
        self.pairs.add(plan, &mut self.evidence, pairs);
    }

    fn analyse(&self, plan: &AnalysisPlan) -> PairedAnalysis {
        PairedAnalysis::new(plan, &self.pairs)
    }

    fn gate(&self, plan: &AnalysisPlan) -> PairedGateAnalysis {
        self.analyse(plan).gates.remove(0)
    }
}

fn pair(unit: u64, blue: Measurements, green: Measurements) -> Observation {
    Observation {
        at_ns: unit,
        unit: spread(unit),
        epoch: Epoch::new(1),
        version: Version::Blue,
        is_newly_exposed: true,
        is_assignment: true,
        measurements: blue,
        shadow: Some(green),
    }
}

fn error(is_bad: bool) -> Measurements {
    Measurements::default().with_rate(Metric::ErrorRate, is_bad)
}

fn errors(unit: u64, blue_is_bad: bool, green_is_bad: bool) -> Observation {
    pair(unit, error(blue_is_bad), error(green_is_bad))
}

fn took(ms: f64) -> Measurements {
    Measurements::default().with_value(Metric::Duration, ms as f32)
}

fn took_at_least(ms: f64) -> Measurements {
    Measurements::default().with_censored_time(Metric::Duration, ms as f32)
}

fn durations(unit: u64, blue_ms: f64, green_ms: f64) -> Observation {
    pair(unit, took(blue_ms), took(green_ms))
}

/// A standard normal number.
fn normal(random: &mut SmallRng) -> f64 {
    StandardNormal.sample(random)
}

/// Durations whose logarithms have the standard deviation 0.8, of which a pair shares a fraction.
fn random_durations(random: &mut SmallRng, shared: f64, green: f64) -> (f64, f64) {
    const SPREAD: f64 = 0.8;
    let request = normal(random) * shared.sqrt();
    let mut of_version = |times: f64| {
        4000.0 * times * (SPREAD * (request + normal(random) * (1.0 - shared).sqrt())).exp()
    };
    (of_version(1.0), of_version(green))
}

/// How many of these runs come to a verdict within so many pairs, looked at after every fifth.
fn runs_with(
    verdict: Verdict,
    plan: &AnalysisPlan,
    (runs, pairs): (u64, u64),
    pair: impl Fn(&mut SmallRng, u64) -> Observation,
) -> u64 {
    let ends_with = |seed: &u64| {
        let mut random = SmallRng::seed_from_u64(*seed);
        let mut step = ShadowStep::new();
        (0..pairs / 5).any(|look| {
            let tick: Vec<_> = (0..5).map(|at| pair(&mut random, 5 * look + at)).collect();
            step.add(plan, &tick);
            step.analyse(plan).verdict == verdict
        })
    };
    (0..runs).filter(ends_with).count() as u64
}

#[test]
fn without_a_margin_only_discordant_pairs_count() {
    let plan = plan_with([GateSpec { margin: 0.0, ..error_gate() }].into_iter());
    let mut step = ShadowStep::new();
    let concordant: Vec<_> = (0..50).map(|unit| errors(unit, true, true)).collect();
    step.add(&plan, &concordant);
    assert_eq!(step.gate(&plan).harm_log_e, 0.0);
    // Eight bets with the stakes of the wealth: the mean of (1 + s)^9 · (1 − s)^2.
    let discordant: Vec<_> = (50..61).map(|unit| errors(unit, unit >= 59, unit < 59)).collect();
    step.add(&plan, &discordant);
    let stakes: [f64; 8] = [0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.04, 0.02];
    let expected: f64 = stakes.map(|s| (1.0 + s).powi(9) * (1.0 - s).powi(2)).iter().sum();
    let actual = step.gate(&plan).harm_log_e;
    assert!((actual - (expected / 8.0).ln()).abs() < 1e-12, "{actual}");
}

fn error_gate() -> GateSpec {
    GateSpec::with_defaults(Metric::ErrorRate, &SHARES)
}

#[test]
fn a_green_that_fails_alone_is_worse_and_one_that_fails_with_blue_is_not() {
    let plan = plan_for(&[Metric::ErrorRate]);
    let mut alone = ShadowStep::new();
    let mut both = ShadowStep::new();
    for unit in 0..12 {
        alone.add(&plan, &[errors(unit, false, true)]);
        both.add(&plan, &[errors(unit, true, true)]);
    }
    assert_eq!(alone.analyse(&plan).verdict, Verdict::Fail);
    assert_eq!(both.analyse(&plan).verdict, Verdict::Pass);
}

#[test]
fn one_unit_counts_once_however_often_it_comes() {
    let plan = plan_for(&[Metric::ErrorRate, Metric::Duration]);
    let mut once = ShadowStep::new();
    let mut often = ShadowStep::new();
    let bad = |at_ns: u64| Observation { at_ns, ..errors(7, false, true) };
    let slow = |at_ns: u64| Observation { at_ns, ..durations(8, 1000.0, 9000.0) };
    once.add(&plan, &[bad(0), slow(0)]);
    (0..1000).for_each(|at_ns| often.add(&plan, &[bad(at_ns), slow(at_ns)]));
    let (once, often) = (once.analyse(&plan), often.analyse(&plan));
    assert_eq!((once.units, often.units, often.pairs), (2, 2, 2000));
    assert_eq!(once.harm_log_e, often.harm_log_e);
    let log_e = |analysis: &PairedAnalysis| {
        analysis
            .gates
            .iter()
            .map(|it| (it.harm_log_e, it.non_inferiority_log_e))
            .collect::<Vec<_>>()
    };
    assert_eq!(log_e(&once), log_e(&often));
}

#[test]
fn a_rate_is_worse_only_by_enough_units() {
    let plan = AnalysisPlan {
        alpha: 0.5,
        ..plan_with([GateSpec { margin: 0.0, ..error_gate() }].into_iter())
    };
    let mut step = ShadowStep::new();
    let needed = min_bad_units(0.5);
    for unit in 0..needed {
        assert_eq!(step.analyse(&plan).verdict, Verdict::Inconclusive);
        step.add(&plan, &[errors(unit, false, true)]);
    }
    assert_eq!(step.analyse(&plan).verdict, Verdict::Fail);
}

#[test]
fn where_each_request_is_a_unit_each_pair_counts() {
    let plan = AnalysisPlan { unit: AnalysisUnit::EveryRequest, ..plan_for(&[Metric::ErrorRate]) };
    let mut step = ShadowStep::new();
    (0..20).for_each(|_| step.add(&plan, &[errors(7, false, true)]));
    assert_eq!(step.analyse(&plan).verdict, Verdict::Fail);
}

#[test]
fn aborted_responses_of_blue_do_not_make_a_like_green_worse() {
    let plan = plan_with(
        [GateSpec { margin: 0.0, ..GateSpec::with_defaults(Metric::Duration, &SHARES) }]
            .into_iter(),
    );
    // Users wait as long as an answer takes, more or less: nearly half of blue's are aborted.
    let with_impatience = |random: &mut SmallRng, unit: u64| {
        let (blue, green) = random_durations(random, 0.5, 1.0);
        let patience = 4000.0 * (0.8 * normal(random)).exp();
        match patience < blue {
            true => pair(unit, took_at_least(patience), took(green)),
            false => durations(unit, blue, green),
        }
    };
    let runs = 200;
    let failed = runs_with(Verdict::Fail, &plan, (runs, 1500), with_impatience);
    assert!(failed <= 20, "{failed} of {runs}");
    // Leaving them out would: then the pairs that are left are those with a fast blue.
    let left_out = |random: &mut SmallRng, unit: u64| loop {
        let found = with_impatience(random, unit);
        let duration = found.measurements.censored_value_of(Metric::Duration);
        if duration.is_some_and(|it| !it.is_censored) {
            break found;
        }
    };
    let failed = runs_with(Verdict::Fail, &plan, (runs, 1500), left_out);
    assert!(failed > runs / 2, "{failed} of {runs}");
}

#[test]
fn a_copy_that_never_ends_is_slow() {
    let plan = plan_for(&[Metric::Duration]);
    let mut step = ShadowStep::new();
    for unit in 0..40 {
        step.add(&plan, &[pair(unit, took(1000.0), took_at_least(30_000.0))]);
    }
    let analysis = step.analyse(&plan);
    assert_eq!(analysis.verdict, Verdict::Fail);
    // A lower bound is no ratio.
    assert_eq!(analysis.gates[0].ratio, None);
}

#[test]
fn versions_that_are_alike_are_rarely_found_worse() {
    let gates = [Metric::ErrorRate, Metric::Duration]
        .map(|metric| GateSpec { margin: 0.0, ..GateSpec::with_defaults(metric, &SHARES) });
    let plan = plan_with(gates.into_iter());
    for shared in [0.0, 0.9] {
        let alike = |random: &mut SmallRng, unit: u64| {
            let (blue, green) = random_durations(random, shared, 1.0);
            let request: f64 = random.random();
            // Half of the failures are the request's, and hit both.
            let mut response = |ms: f64| {
                let is_bad = request < 0.05 || random.random::<f64>() < 0.05;
                match is_bad {
                    true => error(true),
                    false => took(ms).with_rate(Metric::ErrorRate, false),
                }
            };
            pair(unit, response(blue), response(green))
        };
        let failed = runs_with(Verdict::Fail, &plan, (200, 1500), alike);
        // α is 0.05.
        assert!(failed <= 20, "{failed} of 200");
    }
}

#[test]
fn a_green_that_is_worse_by_the_tolerance_rarely_passes() {
    // With a margin that is never exceeded, no run is rolled back.
    let unlimited = |metric| GateSpec { margin: 10.0, ..GateSpec::with_defaults(metric, &SHARES) };
    let plan = plan_with([unlimited(Metric::Duration)].into_iter());
    // The smallest tolerance of the steps.
    let worse = |random: &mut SmallRng, unit: u64| {
        let (blue, green) = random_durations(random, 0.5, 1.15);
        durations(unit, blue, green)
    };
    let passed = runs_with(Verdict::Pass, &plan, (300, 800), worse);
    // β is 0.1.
    assert!(passed <= 42, "{passed} of 300");
    let plan = plan_with([unlimited(Metric::ErrorRate)].into_iter());
    // The tolerance of the first step.
    let worse = |random: &mut SmallRng, unit: u64| {
        errors(unit, random.random::<f64>() < 0.02, random.random::<f64>() < 0.06)
    };
    let passed = runs_with(Verdict::Pass, &plan, (300, 800), worse);
    assert!(passed <= 42, "{passed} of 300");
}

#[test]
fn what_a_pair_shares_saves_pairs() {
    let plan = plan_for(&[Metric::Duration]);
    let median_pairs = |shared: f64| {
        let needed = |seed: u64| {
            let mut random = SmallRng::seed_from_u64(seed);
            let mut step = ShadowStep::new();
            (0..20_000_u64)
                .find(|unit| {
                    let (blue, green) = random_durations(&mut random, shared, 1.3);
                    step.add(&plan, &[durations(*unit, blue, green)]);
                    step.analyse(&plan).verdict == Verdict::Fail
                })
                .unwrap()
        };
        let mut all: Vec<u64> = (0..41).map(needed).collect();
        all.sort_unstable();
        all[20]
    };
    let (nothing, most) = (median_pairs(0.0), median_pairs(0.9));
    assert!(most * 4 < nothing, "{most} of {nothing}");
}

#[test]
fn a_ratio_is_shown_with_an_interval_that_contains_it() {
    let plan = plan_for(&[Metric::Duration]);
    let mut random = SmallRng::seed_from_u64(3);
    let mut step = ShadowStep::new();
    for unit in 0..500 {
        let (blue, green) = random_durations(&mut random, 0.8, 1.3);
        step.add(&plan, &[durations(unit, blue, green)]);
    }
    let gate = step.gate(&plan);
    let (ratio, limits) = (gate.ratio.unwrap(), gate.limits.unwrap());
    assert!((1.2..1.4).contains(&ratio), "{ratio}");
    assert!(limits.low < 1.3 && 1.3 < limits.high && limits.high < 1.5, "{limits:?}");
}

#[test]
fn a_metric_that_is_missing_on_one_side_does_not_pass() {
    let plan = plan_for(&[Metric::RefusalRate]);
    let known = Measurements::default().with_rate(Metric::RefusalRate, false);
    let missing = Measurements::default().with_missing(Metric::RefusalRate);
    let mut step = ShadowStep::new();
    for unit in 0..2000 {
        let green = if unit % 10 == 0 { missing } else { known };
        step.add(&plan, &[pair(unit, known, green)]);
    }
    let analysis = step.analyse(&plan);
    assert_eq!((analysis.verdict, analysis.is_uneven()), (Verdict::Inconclusive, true));
    assert!(analysis.gates[0].non_inferiority_log_e > plan.pass_log_e());
}

/// A client can send as many requests as it likes, and stop to read each answer.
#[test]
fn one_unit_does_not_decide_that_a_metric_is_missing_unevenly() {
    let plan = plan_for(&[Metric::RefusalRate, Metric::Duration]);
    let known = took(1_000.0).with_rate(Metric::RefusalRate, false);
    let missing = Measurements::default().with_missing(Metric::RefusalRate);
    for (units_with_missing, is_uneven) in [(1, false), (100, true)] {
        let mut step = ShadowStep::new();
        for unit in 100..400 {
            step.add(&plan, &[pair(unit, known, known)]);
        }
        for index in 0..600 {
            step.add(&plan, &[pair(index % units_with_missing, known, missing)]);
        }
        let gate = step.gate(&plan);
        assert_eq!(gate.is_uneven, is_uneven, "{units_with_missing}");
        assert_eq!(gate.coverage.missing.green, units_with_missing);
        assert_eq!(gate.coverage.known.blue, 300 + units_with_missing);
    }
}

#[test]
fn metrics_that_need_a_user_are_not_compared() {
    let plan = plan_for(&[Metric::AbortRate, Metric::Score, Metric::DurationP95, Metric::Cost]);
    let mut step = ShadowStep::new();
    step.add(&plan, &[durations(0, 1.0, 1.0)]);
    let metrics: Vec<_> = step.analyse(&plan).gates.iter().map(|gate| gate.metric).collect();
    assert_eq!(metrics, [Metric::Cost]);
    assert!(PairedEvidence::compares(Metric::SlowRate, false));
    assert!(!PairedEvidence::compares(Metric::SlowRate, true));
}

/// A judge's verdict on a pair, which comes later than the pair. `lost` is the version whose answer lost.
fn verdict(unit: u64, lost: Option<Version>) -> Observation {
    let is_lost =
        |version| Measurements::default().with_rate(Metric::Preference, lost == Some(version));
    Observation {
        is_assignment: false,
        ..pair(unit, is_lost(Version::Blue), is_lost(Version::Green))
    }
}

#[test]
fn verdicts_on_pairs_decide_by_wins_and_losses() {
    let plan = plan_for(&[Metric::Preference]);
    // How many of ten verdicts blue and green win; the others are ties.
    for (blue_wins, green_wins, expected) in [
        (6, 2, Verdict::Fail),
        (2, 6, Verdict::Pass),
        (4, 4, Verdict::Pass),
        (0, 0, Verdict::Inconclusive),
    ] {
        let mut step = ShadowStep::new();
        for unit in 0..1_000 {
            step.add(&plan, &[pair(unit, Measurements::default(), Measurements::default())]);
            let lost = match unit % 10 {
                at if at < blue_wins => Some(Version::Green),
                at if at < blue_wins + green_wins => Some(Version::Blue),
                _ => None,
            };
            step.add(&plan, &[verdict(unit, lost)]);
        }
        let gate = step.gate(&plan);
        let shown = format!("{blue_wins} {green_wins}: {gate:?}");
        assert_eq!(gate.verdict, expected, "{shown}");
        let bad = gate.bad.unwrap();
        assert_eq!((bad.green_only, bad.blue_only), (blue_wins * 100, green_wins * 100), "{shown}");
        // A verdict is no pair of its own.
        assert_eq!((step.pairs.pairs, step.pairs.units), (1_000, 1_000));
    }
}

/// A judge that always prefers the first answer would find green worse in the order in which blue comes
/// first. With the order swapped it contradicts itself, and is no evidence.
#[test]
fn a_judge_that_prefers_the_first_answer_decides_only_without_the_swap() {
    use verdigris::judge::{PairVerdict, Preference, agreed_preference};
    let plan = plan_for(&[Metric::Preference]);
    let (mut unswapped, mut swapped) = (ShadowStep::new(), ShadowStep::new());
    for unit in 0..200 {
        unswapped.add(&plan, &[verdict(unit, Some(Version::Green))]);
        let lost = match agreed_preference(PairVerdict::A, PairVerdict::A) {
            Some(Preference::Blue) => Some(Version::Green),
            Some(Preference::Green) => Some(Version::Blue),
            Some(Preference::Neither) => None,
            None => continue,
        };
        swapped.add(&plan, &[verdict(unit, lost)]);
    }
    assert_eq!(unswapped.analyse(&plan).verdict, Verdict::Fail);
    assert_eq!(swapped.analyse(&plan).verdict, Verdict::Inconclusive);
    assert!(swapped.analyse(&plan).gates.is_empty());
}

/// Of a judge that contradicts itself on most pairs, the verdicts that agree are few. As often for blue as
/// for green they decide nothing in as many pairs as `make judge` compares. For one version alone they do:
/// a preference that holds in both orders is no bias by order.
#[test]
fn few_verdicts_that_agree_decide_only_if_they_are_for_one_version() {
    const PAIRS: u64 = 200;
    let plan = plan_for(&[Metric::ErrorRate, Metric::Preference]);
    // Which versions lose, one after the other.
    let for_blue = [Version::Green; 2];
    let for_each_in_turn = [Version::Green, Version::Blue];
    let cases = [
        (PAIRS / 7, for_each_in_turn, Verdict::Inconclusive),
        (PAIRS / 4, for_each_in_turn, Verdict::Inconclusive),
        (8, for_blue, Verdict::Inconclusive),
        (PAIRS / 7, for_blue, Verdict::Fail),
    ];
    for (agreed, losers, expected) in cases {
        let mut step = ShadowStep::new();
        for unit in 0..PAIRS {
            step.add(&plan, &[errors(unit, false, false)]);
            if unit < agreed {
                let loser = losers[usize::from(!unit.is_multiple_of(2))];
                step.add(&plan, &[verdict(unit, Some(loser))]);
            }
        }
        let gates = step.analyse(&plan).gates;
        let gate = gates.iter().find(|it| it.metric == Metric::Preference).unwrap();
        assert_eq!(gate.verdict, expected, "{agreed}: {gate:?}");
    }
}

/// Both values of a response, whichever are known.
fn response() -> impl Strategy<Value = Measurements> {
    (any::<[Option<bool>; 2]>(), prop::option::of((0.0..1e6_f64, any::<bool>()))).prop_map(
        |([is_error, is_refusal], duration)| {
            let rates = [(Metric::ErrorRate, is_error), (Metric::RefusalRate, is_refusal)];
            let measurements =
                rates.into_iter().fold(Measurements::default(), |it, (metric, bad)| match bad {
                    Some(bad) => it.with_rate(metric, bad),
                    None => it.with_missing(metric),
                });
            match duration {
                Some((ms, false)) => measurements.with_value(Metric::Duration, ms as f32),
                Some((ms, true)) => measurements.with_censored_time(Metric::Duration, ms as f32),
                None => measurements,
            }
            .with_value(Metric::OutputTokens, duration.map_or(0.0, |(ms, _)| ms as f32))
        },
    )
}

fn pairs() -> impl Strategy<Value = Vec<Observation>> {
    let one =
        (0..12_u64, response(), response()).prop_map(|(unit, blue, green)| pair(unit, blue, green));
    prop::collection::vec(one, 0..60)
}

const METRICS: [Metric; 4] =
    [Metric::ErrorRate, Metric::RefusalRate, Metric::Duration, Metric::OutputTokens];

proptest! {
    #[test]
    fn pairs_of_a_tick_count_alike_in_any_order(mut pairs in pairs()) {
        let plan = plan_for(&METRICS);
        let mut one = ShadowStep::new();
        one.add(&plan, &pairs);
        pairs.reverse();
        let mut other = ShadowStep::new();
        other.add(&plan, &pairs);
        prop_assert_eq!(one.pairs, other.pairs);
    }

    #[test]
    fn evidence_of_separate_units_adds_up(pairs in pairs()) {
        let plan = plan_for(&METRICS);
        let (low, high): (Vec<_>, Vec<_>) = pairs.iter().partition(|it| it.unit < u64::MAX / 2);
        let (mut merged, mut other, mut all) = (ShadowStep::new(), ShadowStep::new(), ShadowStep::new());
        merged.add(&plan, &low);
        other.add(&plan, &high);
        all.add(&plan, &pairs);
        merged.pairs.merge(&other.pairs);
        let (merged, all) = (merged.analyse(&plan), all.analyse(&plan));
        prop_assert_eq!((merged.pairs, merged.units), (all.pairs, all.units));
        for (merged, all) in merged.gates.iter().zip(&all.gates) {
            prop_assert!((merged.harm_log_e - all.harm_log_e).abs() < 1e-9);
            let (a, b) = (merged.non_inferiority_log_e, all.non_inferiority_log_e);
            prop_assert!((a - b).abs() < 1e-9);
            prop_assert_eq!((merged.bad, merged.coverage), (all.bad, all.coverage));
        }
    }

    #[test]
    fn one_pair_has_a_bounded_influence(blue in response(), green in response()) {
        let plan = plan_for(&METRICS);
        let mut step = ShadowStep::new();
        step.add(&plan, &[pair(1, blue, green)]);
        for gate in step.analyse(&plan).gates {
            prop_assert!(gate.harm_log_e.is_finite() && gate.non_inferiority_log_e.is_finite());
            // The largest stake is 0.9.
            prop_assert!(gate.harm_log_e <= 1.9_f64.ln());
        }
    }
}
