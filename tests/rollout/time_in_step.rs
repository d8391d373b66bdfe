//! The step's clock while an operator's share is in force.

use std::time::Duration;

use serde_json::json;
use verdigris::analysis::GateStats;
use verdigris::rollout::{CommandKind, HoldReason, Phase};

use super::apply_command::{after, weights};
use super::harness::RampHarness;
use super::{GOOD, NO_TRAFFIC, ramp, ramp_with};

/// Commands in effect one after the other, each for a thousand seconds; the seconds that count as
/// time in the step.
#[test]
fn only_a_pause_counts_as_time_in_the_step() {
    const IN_EFFECT_S: u64 = 1000;
    let table: [(&[CommandKind], u64); 6] = [
        (&[CommandKind::Pause], IN_EFFECT_S),
        (&[weights(1, 9)], 0),
        (&[CommandKind::Promote], 0),
        (&[weights(1, 9), CommandKind::Promote, weights(9, 1)], 0),
        (&[CommandKind::Pause, weights(1, 9)], IN_EFFECT_S),
        (&[CommandKind::Pause, CommandKind::Promote, weights(1, 9)], IN_EFFECT_S),
    ];
    for (commands, counted_s) in table {
        for (before_s, phase) in [(30, Phase::Ramping), (70, Phase::Holding)] {
            let mut resumed = RampHarness::new(ramp());
            resumed.run(before_s, NO_TRAFFIC);
            assert_eq!(resumed.phase(), phase);
            for kind in commands {
                resumed.command(*kind).unwrap();
                resumed.run(IN_EFFECT_S, NO_TRAFFIC);
            }
            let mut reloaded = resumed.clone();
            reloaded.configure(ramp_with(json!({"timeout": "2h"})));
            resumed.command(CommandKind::Resume).unwrap();
            for (mut ramp, ended_by) in [(resumed, "resume"), (reloaded, "a reload")] {
                ramp.reconcile(ramp.state.epoch, NO_TRAFFIC);
                assert_eq!(ramp.state.command, None);
                let in_step = Duration::from_nanos(ramp.state.time_in_step_ns(ramp.now()));
                let what = format!("{commands:?} after {before_s} s, ended by {ended_by}");
                assert_eq!(in_step.as_secs(), before_s + counted_s, "{what}");
            }
        }
    }
}

#[test]
fn the_bake_time_stops_while_an_operators_share_is_in_force() {
    let table = [(CommandKind::Pause, 0), (weights(1, 9), 30), (CommandKind::Promote, 30)];
    for (kind, left_s) in table {
        let mut ramp = after(ramp(), 30, &[kind]);
        ramp.run(600, NO_TRAFFIC);
        ramp.command(CommandKind::Resume).unwrap();
        let mut waited_s = 0;
        while ramp.state.step.get() == 0 && waited_s < 60 {
            ramp.run(1, GOOD);
            waited_s += 1;
        }
        assert_eq!(waited_s, left_s.max(1), "{kind:?} {:#?}", ramp.log());
    }
}

/// A step that gathers evidence for longer than its timeout is overdue, even if it was paused
/// meanwhile. A step whose share was replaced gathered none.
#[test]
fn the_timeout_stops_while_an_operators_share_is_in_force() {
    let table = [(CommandKind::Pause, true), (weights(1, 9), false), (CommandKind::Promote, false)];
    for (kind, is_overdue) in table {
        let mut ramp = RampHarness::new(ramp());
        ramp.run(70, NO_TRAFFIC);
        ramp.command(kind).unwrap();
        ramp.run(7200, NO_TRAFFIC);
        ramp.command(CommandKind::Resume).unwrap();
        ramp.run(3, NO_TRAFFIC);
        let found = (ramp.phase(), ramp.state.hold_reason, ramp.is_overdue());
        assert_eq!(found, (Phase::Holding, HoldReason::Data, is_overdue), "{kind:?}");
        ramp.run(3526, NO_TRAFFIC);
        assert_eq!(ramp.is_overdue(), is_overdue, "{kind:?}");
        ramp.run(1, NO_TRAFFIC);
        assert!(ramp.is_overdue(), "{kind:?}");
    }
}

/// When the step's share is in force again, only short answers of it have ended at first.
#[test]
fn the_warm_up_starts_again_after_an_operators_share() {
    let after_warmup = |ramp: &RampHarness| match &ramp.state.evidence.steps[0].gates[0] {
        GateStats::Rate(stats) => stats.units.green,
        GateStats::Values(_) => unreachable!("errors are a rate"),
    };
    let table = [(CommandKind::Pause, 30), (weights(1, 9), 0), (CommandKind::Promote, 0)];
    for (kind, during_warmup) in table {
        let mut ramp = after(ramp_with(json!({"bake": "1h", "warmup": "20s"})), 30, &[kind]);
        let (before, epoch) = (after_warmup(&ramp), ramp.state.epoch);
        ramp.reconcile(epoch, GOOD);
        assert_eq!(after_warmup(&ramp), before + 30, "{kind:?}: late responses count");
        ramp.run(100, NO_TRAFFIC);
        ramp.command(CommandKind::Resume).unwrap();
        let before = after_warmup(&ramp);
        ramp.run(1, GOOD);
        assert_eq!(after_warmup(&ramp), before + during_warmup, "{kind:?}");
        ramp.run(18, GOOD);
        assert_eq!(after_warmup(&ramp), before + 19 * during_warmup, "{kind:?}");
        ramp.run(1, GOOD);
        assert_eq!(after_warmup(&ramp), before + 30 + 19 * during_warmup, "{kind:?}");
    }
}
