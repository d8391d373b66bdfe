//! How a ramp follows a changed configuration.

use serde_json::{Value, json};
use verdigris::config::Config;
use verdigris::rollout::{HoldReason, Phase, RampState};

use super::harness::RampHarness;
use super::{BAD, BROKEN, GOOD, NO_TRAFFIC, ramp, ramp_with};

fn in_second_step() -> RampHarness {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(70, GOOD);
    assert_eq!(ramp.state.step.get(), 1);
    ramp
}

#[test]
fn a_changed_ramp_continues_where_it_can() {
    // The change; the step and green's percent after it; what the log says.
    let table = [
        (json!({"steps": [50, 75, 90, 100]}), 1, 75, "the analysis settings changed"),
        (json!({"alpha": 0.01}), 1, 75, "the analysis settings changed"),
        (json!({"steps": [10, 40, 60, 80, 100]}), 2, 60, "the steps changed"),
        (json!({"steps": [90, 100]}), 0, 90, "the steps changed"),
        (json!({"restart": "2"}), 0, 50, "the ramp begins again"),
        (json!({"tripwires": [{"metric": "error_rate", "limit": 0.9}]}), 1, 75, "tripwires"),
    ];
    for (change, step, percent, expected) in table {
        let mut ramp = in_second_step();
        ramp.configure(ramp_with(change.clone()));
        ramp.run(1, GOOD);
        assert_eq!(ramp.state.step.get(), step, "{change}");
        assert_eq!(ramp.share().basis_points(), percent * 100, "{change}");
        let last = ramp.log().pop().unwrap();
        assert!(last.starts_with("ramping at 75 % -> "), "{change} {last}");
        assert!(last.contains(expected), "{change} {last}");
    }
}

/// With all users on green there is nothing to bake.
#[test]
fn a_promoted_ramp_waits_for_nothing_after_a_change() {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(130, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Promoted, HoldReason::Nothing));
    ramp.configure(ramp_with(json!({"alpha": 0.01})));
    ramp.run(2, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Promoted, HoldReason::Nothing));
}

#[test]
fn a_changed_bake_time_is_no_transition() {
    let mut ramp = in_second_step();
    let log = ramp.log();
    ramp.configure(ramp_with(json!({"bake": "90s"})));
    ramp.run(1, GOOD);
    assert_eq!((ramp.state.step.get(), ramp.log()), (1, log));
}

#[test]
fn only_restart_ends_a_rollback() {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(60, BAD);
    ramp.configure(ramp_with(json!({"steps": [25, 50, 100], "alpha": 0.01})));
    ramp.run(10, GOOD);
    assert_eq!(ramp.phase(), Phase::RolledBack);
    ramp.configure(ramp_with(json!({"restart": "again"})));
    ramp.run(10, GOOD);
    assert_eq!((ramp.phase(), ramp.state.step.get()), (Phase::Ramping, 0));
    assert!(ramp.state.evidence.steps[0].units.green > 0);
}

/// Otherwise the sums of the former gates would be shown as those of the new ones.
#[test]
fn a_rolled_back_ramp_forgets_the_evidence_of_former_gates() {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(60, BAD);
    ramp.configure(ramp_with(json!({"tripwires": [{"metric": "error_rate", "limit": 0.9}]})));
    ramp.run(1, NO_TRAFFIC);
    assert!(!ramp.state.evidence.steps.is_empty());
    ramp.configure(ramp_with(json!({"gates": [{"metric": "abort_rate"}]})));
    ramp.run(1, NO_TRAFFIC);
    assert!(ramp.state.evidence.steps.is_empty());
    assert_eq!(ramp.phase(), Phase::RolledBack);
}

#[test]
fn observations_from_before_a_restart_do_not_count() {
    let mut ramp = RampHarness::new(ramp());
    let epoch = ramp.state.epoch;
    ramp.run(5, GOOD);
    ramp.configure(ramp_with(json!({"restart": "2"})));
    ramp.run(1, NO_TRAFFIC);
    ramp.reconcile(epoch, BROKEN);
    assert_eq!(ramp.state.evidence.steps.len(), 0);
    ramp.reconcile(ramp.state.epoch, GOOD);
    assert_eq!(ramp.state.evidence.steps[0].units.green, 30);
}

#[test]
fn a_late_observation_counts_for_the_step_that_assigned_it() {
    let mut ramp = RampHarness::new(ramp());
    let epoch = ramp.state.epoch;
    ramp.run(70, GOOD);
    assert_eq!(ramp.state.step.get(), 1);
    let before = ramp.state.evidence.steps[0].units.green;
    ramp.reconcile(epoch, GOOD);
    assert_eq!(ramp.state.evidence.steps[0].units.green, before + 30);
}

/// In a ramp with one step that compares, users and conversations are assigned with the same probability.
#[test]
fn evidence_of_users_is_none_of_conversations() {
    let with = |conversation: Value| {
        let mut config = json!({
            "rollout": "assistant-v8",
            "unit": {"header": "x-user-id"},
            "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
            "ramp": ramp_with(json!({"steps": [50, 100]})),
        });
        if conversation.is_object() {
            config["conversation"] = conversation;
        }
        Config::parse(config.to_string().as_bytes()).unwrap()
    };
    let (by_user, by_chat) = (Value::Null, json!({"id": [{"header": "x-chat"}]}));
    let by_other_chat = json!({"id": [{"header": "x-thread"}]});
    for (from, to, is_other) in [
        (&by_user, &by_user, false),
        (&by_user, &by_chat, true),
        (&by_chat, &by_user, true),
        (&by_chat, &by_other_chat, false),
    ] {
        let mut ramp = RampHarness::new(ramp());
        ramp.config = with(from.clone());
        ramp.state = RampState::new(ramp.spec(), ramp.now());
        ramp.run(10, GOOD);
        ramp.config = with(to.clone());
        ramp.run(1, NO_TRAFFIC);
        assert_eq!(ramp.state.evidence.steps.is_empty(), is_other, "{from} {to}");
        let last = ramp.log().pop().unwrap();
        assert_eq!(last.contains("the analysis settings changed"), is_other, "{last}");
    }
}
