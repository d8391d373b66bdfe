//! Rates that are known for unequal fractions of both versions' responses.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use verdigris::analysis::known_fraction::KnownFraction;
use verdigris::analysis::{
    Analysis, AnalysisPlan, ByVersion, Evidence, GateSpec, GateStats, Measurements, Metric,
    StepIndex, Verdict,
};
use verdigris::assignment::Version;

use crate::{
    LAST, SHARES, every_second_is_green, every_third_is_green, evidence_in_last_step, limit,
    observe, plan_for, plan_with, spread,
};

const MINUTE_NS: u64 = 60 * 1_000_000_000;

proptest! {
    /// Each test rounds to the side of its hypothesis.
    #[test]
    fn levels_are_rounded_to_the_safe_side(
        responses in prop::collection::vec((any::<bool>(), 0..100_u32), 0..300),
        known_percent in (0..=100_u32, 0..=100_u32),
    ) {
        let mut fraction = KnownFraction::default();
        let (mut blue, mut green) = (1.0, 1.0);
        for (is_green, draw) in responses {
            let (version, average, percent) = match is_green {
                false => (Version::Blue, &mut blue, known_percent.0),
                true => (Version::Green, &mut green, known_percent.1),
            };
            let is_known = draw < percent;
            fraction.record(version, is_known);
            *average += (f64::from(u8::from(is_known)) - *average) / 32.0;
        }
        let ratio: f64 = blue / green;
        match fraction.level_for_harm() {
            None => prop_assert!(blue < 0.1),
            Some(level) if level.ratio() < 1.0 => prop_assert!(level.ratio() <= ratio),
            Some(level) => prop_assert!(level.ratio() <= 1.0 && ratio >= 0.95),
        }
        match fraction.level_for_non_inferiority() {
            None => prop_assert!(blue < 0.1 || ratio > 2.1),
            Some(level) => {
                let least = if ratio <= 1.03 { ratio.min(1.0) } else { ratio };
                prop_assert!((least..=2.0 * ratio).contains(&level.ratio()));
            }
        }
    }
}

/// Two versions that answer requests in turn, each from a new unit. A third is green's.
#[derive(Clone, Copy, Debug)]
struct World {
    /// The fractions of responses for which nothing is known of refusals.
    unknown: ByVersion<f64>,
    /// What is known of such a response.
    of_unknown: fn() -> Measurements,
    /// The rates of refusals among the others.
    refusals: ByVersion<f64>,
}

const fn by_version(blue: f64, green: f64) -> ByVersion<f64> {
    ByVersion { blue, green }
}

fn rate_limited() -> Measurements {
    Measurements::default().with_rate(Metric::ErrorRate, true).with_rate_limited()
}

fn aborted() -> Measurements {
    Measurements::default().with_rate(Metric::AbortRate, true)
}

fn unread() -> Measurements {
    Measurements::default().with_rate(Metric::ErrorRate, false).with_missing(Metric::RefusalRate)
}

/// A plan with a gate on refusals that compares rates alone.
fn refusal_plan(margin: f64) -> AnalysisPlan {
    let spec = GateSpec::with_defaults(Metric::RefusalRate, &SHARES);
    plan_with(std::iter::once(GateSpec { margin, ceiling: None, ..spec }))
}

impl World {
    fn respond(&self, version: Version, random: &mut SmallRng) -> Measurements {
        if random.random::<f64>() < *self.unknown.get(version) {
            return (self.of_unknown)();
        }
        let is_refusal = random.random::<f64>() < *self.refusals.get(version);
        Measurements::default()
            .with_rate(Metric::ErrorRate, false)
            .with_rate(Metric::RefusalRate, is_refusal)
    }

    /// The fraction of runs in which one of ten looks has this verdict.
    fn fraction_with(&self, plan: &AnalysisPlan, verdict: Verdict) -> f64 {
        let has_verdict = |seed: &u64| {
            let mut random = SmallRng::seed_from_u64(*seed);
            let mut evidence = evidence_in_last_step();
            (0..10).any(|look| {
                let observation = |index| {
                    let version = every_third_is_green(index);
                    let measurements = self.respond(version, &mut random);
                    observe(index, spread(index), LAST, version, measurements)
                };
                evidence.add(plan, (look * 1000..(look + 1) * 1000).map(observation).collect());
                let analysis = Analysis::new(plan, &evidence, StepIndex::new(LAST));
                analysis.gates[0].verdict == verdict
            })
        };
        (0..RUNS).filter(has_verdict).count() as f64 / RUNS as f64
    }
}

const RUNS: u64 = 100;

