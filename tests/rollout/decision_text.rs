//! The wording of decisions.

use serde_json::json;
use verdigris::rollout::Phase;
use verdigris::rollout::decision_text::split_numbers;

use super::harness::{RampHarness, Traffic};
use super::{BAD, GOOD, ramp, ramp_with};

fn last_text(ramp: &RampHarness) -> String {
    ramp.state.log.iter().last().unwrap().why.clone()
}

#[test]
fn a_rollback_states_its_evidence() {
    let mut ramp = RampHarness::new(ramp());
    while ramp.phase() != Phase::RolledBack {
        ramp.run(1, BAD);
    }
    assert_eq!(
        last_text(&ramp),
        "green is worse: evidence for worse: 20, rolls back at 20; evidence for safe: 0.096, \
         advances at 10; error_rate fail: blue 0.0000 of 90 units, green 0.1000 of 90 units, \
         evidence for worse 20, for safe 0.096"
    );
}

/// At 1 %, three bad units of green are evidence enough, and not enough units.
#[test]
fn evidence_of_too_few_units_is_named() {
    let fields = json!({"steps": [1, 100], "bake": "5s", "timeout": "5s"});
    let mut ramp = RampHarness::new(ramp_with(fields));
    ramp.run(1, Traffic { each: 4, blue_bad: 0, green_bad: 4 });
    ramp.run(10, Traffic { each: 0, ..GOOD });
    assert_eq!(ramp.phase(), Phase::Holding);
    let text = last_text(&ramp);
    assert!(
        text.contains("error_rate undecided (worse needs 1 more bad units of green)"),
        "{text}"
    );
    ramp.run(1, Traffic { each: 1, blue_bad: 0, green_bad: 1 });
    assert_eq!(ramp.phase(), Phase::RolledBack);
}

#[test]
fn an_advance_states_its_evidence() {
    let mut ramp = RampHarness::new(ramp());
    while ramp.state.step.get() == 0 {
        ramp.run(1, GOOD);
    }
    let text = last_text(&ramp);
    let (reason, numbers) = split_numbers(&text);
    assert_eq!(reason, "green is safe");
    let parts: Vec<&str> = numbers.split("; ").collect();
    assert_eq!(parts.len(), 3, "{parts:#?}");
    assert_eq!(parts[0], "evidence for worse: 1.0, rolls back at 20");
    assert!(parts[1].starts_with("evidence for safe: "), "{parts:#?}");
    assert!(
        parts[2].starts_with("error_rate pass: blue 0.0000 of 1800 units, green"),
        "{parts:#?}"
    );
}

#[test]
fn a_watched_gate_and_requests_are_named() {
    let gates = json!([{"metric": "error_rate"}, {"metric": "abort_rate", "critical": false}]);
    let fields = json!({"gates": gates, "evidence": "every_request", "steps": [50]});
    let mut ramp = RampHarness::new(ramp_with(fields));
    ramp.run(60, Traffic { each: 1, ..GOOD });
    let text = last_text(&ramp);
    assert!(text.starts_with("waits for "), "{text}");
    assert!(text.contains("error_rate undecided: blue 0.0000 of 60 requests"), "{text}");
    assert!(text.contains("abort_rate (watched) "), "{text}");
}

#[test]
fn a_text_without_numbers_is_all_reason() {
    let text = "operator command: pause: evidence for worse, as it seems";
    assert_eq!(split_numbers(text), (text, ""));
}
