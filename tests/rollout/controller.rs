//! The controller of a ramp, tick by tick.

use serde_json::json;
use verdigris::analysis::{StepIndex, Verdict};
use verdigris::assignment::Share;
use verdigris::rollout::{CommandKind, HoldReason, Phase};

use super::apply_command::with_approval;
use super::harness::RampHarness;
use super::{BAD, BOTH_BROKEN, GOOD, NO_TRAFFIC, Traffic, ramp, ramp_with};

#[test]
fn a_good_green_is_promoted_step_by_step() {
    let mut ramp = RampHarness::new(ramp());
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Ramping, HoldReason::Bake));
    ramp.run(59, GOOD);
    assert_eq!((ramp.phase(), ramp.state.step.get()), (Phase::Ramping, 0));
    ramp.run(600, GOOD);
    assert_eq!(ramp.phase(), Phase::Promoted, "{:#?}", ramp.log());
    assert_eq!(ramp.share().basis_points(), 10_000);
    let log = ramp.log();
    assert_eq!(log.len(), 4, "{log:#?}");
    assert!(log[1].contains("ramping at 50 % -> ramping at 75 %: green is safe"), "{log:#?}");
}

#[test]
fn a_bad_green_is_rolled_back_for_good() {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(60, BAD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::RolledBack, HoldReason::Restart));
    assert_eq!(ramp.share(), Share::ZERO);
    let last = ramp.log().pop().unwrap();
    assert!(
        last.contains("green is worse: evidence for worse: ") && last.contains("error_rate fail"),
        "{last}"
    );
    ramp.run(600, GOOD);
    assert_eq!(ramp.phase(), Phase::RolledBack);
}

/// The bets of a period restart, and so would what the page says of the rollback.
#[test]
fn the_evidence_of_a_rollback_stays_as_the_decision_saw_it() {
    // The ramp is held at its first step until its second period.
    let mut ramp = RampHarness::new(with_approval());
    ramp.run(40 * 60, GOOD);
    ramp.run(60, BAD);
    assert_eq!(ramp.phase(), Phase::RolledBack);
    let decided = ramp.state.analyse(ramp.spec());
    assert_eq!(decided.as_ref().map(|it| it.verdict), Some(Verdict::Fail));
    ramp.run(31 * 60, GOOD);
    assert_eq!(ramp.state.analyse(ramp.spec()), decided);
}

#[test]
fn without_evidence_the_ramp_holds_and_becomes_overdue() {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(7200, NO_TRAFFIC);
    assert_eq!(
        (ramp.phase(), ramp.state.hold_reason, ramp.state.step.get()),
        (Phase::Holding, HoldReason::Data, 0)
    );
    let log = ramp.log();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log[2].contains("overdue, waits for data"), "{log:#?}");
    ramp.run(5, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Evidence));
}

#[test]
fn failures_of_both_versions_are_no_evidence() {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(30, BOTH_BROKEN);
    assert_eq!((ramp.phase(), ramp.state.step.get()), (Phase::Ramping, 0));
}

#[test]
fn a_sample_ratio_mismatch_holds() {
    // Half of the units are on green, but the weights say a quarter.
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": [25, 100]})));
    ramp.run(300, GOOD);
    assert_eq!(
        (ramp.phase(), ramp.state.hold_reason),
        (Phase::Holding, HoldReason::SampleRatioMismatch)
    );
}

#[test]
fn a_step_that_needs_approval_holds() {
    let steps = json!([50, {"percent": 75, "approve": true}, 100]);
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": steps})));
    ramp.run(600, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Approval));
    ramp.configure(ramp_with(json!({"steps": [50, 75, 100]})));
    ramp.run(1, GOOD);
    assert_eq!((ramp.phase(), ramp.state.step.get()), (Phase::Ramping, 1), "{:#?}", ramp.log());
}

#[test]
fn a_configured_pause_keeps_the_share_and_the_analysis() {
    let mut harness = RampHarness::new(ramp());
    harness.run(10, GOOD);
    harness.configure(ramp_with(json!({"paused": true})));
    harness.run(600, GOOD);
    assert_eq!((harness.phase(), harness.state.hold_reason), (Phase::Paused, HoldReason::Resume));
    assert_eq!(Some(harness.share()), Share::new(5_000, 5_000));
    harness.configure(ramp());
    harness.run(2, GOOD);
    assert_eq!((harness.phase(), harness.state.step.get()), (Phase::Ramping, 1));
    harness.configure(ramp_with(json!({"paused": true})));
    harness.run(60, BAD);
    assert_eq!(harness.phase(), Phase::RolledBack);
}

