//! The shadow step of a ramp: before it ends, no user is on green.

use serde_json::{Value, json};
use verdigris::analysis::StepIndex;
use verdigris::assignment::{Epoch, Share};
use verdigris::rollout::{CommandError, CommandKind, ExpectedStep, HoldReason, Phase};

use super::harness::{RampHarness, Traffic};
use super::{BAD, BOTH_BROKEN, BROKEN, GOOD, NO_TRAFFIC, ramp_with};

/// A ramp whose first step is a shadow step with these fields.
fn with_shadow(step: Value) -> RampHarness {
    RampHarness::new(ramp(step))
}

fn ramp(step: Value) -> Value {
    ramp_with(json!({"steps": [step, 50, 75, 100]}))
}

fn shadow() -> Value {
    json!({"shadow": 10, "pairs": 1000})
}

/// A second in which few responses fail, equally many on both sides.
const ALIKE: Traffic = Traffic { each: 30, blue_bad: 1, green_bad: 1 };

#[test]
fn no_user_is_on_green_until_green_is_safe() {
    let mut ramp = with_shadow(shadow());
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Ramping, HoldReason::Pairs));
    let snapshot = ramp.state.snapshot(ramp.spec());
    assert_eq!((snapshot.share, snapshot.analysed_share), (Share::ZERO, Share::ALL));
    assert!(snapshot.is_shadow_step && snapshot.epoch != Epoch::MANUAL);
    while ramp.state.is_shadow_step() {
        assert_eq!(ramp.share(), Share::ZERO);
        ramp.run_pairs(1, GOOD);
    }
    assert_eq!((ramp.phase(), ramp.share().basis_points()), (Phase::Ramping, 5_000));
    assert_eq!(ramp.state.hold_reason, HoldReason::Bake);
    assert!(ramp.state.pairs.pairs < 1000);
    let last = ramp.log().pop().unwrap();
    assert!(
        last.starts_with("ramping at 0 % -> ramping at 50 %: green is safe: evidence for worse"),
        "{last}"
    );
    assert!(last.contains(" pairs of "), "{last}");
    // The steps after it are those of any ramp.
    ramp.run(600, GOOD);
    assert_eq!(ramp.phase(), Phase::Promoted, "{:#?}", ramp.log());
}

#[test]
fn a_worse_green_is_rolled_back_before_a_user_has_seen_it() {
    let mut ramp = with_shadow(shadow());
    ramp.run_pairs(60, BAD);
    assert_eq!((ramp.phase(), ramp.share()), (Phase::RolledBack, Share::ZERO));
    let log = ramp.log();
    assert!(log.iter().all(|it| !it.contains("ramping at 50 %")), "{log:#?}");
    let last = log.last().unwrap();
    assert!(
        last.contains("green is worse: evidence for worse: ") && last.contains("on green alone"),
        "{last}"
    );
    // Nothing changes the evidence afterwards.
    let pairs = ramp.state.pairs.clone();
    ramp.run_pairs(5, GOOD);
    assert_eq!(ramp.state.pairs, pairs);
}

#[test]
fn a_tripwire_watches_the_copies() {
    let tripwire = json!([{"metric": "error_rate", "limit": 0.5, "minimum": 20}]);
    let with_tripwire = |traffic: Traffic| {
        let ramp = json!({"steps": [shadow(), 50, 100], "tripwires": tripwire});
        let mut ramp = RampHarness::new(ramp_with(ramp));
        ramp.run_pairs(1, traffic);
        ramp
    };
    let broken = with_tripwire(BROKEN);
    assert_eq!(broken.phase(), Phase::RolledBack);
    let last = broken.log().pop().unwrap();
    assert!(last.contains("tripwire: error_rate of green was 1.0000"), "{last}");
    let mut both = with_tripwire(BOTH_BROKEN);
    assert_eq!((both.phase(), both.state.hold_reason), (Phase::Holding, HoldReason::Incident));
    // Once both work again, the step goes on.
    both.run_pairs(40, GOOD);
    assert!(!both.state.is_shadow_step(), "{:#?}", both.log());
}

