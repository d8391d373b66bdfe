//! The simulation: one ramp that the gate and the rules of other tools watch.

use verdigris::analysis::{ByVersion, Metric};
use verdigris::config::Config;
use verdigris::rollout::RampSpec;
use verdigris::simulate::comparison::NAMES;
use verdigris::simulate::{Behaviour, Comparison, Drift, Finding, Timing, Users, World};

fn spec() -> RampSpec {
    let config = r#"{"rollout": "r", "unit": {"header": "u"}, "ramp": {"steps": [25, 50, 100]},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}}}"#;
    Config::parse(config.as_bytes()).unwrap().ramp.unwrap()
}

/// A world in which green has so many times blue's errors and blue's durations.
fn world(errors: f64, duration: f64) -> World {
    let behaviour = |metric, blue, spread, green| Behaviour { metric, blue, spread, green };
    World {
        per_second: 20.0,
        users: Users::Independent,
        behaviours: vec![
            behaviour(Metric::ErrorRate, 0.01, 0.0, errors),
            behaviour(Metric::Duration, 4000.0, 0.85, duration),
        ],
        green_differs_s: World::WHOLE_RUN,
        incident: None,
        unread: ByVersion::default(),
        failure_ms: None,
        timing: Timing::default(),
        explained: 0.0,
        judged_pairs: 0.0,
        drift: None,
    }
}

fn findings(world: World) -> [Option<Finding>; NAMES.len()] {
    Comparison::new(&spec(), world, 1200).run(7)
}

#[test]
fn every_rule_finds_a_green_that_fails_everything() {
    let found = findings(world(100.0, 1.0));
    for (name, finding) in NAMES.into_iter().zip(found) {
        assert!(finding.is_some_and(|it| it.seconds <= 1200), "{name}: {finding:?}");
    }
}

#[test]
fn every_rule_finds_a_green_that_takes_three_times_as_long() {
    let found = findings(world(1.0, 3.0));
    for (name, finding) in NAMES.into_iter().zip(found) {
        assert!(finding.is_some_and(|it| it.green_requests > 0), "{name}: {finding:?}");
    }
}

#[test]
fn neither_the_gate_nor_a_test_that_allows_for_its_looks_blames_an_equal_green() {
    let drift = Some(Drift { period_s: 1200, peak: 1.5 });
    for world in [world(1.0, 1.0), World { drift, ..world(1.0, 1.0) }] {
        let found = findings(world);
        for (name, finding) in NAMES.into_iter().zip(found) {
            let allows_for_looks = !["Flagger", "Kayenta", "z test"].contains(&name);
            assert!(!allows_for_looks || finding.is_none(), "{name}: {finding:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_findings() {
    assert_eq!(findings(world(3.0, 1.0)), findings(world(3.0, 1.0)));
}