#[test]
fn a_configured_rollback_holds_until_restart_changes() {
    let lost = json!({"started": "1970-01-01T00:00:00Z"});
    let situations = [
        ("a new ramp", ramp_with(json!({"rolled_back": true})), 1, None),
        ("a new ramp without its state", ramp_with(lost), 1, None),
        ("ramping", ramp(), 10, None),
        ("promoted", ramp(), 700, None),
        ("paused", ramp_with(json!({"paused": true})), 10, None),
        ("paused by a command", ramp(), 10, Some(CommandKind::Pause)),
        ("promoted by a command", ramp(), 10, Some(CommandKind::Promote)),
        ("weights by a command", ramp(), 10, Some(CommandKind::Weights(Share::ALL))),
        ("rolled back by a command", ramp(), 10, Some(CommandKind::Rollback)),
    ];
    for (situation, spec, seconds, command) in situations {
        let mut harness = RampHarness::new(spec);
        harness.run(seconds, GOOD);
        command.map(|kind| harness.command(kind).unwrap());
        harness.configure(ramp_with(json!({"rolled_back": true})));
        harness.run(1, GOOD);
        let rolled_back = (Phase::RolledBack, HoldReason::Restart, Share::ZERO);
        let found =
            |harness: &RampHarness| (harness.phase(), harness.state.hold_reason, harness.share());
        assert_eq!(found(&harness), rolled_back, "{situation}: {:#?}", harness.log());
        let log = harness.log();
        let is_explained =
            log.iter().any(|it| it.contains("the configuration rolls the ramp back"));
        assert_eq!(is_explained, command != Some(CommandKind::Rollback), "{situation}: {log:#?}");
        // Neither time, a restart, nor removing it alone ends the rollback.
        harness.run(700, GOOD);
        harness.configure(ramp_with(json!({"rolled_back": true, "restart": "2"})));
        harness.run(1, GOOD);
        assert_eq!(found(&harness), rolled_back, "{situation}: {:#?}", harness.log());
        harness.configure(ramp_with(json!({"restart": "2"})));
        harness.run(1, GOOD);
        assert_eq!(found(&harness), rolled_back, "{situation}: {:#?}", harness.log());
        harness.configure(ramp_with(json!({"restart": "3"})));
        harness.run(1, GOOD);
        assert_eq!((harness.phase(), harness.state.step.get()), (Phase::Ramping, 0), "{situation}");
    }
}

#[test]
fn a_promoted_ramp_is_not_paused_by_the_configuration() {
    let mut harness = RampHarness::new(ramp());
    harness.run(700, GOOD);
    let log = harness.log();
    harness.configure(ramp_with(json!({"paused": true})));
    harness.run(3, GOOD);
    assert_eq!(
        (harness.phase(), harness.state.hold_reason),
        (Phase::Promoted, HoldReason::Nothing)
    );
    harness.configure(ramp());
    harness.run(3, GOOD);
    assert_eq!((harness.phase(), harness.log()), (Phase::Promoted, log));
}

/// Conversations that began in the last step stay on their version, and their answers come later.
#[test]
fn answers_of_the_last_step_roll_back_a_promoted_ramp() {
    for (commanded, traffic, phase) in [
        (false, BAD, Phase::RolledBack),
        (false, GOOD, Phase::Promoted),
        (false, BOTH_BROKEN, Phase::Promoted),
        // The operator has decided.
        (true, BAD, Phase::Promoted),
    ] {
        let mut ramp = RampHarness::new(ramp());
        if commanded {
            ramp.run(90, GOOD);
            ramp.command(CommandKind::Promote).unwrap();
        } else {
            ramp.run(700, GOOD);
        }
        assert_eq!(ramp.phase(), Phase::Promoted, "{:#?}", ramp.log());
        let steps = &ramp.spec().analysis.steps;
        let last = StepIndex::new(steps.len() - 1).min(ramp.state.step);
        let epoch = ramp.state.epoch_of_step(last);
        for _ in 0..60 {
            ramp.reconcile(epoch, traffic);
        }
        assert_eq!(ramp.phase(), phase, "{commanded} {traffic:?}: {:#?}", ramp.log());
        if phase == Phase::RolledBack {
            let log = ramp.log().pop().unwrap();
            assert!(
                log.contains("promoted at 100 % -> rolled_back at 0 %: green is worse"),
                "{log}"
            );
            assert_eq!(ramp.share(), Share::ZERO);
        }
    }
}