#[test]
fn after_the_last_pair_the_ramp_holds_and_says_how_many_it_needs() {
    let mut ramp = with_shadow(json!({"shadow": 10, "pairs": 100}));
    ramp.run_pairs(4, ALIKE);
    assert_eq!((ramp.phase(), ramp.state.pairs.pairs), (Phase::Holding, 120));
    let last = ramp.log().pop().unwrap();
    assert!(last.contains("waits for pairs (120 of 100 pairs, "), "{last}");
    assert!(last.contains("error_rate undecided: of 120 units"), "{last}");
    let transitions = ramp.log().len();
    ramp.run_pairs(1, ALIKE);
    assert_eq!(ramp.log().len(), transitions);
    // Pairs that come later still decide.
    ramp.run_pairs(40, GOOD);
    assert!(!ramp.state.is_shadow_step(), "{:#?}", ramp.log());
}

/// Near a limit the reason can change at each tick. As decisions, its changes replaced all that are kept.
#[test]
fn another_reason_to_hold_is_no_decision() {
    let mut ramp = with_shadow(json!({"shadow": 10, "pairs": 100}));
    ramp.run_pairs(4, ALIKE);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Pairs));
    let decisions = ramp.log();
    for reason in [HoldReason::Unread, HoldReason::Approval] {
        ramp.state.hold_reason = reason;
        ramp.run_pairs(1, NO_TRAFFIC);
        assert_eq!((ramp.state.hold_reason, ramp.log()), (HoldReason::Pairs, decisions.clone()));
    }
    let steps = json!([{"shadow": 10, "pairs": 100}, {"percent": 50, "approve": true}, 100]);
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": steps})));
    ramp.run_pairs(4, ALIKE);
    let decisions = ramp.log();
    ramp.run_pairs(60, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Approval));
    assert_eq!(ramp.log(), decisions);
}

#[test]
fn without_pairs_the_step_becomes_overdue() {
    let mut ramp = with_shadow(shadow());
    ramp.run(3599, NO_TRAFFIC);
    assert_eq!((ramp.phase(), ramp.is_overdue()), (Phase::Ramping, false));
    ramp.run(2, NO_TRAFFIC);
    assert_eq!((ramp.phase(), ramp.is_overdue()), (Phase::Holding, true));
    let last = ramp.log().pop().unwrap();
    assert!(
        last.contains("overdue, waits for pairs (0 of 1000 pairs, so no copy has met"),
        "{last}"
    );
}

#[test]
fn responses_without_a_copy_are_no_evidence() {
    let mut ramp = with_shadow(shadow());
    ramp.run(60, BAD);
    assert_eq!((ramp.phase(), ramp.state.pairs.pairs), (Phase::Ramping, 0));
    ramp.run_pairs(30, GOOD);
    assert!(!ramp.state.is_shadow_step());
    let analysis = ramp.state.analyse(ramp.spec()).unwrap();
    assert_eq!((analysis.units.blue, analysis.units.green), (0, 0));
}

#[test]
fn pairs_of_the_shadow_step_are_no_evidence_of_the_first_step() {
    let mut ramp = with_shadow(shadow());
    let epoch = ramp.snapshot_epoch();
    ramp.run_pairs(30, GOOD);
    assert_ne!(ramp.snapshot_epoch(), epoch);
    let pairs = ramp.state.pairs.pairs;
    assert_eq!(ramp.state.step_of_epoch(epoch), None);
    ramp.reconcile(epoch, BROKEN);
    ramp.run_pairs(2, BROKEN);
    assert_eq!(ramp.state.pairs.pairs, pairs);
    assert_eq!(ramp.phase(), Phase::Ramping);
}

