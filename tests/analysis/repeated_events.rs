//! Bad responses of units that come again count for the test of harm, as the clusters that they form.

use verdigris::analysis::known_fraction::KnownFraction;
use verdigris::analysis::period::PERIOD_NS;
use verdigris::analysis::repeated_events::RepeatedEvents;
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, Evidence, GateSpec, GateStats, Measurements, Metric,
    StepIndex, Verdict,
};
use verdigris::assignment::Version;

use crate::repeated_values::{is_on_green, mixed};
use crate::{NOTHING_WAS_BET, limit, observe, one_step_plan, plan_for};

/// Users who send one request in each period, of whom every third is on green.
#[derive(Clone, Copy)]
struct Visits {
    users: u64,
    periods: u64,
    /// The fraction of blue's requests that fail.
    rate: f64,
    /// Green's as a multiple of it.
    ratio: f64,
    /// The fraction of users whose requests fail; those of the others never do.
    unlucky: f64,
    seed: u64,
}

const VISITS: Visits =
    Visits { users: 600, periods: 12, rate: 0.02, ratio: 1.0, unlucky: 1.0, seed: 1 };

/// Users of whom a tenth has all failures.
const UNLIKE: Visits = Visits { unlucky: 0.1, ..VISITS };

// === impl Visits ===

impl Visits {
    fn verdict(self, plan: &AnalysisPlan) -> Verdict {
        let uniform = |bits: u64| mixed(bits) as f64 / u64::MAX as f64;
        let mut evidence = Evidence::default();
        evidence.begin_step(StepIndex::FIRST, 0);
        for period in 0..self.periods {
            let at_ns = period * PERIOD_NS + period;
            evidence.begin_tick(plan, at_ns);
            let observations = (0..self.users).map(|user| {
                let unit = mixed(self.seed << 20 | user);
                let is_green = is_on_green(unit);
                let version = if is_green { Version::Green } else { Version::Blue };
                let ratio = if is_green { self.ratio } else { 1.0 };
                let is_unlucky = uniform(unit ^ 1) < self.unlucky;
                let draw = uniform(self.seed << 40 | (period + 1) << 20 | user);
                let is_bad = is_unlucky && draw < self.rate * ratio / self.unlucky;
                let measurements = Measurements::default().with_rate(Metric::ErrorRate, is_bad);
                observe(at_ns, unit, 0, version, measurements)
            });
            evidence.add(plan, observations.collect());
        }
        Analysis::new(plan, &evidence, StepIndex::FIRST).verdict
    }

    fn share_of_failures(self, plan: &AnalysisPlan, seeds: u64) -> f64 {
        let fails = |seed: &u64| Self { seed: seed + 1, ..self }.verdict(plan) == Verdict::Fail;
        (0..seeds).filter(fails).count() as f64 / seeds as f64
    }
}

/// A gate on errors without a margin.
fn plan() -> AnalysisPlan {
    let spec = GateSpec::with_defaults(Metric::ErrorRate, &[0.3]);
    one_step_plan(GateSpec { margin: 0.0, ..spec })
}

#[test]
fn a_worse_green_is_found_by_users_who_come_again() {
    let worse = Visits { users: 240, rate: 0.04, ratio: 3.0, ..VISITS };
    let found = |periods| Visits { periods, ..worse }.share_of_failures(&plan(), 40);
    let (soon, late) = (found(3), found(16));
    assert!(soon < 0.6 && late > 0.9, "after 3 periods {soon}, after 16 {late}");
}

/// All errors of few users, who fail in each period, are clusters.
#[test]
fn a_green_like_blue_is_seldom_found_worse() {
    for (what, visits) in [
        ("alike users", VISITS),
        ("unlike users", UNLIKE),
        ("few unlike users", Visits { users: 60, rate: 0.05, periods: 24, ..UNLIKE }),
        ("users who fail each time", Visits { rate: 0.1, ..UNLIKE }),
    ] {
        let found = visits.share_of_failures(&plan(), 400);
        assert!(found <= limit(0.05, 400), "{what}: {found}");
    }
}

/// Eight values of green that are higher than all of blue's.
fn eight_slow(plan: &AnalysisPlan) -> Evidence {
    let observation = |unit: u64| {
        let is_green = unit.is_multiple_of(6);
        let version = if is_green { Version::Green } else { Version::Blue };
        let ms = if is_green { 9_000.0 } else { 1_000.0 + unit as f32 };
        let duration = Measurements::default().with_value(Metric::Duration, ms);
        observe(unit, unit, 0, version, duration)
    };
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::FIRST, 0);
    evidence.add(plan, (0..48).map(observation).collect());
    evidence
}