/// Conversations that began in the last step stay on their version for a day. Without them only what was open
/// comes of it, and if green's failures take longer, it has more of them: the test over the whole ramp judges
/// those together with blue's, which ended before.
#[test]
fn a_promoted_ramp_finds_a_late_regression_in_the_conversations_of_its_last_step() {
    let with_and_without = [
        (RampHarness::new(ramp()).with_conversations(), 1800, Phase::RolledBack),
        (RampHarness::new(ramp()), 1600, Phase::Promoted),
    ];
    for (mut ramp, alike_s, expected) in with_and_without {
        ramp.run(150, GOOD);
        assert_eq!(ramp.phase(), Phase::Promoted, "{:#?}", ramp.log());
        let last = StepIndex::new(ramp.spec().analysis.steps.len() - 1);
        let epoch = ramp.state.epoch_of_step(last);
        // So the bets of the step lose.
        let alike = Traffic { each: 30, blue_bad: 1, green_bad: 1 };
        ramp.run_in_epoch(alike_s, epoch, alike);
        assert_eq!(ramp.phase(), Phase::Promoted, "{:#?}", ramp.log());
        ramp.run_in_epoch(120, epoch, BAD);
        assert_eq!(ramp.phase(), expected, "{:#?}", ramp.log());
    }
}

/// An operator's weights for some time do not end that.
#[test]
fn conversations_are_tested_after_a_command_in_a_promoted_ramp_too() {
    let mut ramp = RampHarness::new(ramp()).with_conversations();
    ramp.run(150, GOOD);
    let last = StepIndex::new(ramp.spec().analysis.steps.len() - 1);
    let epoch = ramp.state.epoch_of_step(last);
    let alike = Traffic { each: 30, blue_bad: 1, green_bad: 1 };
    ramp.run_in_epoch(1700, epoch, alike);
    ramp.command(CommandKind::Weights(Share::ALL)).unwrap();
    ramp.run(10, NO_TRAFFIC);
    ramp.command(CommandKind::Resume).unwrap();
    ramp.run_in_epoch(60, epoch, BAD);
    assert_eq!(ramp.phase(), Phase::RolledBack, "{:#?}", ramp.log());
}

#[test]
fn a_last_step_below_100_percent_finds_a_late_regression() {
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": [50]})));
    ramp.run(4 * 3600, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Nothing));
    ramp.run(300, BAD);
    assert_eq!(ramp.phase(), Phase::RolledBack, "{:#?}", ramp.log());
}

#[test]
fn a_step_is_overdue_while_it_is_held_past_its_timeout() {
    let mut harness = RampHarness::new(ramp());
    harness.run(3599, NO_TRAFFIC);
    assert!(!harness.is_overdue());
    harness.run(1, NO_TRAFFIC);
    assert!(harness.is_overdue());
    harness.configure(ramp_with(json!({"timeout": "2h"})));
    harness.run(1, NO_TRAFFIC);
    assert!(!harness.is_overdue(), "the timeout is longer now");
    harness.configure(ramp_with(json!({"paused": true})));
    harness.run(1, NO_TRAFFIC);
    assert!(!harness.is_overdue(), "the ramp is paused");
    harness.configure(ramp());
    harness.run(3, NO_TRAFFIC);
    assert!(harness.is_overdue());
    harness.run(600, GOOD);
    assert_eq!((harness.phase(), harness.is_overdue()), (Phase::Promoted, false));
}

#[test]
fn a_ramp_whose_last_step_is_below_100_percent_is_never_overdue() {
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": [50]})));
    ramp.run(4000, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Nothing));
    let log = ramp.log();
    assert!(!ramp.is_overdue() && !log.iter().any(|it| it.contains("overdue")), "{log:#?}");
}

/// Each change of what a last step below 100 % waits for was one more decision, and the kept ones are few.
#[test]
fn a_step_is_overdue_once() {
    let mut ramp = RampHarness::new(ramp_with(json!({"steps": [50]})));
    ramp.run(3700, NO_TRAFFIC);
    let undecided = ramp.state.evidence.clone();
    ramp.run(300, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Nothing));
    assert!(!ramp.is_overdue());
    let decided = ramp.state.evidence.clone();
    for _ in 0..3 {
        ramp.state.evidence = undecided.clone();
        ramp.run(1, NO_TRAFFIC);
        assert_eq!((ramp.state.hold_reason, ramp.is_overdue()), (HoldReason::Data, true));
        ramp.state.evidence = decided.clone();
        ramp.run(1, NO_TRAFFIC);
        assert_eq!((ramp.state.hold_reason, ramp.is_overdue()), (HoldReason::Nothing, false));
    }
    let log = ramp.log();
    assert_eq!(log.iter().filter(|it| it.contains("overdue")).count(), 1, "{log:#?}");
}
