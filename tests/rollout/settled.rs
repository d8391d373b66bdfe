//! When a ramp without traffic changes.

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric};
use verdigris::assignment::Version;
use verdigris::rollout::CommandKind;

use super::harness::{RampHarness, Traffic};
use super::{BAD, BOTH_BROKEN, GOOD, NO_TRAFFIC, ramp_with};

/// Longer than a period of the analysis.
const SECONDS: u64 = 2_000;

/// Runs a ramp without traffic, and verifies that nothing changes before the state says so. Returns in
/// how many seconds nothing had to be done.
fn run_without_traffic(ramp: &mut RampHarness) -> u64 {
    let (mut settled_until_ns, mut skipped) = (None, 0);
    for _ in 0..SECONDS {
        let before = ramp.state.clone();
        ramp.run(1, NO_TRAFFIC);
        let mut after = ramp.state.clone();
        after.revision = before.revision;
        let is_changed = after != before;
        let now_ns = ramp.now().monotonic_ns;
        if settled_until_ns.is_some_and(|until| now_ns < until) {
            assert!(!is_changed, "at {now_ns} ns: {before:?} became {after:?}");
            skipped += 1;
        } else {
            settled_until_ns =
                (!is_changed).then(|| ramp.state.next_change_ns(ramp.spec(), ramp.now()));
        }
    }
    skipped
}

#[test]
fn a_ramp_without_traffic_changes_only_when_its_state_says_so() {
    let tripwires = json!([
        {"metric": "error_rate", "limit": 0.5, "window": "30s", "minimum": 20},
        {"metric": "duration", "limit": "60s", "window": "5m"},
    ]);
    let baseline = json!({
        "baseline": "10m", "bake": "10m", "adjust": true,
        "gates": [{"metric": "error_rate"}, {"metric": "duration"}],
    });
    let timeout = json!({"bake": "90s", "timeout": "4m", "tripwires": tripwires});
    let cases: [(&str, Value, Traffic); 6] = [
        ("a ramp that bakes", json!({"bake": "24h", "timeout": "48h"}), GOOD),
        ("one that holds and is overdue", timeout.clone(), GOOD),
        ("one with an incident", timeout, BOTH_BROKEN),
        ("one that is rolled back", json!({"bake": "24h", "timeout": "48h"}), BAD),
        ("one with a baseline", baseline, NO_TRAFFIC),
        ("one that never had traffic", json!({}), NO_TRAFFIC),
    ];
    for (name, fields, traffic) in cases {
        let mut ramp = RampHarness::new(ramp_with(fields));
        ramp.run(40, traffic);
        let skipped = run_without_traffic(&mut ramp);
        assert!(skipped > SECONDS * 9 / 10, "{name}: {skipped}");
    }
}

#[test]
fn under_an_operators_share_the_steps_clock_changes_nothing() {
    let mut ramp = RampHarness::new(ramp_with(json!({"bake": "90s", "timeout": "4m"})));
    ramp.run(10, GOOD);
    ramp.command(CommandKind::Promote).unwrap();
    let skipped = run_without_traffic(&mut ramp);
    assert!(skipped > SECONDS * 9 / 10, "{skipped}");
}

/// A threshold is frozen when learning has taken some times as long as it, without a response then.
#[test]
fn a_threshold_is_frozen_when_the_state_says_so() {
    let fields = json!({"bake": "24h", "timeout": "48h", "gates": [{"metric": "slow_rate"}]});
    let mut ramp = RampHarness::new(ramp_with(fields));
    ramp.run(1, NO_TRAFFIC);
    let duration = Measurements::default().with_value(Metric::Duration, 100_000.0);
    let observations: Vec<_> =
        (0..400).map(|unit| ramp.response(unit, Version::Blue, duration)).collect();
    let (spec, now) = (ramp.spec().clone(), ramp.now());
    ramp.state.reconcile(&spec, now, &observations);
    let is_learned =
        |ramp: &RampHarness| ramp.state.evidence.thresholds().get(Metric::SlowRate).is_some();
    assert!(!is_learned(&ramp));
    run_without_traffic(&mut ramp);
    assert!(is_learned(&ramp));
}