/// Where each request counts, none is its unit's second, and the first test has all of α.
#[test]
fn where_each_request_counts_there_is_no_second_test() {
    let units = one_step_plan(GateSpec::with_defaults(Metric::Duration, &[0.3]));
    let requests = AnalysisPlan { unit: AnalysisUnit::EveryRequest, ..units.clone() };
    let e_value = |plan: &AnalysisPlan| {
        let analysis = Analysis::new(plan, &eight_slow(plan), StepIndex::FIRST);
        (analysis.gates[0].harm_log_e - NOTHING_WAS_BET).exp()
    };
    // Of so few units, the second e-value is 1.
    let (of_both, of_first) = (e_value(&units), e_value(&requests));
    assert!(of_first > 1.2, "{of_first}");
    assert!((of_both - f64::midpoint(of_first, 1.0)).abs() < 1e-9, "{of_both} {of_first}");
}

fn events(evidence: &Evidence) -> &RepeatedEvents {
    let GateStats::Rate(stats) = &evidence.steps[0].gates[0] else { panic!() };
    &stats.repeated
}

/// After the last step that compares versions, requests still come of conversations, or of responses
/// that were open. They count in periods alone.
#[test]
fn after_its_step_a_unit_does_not_come_again() {
    let plan = plan();
    let bad = |unit: u64| {
        let error = Measurements::default().with_rate(Metric::ErrorRate, true);
        observe(unit, unit, 0, Version::Green, error)
    };
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::FIRST, 0);
    evidence.begin_tick(&plan, 0);
    evidence.add(&plan, (0..3).map(bad).collect());
    assert_ne!(events(&evidence), &RepeatedEvents::default());
    evidence.begin_step(StepIndex::new(1), 10);
    evidence.continue_in_periods(10);
    evidence.begin_tick(&plan, 10);
    evidence.add(&plan, (10..13).map(bad).collect());
    assert_eq!(events(&evidence), &RepeatedEvents::default());
    // What the second test had is lost, and none of it is bet again.
    let after = Analysis::new(&plan, &evidence, StepIndex::FIRST).gates[0].harm_log_e;
    let mut without_promotion = Evidence::default();
    without_promotion.begin_step(StepIndex::FIRST, 0);
    without_promotion.add(&plan, (0..3).chain(10..13).map(bad).collect());
    let before = Analysis::new(&plan, &without_promotion, StepIndex::FIRST).gates[0].harm_log_e;
    assert!((before - after - 2_f64.ln()).abs() < 1e-9, "{before} {after}");
}

/// Accounts that fail in each half hour are few clusters: an hour needs as many of 200 users as one
/// response of each would need.
#[test]
fn accounts_that_fail_again_and_again_count_as_clusters() {
    let plan = plan_for(&[Metric::ErrorRate; 8]);
    let verdict = |accounts: u64| {
        let mut evidence = Evidence::default();
        evidence.begin_step(StepIndex::FIRST, 0);
        for period in 0..2 {
            let at_ns = period * PERIOD_NS + period;
            evidence.begin_tick(&plan, at_ns);
            let observation = |(unit, version, is_bad)| {
                let measurements = Measurements::default().with_rate(Metric::ErrorRate, is_bad);
                observe(at_ns, mixed(unit), 0, version, measurements)
            };
            // Of 100 users 4.4 have an error in half an hour.
            let fails = |unit: u64| mixed(unit ^ (period + 1) << 32) % 1_000 < 44;
            let blue = (0..19_800).map(|unit| (unit, Version::Blue, fails(unit)));
            let green = (20_000..20_200).map(|unit| (unit, Version::Green, fails(unit)));
            let attackers = (30_000..30_000 + accounts).map(|unit| (unit, Version::Green, true));
            evidence.add(&plan, blue.chain(green).chain(attackers).map(observation).collect());
        }
        Analysis::new(&plan, &evidence, StepIndex::FIRST).verdict
    };
    let found: Vec<bool> = [8, 10, 24].map(|it| verdict(it) == Verdict::Fail).to_vec();
    assert_eq!(found, [false, false, true]);
}

#[test]
fn the_design_effect_is_the_number_of_events_that_come_together() {
    let level = KnownFraction::default().level_for_harm().unwrap();
    let events = |version, units: u64, each: u64| {
        let mut events = RepeatedEvents::default();
        for unit in 0..units {
            (0..each).for_each(|_| events.add(level, version, unit));
        }
        events
    };
    // Units in order are in different groups. `each · (1 − units/64) · 64/63`, for green divided by
    // 1.356; at least 1.
    let table = [
        (Version::Blue, 0, 0, 1.0),
        (Version::Blue, 32, 1, 1.0),
        (Version::Blue, 16, 8, 6.095_238),
        (Version::Blue, 1, 8, 8.0),
        (Version::Green, 16, 8, 4.495_014),
        (Version::Green, 640, 1, 1.0),
    ];
    for (version, units, each, expected) in table {
        let effect = events(version, units, each).design_effect();
        assert!((effect - expected).abs() < 1e-5, "{version:?} {units} × {each}: {effect}");
    }
    let mut both = events(Version::Blue, 16, 8);
    both.merge(&events(Version::Green, 1, 8));
    assert!((both.design_effect() - 6.095_238).abs() < 1e-5, "{}", both.design_effect());
}
