//! The profiles, with the real controller on simulated traffic.

use verdigris::analysis::Metric;
use verdigris::config::Config;
use verdigris::rollout::{RampProfile, RampSpec};
use verdigris::simulate::{Behaviour, RunEnd, SimulatedRollout, Timing, Users, World};

fn ramp_with(profile: RampProfile) -> RampSpec {
    let name = profile.as_str();
    let text = format!(
        r#"{{"rollout": "r", "unit": {{"header": "u"}}, "ramp": {{"profile": "{name}"}},
            "versions": {{"blue": {{"cluster": "b"}}, "green": {{"cluster": "g"}}}}}}"#
    );
    Config::parse(text.as_bytes()).unwrap().ramp.unwrap()
}

/// A service of 200 users whose green has these multiples of blue's errors and durations.
fn small_service(green_errors: f64, green_duration: f64) -> World {
    let rate = |metric, blue, green| Behaviour { metric, blue, spread: 0.0, green };
    let value = |metric, blue, spread| Behaviour { metric, blue, spread, green: 1.0 };
    World {
        per_second: 0.5,
        users: Users::Sticky { count: 200, shape: 1.0 },
        behaviours: vec![
            rate(Metric::ErrorRate, 0.01, green_errors),
            rate(Metric::ClientErrorRate, 0.01, 1.0),
            rate(Metric::RefusalRate, 0.02, 1.0),
            rate(Metric::EmptyRate, 0.005, 1.0),
            rate(Metric::AbortRate, 0.01, 1.0),
            rate(Metric::SlowRate, 0.05, 1.0),
            Behaviour { green: green_duration, ..value(Metric::Duration, 4000.0, 0.85) },
            value(Metric::Ttft, 600.0, 0.6),
        ],
        green_differs_s: World::WHOLE_RUN,
        incident: None,
        unread: Default::default(),
        failure_ms: Some(50.0),
        timing: Timing::default(),
        explained: 0.0,
        judged_pairs: 0.0,
        drift: None,
    }
}

#[test]
fn a_green_that_fails_everything_is_rolled_back_in_a_small_service() {
    for seed in 0..10 {
        let rollout = SimulatedRollout::new(
            &ramp_with(RampProfile::Small),
            small_service(1e6, 1.0),
            false,
            86_400,
        );
        let run = rollout.run(seed);
        assert_eq!(run.end, RunEnd::RolledBack, "seed {seed}: {run:?}");
        // After the baseline.
        assert!(run.seconds < 2 * 3_600 + 1_800, "seed {seed}: {run:?}");
    }
}

/// One step of six hours is the least that a good green takes.
#[test]
fn a_good_green_completes_a_small_ramp_within_a_day() {
    let promoted = (0..8).filter(|seed| {
        let rollout = SimulatedRollout::new(
            &ramp_with(RampProfile::Small),
            small_service(1.0, 1.0),
            false,
            86_400,
        );
        rollout.run(*seed).end == RunEnd::Done
    });
    assert!(promoted.count() >= 5);
}

/// Without what is known of users from before the step, a quarter of such ramps were promoted.
#[test]
fn a_slower_green_is_not_promoted_in_a_small_service() {
    for seed in 0..4 {
        let slower = small_service(1.0, 1.3);
        let rollout = SimulatedRollout::new(&ramp_with(RampProfile::Small), slower, false, 86_400);
        assert_ne!(rollout.run(seed).end, RunEnd::Done, "seed {seed}");
    }
}

#[test]
fn the_profile_follows_from_the_traffic() {
    use RampProfile::{Default, Large, Small};
    for (users, rps, expected) in [
        (Some(200.0), 0.5, Small),
        (Some(2_000.0), 5.0, Small),
        (Some(20_000.0), 5.0, Small),
        (Some(20_000.0), 50.0, Default),
        (Some(1e6), 50.0, Default),
        (Some(1e6), 500.0, Large),
        (None, 5.0, Small),
        (None, 50.0, Default),
        (None, 500.0, Large),
    ] {
        assert_eq!(RampProfile::for_traffic(users, rps), expected, "{users:?}, {rps}");
    }
}