#[test]
fn the_first_step_may_need_an_approval() {
    let steps = json!([shadow(), {"percent": 50, "approve": true}, 100]);
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": steps})));
    assert_eq!(ramp.command(CommandKind::Approve), Err(CommandError::NoStepNeedsApproval));
    ramp.run_pairs(60, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Approval));
    assert_eq!(ramp.share(), Share::ZERO);
    ramp.command(CommandKind::Approve).unwrap();
    assert_eq!((ramp.phase(), ramp.share().basis_points()), (Phase::Ramping, 5_000));
    assert_eq!(ramp.state.step.get(), 0);
}

#[test]
fn operator_commands_act_on_the_shadow_step() {
    let mut ramp = with_shadow(shadow());
    ramp.command(CommandKind::Pause).unwrap();
    ramp.run_pairs(60, GOOD);
    assert_eq!((ramp.phase(), ramp.share()), (Phase::Paused, Share::ZERO));
    ramp.command(CommandKind::Resume).unwrap();
    ramp.run_pairs(1, GOOD);
    assert_eq!((ramp.phase(), ramp.state.is_shadow_step()), (Phase::Ramping, false));

    let mut ramp = with_shadow(shadow());
    ramp.command(CommandKind::Promote).unwrap();
    assert_eq!((ramp.phase(), ramp.share()), (Phase::Promoted, Share::ALL));
    assert!(!ramp.state.snapshot(ramp.spec()).is_shadow_step);
    ramp.command(CommandKind::Resume).unwrap();
    assert_eq!((ramp.share(), ramp.state.is_shadow_step()), (Share::ZERO, true));
    ramp.run_pairs(30, GOOD);
    assert!(!ramp.state.is_shadow_step());

    let mut ramp = with_shadow(shadow());
    ramp.command(CommandKind::Rollback).unwrap();
    ramp.run_pairs(60, GOOD);
    assert_eq!((ramp.phase(), ramp.share()), (Phase::RolledBack, Share::ZERO));
}

#[test]
fn the_configuration_pauses_restarts_and_removes_the_shadow_step() {
    let mut ramp_now = with_shadow(shadow());
    let with = |fields: Value| {
        let mut all = ramp(shadow());
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all
    };
    ramp_now.configure(with(json!({"paused": true})));
    ramp_now.run_pairs(60, GOOD);
    assert_eq!((ramp_now.phase(), ramp_now.share()), (Phase::Paused, Share::ZERO));
    ramp_now.configure(with(json!({})));
    ramp_now.run_pairs(2, GOOD);
    assert!(!ramp_now.state.is_shadow_step(), "{:#?}", ramp_now.log());
    // It begins with the shadow step again.
    ramp_now.configure(with(json!({"restart": "2"})));
    ramp_now.run_pairs(1, NO_TRAFFIC);
    assert_eq!((ramp_now.state.is_shadow_step(), ramp_now.state.pairs.pairs), (true, 0));
    ramp_now.run_pairs(2, GOOD);
    // More pairs are allowed: the evidence stays.
    ramp_now.configure(with(
        json!({"restart": "2", "steps": [{"shadow": 20, "pairs": 5000}, 50, 75, 100]}),
    ));
    ramp_now.run_pairs(1, GOOD);
    assert_eq!(ramp_now.state.pairs.pairs, 90);
    ramp_now.configure(with(json!({"restart": "2", "steps": [50, 75, 100]})));
    ramp_now.run_pairs(1, GOOD);
    assert_eq!((ramp_now.state.is_shadow_step(), ramp_now.share().basis_points()), (false, 5_000));
    let last = ramp_now.log().pop().unwrap();
    assert!(last.contains("no shadow step any more"), "{last}");
}