#[test]
fn a_green_at_the_tolerance_is_seldom_safe_however_much_is_known() {
    let plan = refusal_plan(0.25);
    let tolerance = plan.gates[0].spec.tolerance[LAST];
    let refusals = by_version(0.3, 0.3 * (1.0 + tolerance));
    type Case<T> = (&'static str, T, fn() -> Measurements);
    let table: [Case<_>; 6] = [
        ("all is known", by_version(0.0, 0.0), rate_limited),
        ("blue answers 429 to a fifth", by_version(0.2, 0.0), rate_limited),
        ("blue answers 429 to a half", by_version(0.5, 0.0), rate_limited),
        ("green answers 429 to a fifth", by_version(0.0, 0.2), rate_limited),
        ("clients abort two in five", by_version(0.4, 0.4), aborted),
        ("a third of both is unread", by_version(0.33, 0.33), unread),
    ];
    for (what, unknown, of_unknown) in table {
        let world = World { unknown, of_unknown, refusals };
        let safe = world.fraction_with(&plan, Verdict::Pass);
        assert!(safe <= limit(plan.beta, RUNS), "{what}: {safe}");
        let good = World { refusals: by_version(0.3, 0.3), ..world };
        let safe = good.fraction_with(&plan, Verdict::Pass);
        assert!(safe >= 0.9, "{what}, green is like blue: {safe}");
    }
}

#[test]
fn a_green_like_blue_is_seldom_worse_however_much_is_known() {
    let plan = refusal_plan(0.0);
    let table = [(0.4, 0.0), (0.4, 0.2), (0.4, 0.4), (0.2, 0.4), (0.0, 0.4)];
    for (blue, green) in table {
        let unknown = by_version(blue, green);
        let world = World { unknown, of_unknown: aborted, refusals: by_version(0.3, 0.3) };
        let worse = world.fraction_with(&plan, Verdict::Fail);
        assert!(worse <= limit(plan.alpha, RUNS), "{unknown:?}: {worse}");
    }
}

/// Before, the margin grew by what is not known on blue, although as little is known on green.
#[test]
fn what_is_unknown_on_both_versions_hides_no_harm() {
    let plan = refusal_plan(0.25);
    for unknown in [by_version(0.0, 0.0), by_version(0.4, 0.4)] {
        let world = World { unknown, of_unknown: aborted, refusals: by_version(0.1, 0.2) };
        let worse = world.fraction_with(&plan, Verdict::Fail);
        assert!(worse >= 0.99, "{unknown:?}: {worse}");
    }
}

/// One account of blue's sends requests that blue rejects, so often per honest request of blue's.
#[test]
fn one_unit_of_blue_that_sends_rejected_requests_does_not_hide_errors_of_green() {
    let plan = plan_for(&[Metric::ErrorRate]);
    let rejected = Measurements::default().with_rate(Metric::ClientErrorRate, true);
    for times in [0, 1, 9, 99] {
        let mut evidence = evidence_in_last_step();
        for index in 0..18_000_u64 {
            let version = every_third_is_green(index);
            let bad_every = if version == Version::Green { 33 } else { 100 };
            let error = Measurements::default()
                .with_rate(Metric::ErrorRate, (index / 3).is_multiple_of(bad_every));
            let mut tick: Vec<_> = (0..times)
                .map(|_| observe(index, u64::MAX / 3, LAST, Version::Blue, rejected))
                .collect();
            tick.push(observe(index, spread(index), LAST, version, error));
            evidence.add(&plan, tick);
        }
        let analysis = Analysis::new(&plan, &evidence, StepIndex::new(LAST));
        assert_eq!(analysis.verdict, Verdict::Fail, "{times} for each: {analysis:#?}");
    }
}

/// An outage of one version is seen although its units have come before.
#[test]
fn units_that_come_again_reveal_an_outage() {
    let plan = refusal_plan(0.25);
    let mut evidence = evidence_in_last_step();
    let refused = |evidence: &Evidence| match &evidence.steps[LAST].gates[0] {
        GateStats::Rate(rate) => rate.units_with_event().green,
        GateStats::Values(_) => 0,
    };
    let answer = |is_bad| Measurements::default().with_rate(Metric::RefusalRate, is_bad);
    for minute in 0..20 {
        let is_outage = (5..15).contains(&minute);
        let observation = |index: u64| {
            let measurements = match every_second_is_green(index) {
                Version::Blue if is_outage => rate_limited(),
                Version::Blue => answer(false),
                // Green begins to refuse when the outage is known.
                Version::Green => answer(minute >= 10),
            };
            let at_ns = minute * MINUTE_NS + index;
            observe(at_ns, spread(index), LAST, every_second_is_green(index), measurements)
        };
        evidence.add(&plan, (0..200).map(observation).collect());
        let expected = if minute < 15 { 0 } else { 100 };
        // What was not counted during the outage counts after it.
        if minute != 15 {
            assert_eq!(refused(&evidence), expected, "minute {minute}");
        }
    }
}