/// The state was in a step that is not the shadow step's, and forgot its pairs for ever.
#[test]
fn other_steps_leave_the_ramp_in_its_shadow_step() {
    let with = |steps: Value| ramp_with(json!({"steps": steps}));
    for (steps, percent) in [
        (json!([{"shadow": 10}, 1, 5, 25, 50, 100]), 1),
        (json!([{"shadow": 10}, 10, 25, 50, 100]), 10),
        (json!([{"shadow": 10}, 30, 50, 100]), 30),
    ] {
        let mut ramp = RampHarness::new(with(json!([{"shadow": 10}, 25, 50, 100])));
        ramp.run_pairs(1, GOOD);
        ramp.configure(with(steps));
        ramp.run_pairs(1, GOOD);
        let state = &ramp.state;
        assert_eq!((state.step, state.is_shadow_step()), (StepIndex::FIRST, true), "{percent}");
        assert_eq!((ramp.share(), state.pairs.pairs), (Share::ZERO, 0), "{percent}");
        let last = ramp.log().pop().unwrap();
        assert!(last.contains("ramping at 0 % -> ramping at 0 %: the steps changed: no"), "{last}");
        ramp.run_pairs(120, GOOD);
        assert!(!ramp.state.is_shadow_step(), "{:#?}", ramp.log());
        assert_eq!(ramp.share().basis_points(), percent * 100);
    }
}

/// Otherwise the pairs of former gates would be shown as those of the new ones.
#[test]
fn pairs_are_forgotten_with_their_gates() {
    let with = |change: Value| {
        let mut ramp = ramp(shadow());
        ramp.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        ramp
    };
    for traffic in [GOOD, BAD] {
        let mut ramp = RampHarness::new(with(json!({})));
        ramp.run_pairs(60, traffic);
        let is_worse = ramp.phase() == Phase::RolledBack;
        assert!(is_worse || !ramp.state.is_shadow_step(), "{:#?}", ramp.log());
        let pairs = ramp.state.pairs.pairs;
        ramp.configure(with(json!({"bake": "90s"})));
        ramp.run_pairs(1, NO_TRAFFIC);
        assert_eq!(ramp.state.pairs.pairs, pairs);
        let gates = json!([{"metric": "abort_rate"}, {"metric": "error_rate"}]);
        ramp.configure(with(json!({"gates": gates})));
        ramp.run_pairs(1, NO_TRAFFIC);
        assert_eq!(ramp.state.pairs.pairs, 0);
        assert!(ramp.state.analyse_pairs(ramp.spec()).unwrap().gates.is_empty());
    }
}

#[test]
fn alpha_is_shared_with_the_steps_after_it() {
    let alpha = |ramp: &RampHarness| ramp.spec().analysis.alpha;
    assert!((alpha(&with_shadow(shadow())) - 0.025).abs() < 1e-12);
    assert!((alpha(&RampHarness::new(super::ramp())) - 0.05).abs() < 1e-12);
}

/// The shadow step and the first one have the index 0, so the index alone approves either.
#[test]
fn an_approval_of_the_shadow_step_is_not_one_of_the_first_step() {
    let steps =
        json!([shadow(), {"percent": 50, "approve": true}, {"percent": 75, "approve": true}, 100]);
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": steps})));
    let step = Some(StepIndex::FIRST);
    let [of_any, of_shadow, of_first] =
        [None, Some(true), Some(false)].map(|is_shadow_step| ExpectedStep { step, is_shadow_step });
    ramp.run_pairs(120, GOOD);
    assert!(ramp.state.is_shadow_step() && ramp.state.hold_reason == HoldReason::Approval);
    assert!(of_shadow.is_current(&ramp.state) && !of_first.is_current(&ramp.state));
    ramp.command(CommandKind::Approve).unwrap();
    ramp.run(600, GOOD);
    assert!(!ramp.state.is_shadow_step() && ramp.state.hold_reason == HoldReason::Approval);
    assert!(!of_shadow.is_current(&ramp.state) && of_first.is_current(&ramp.state));
    assert!(of_any.is_current(&ramp.state));
    let next = ExpectedStep { step: Some(StepIndex::new(1)), is_shadow_step: None };
    assert!(!next.is_current(&ramp.state) && ExpectedStep::default().is_current(&ramp.state));
}
