//! A rollout without a ramp.

use verdigris::analysis::StepIndex;
use verdigris::assignment::{EffectiveShare, Share};
use verdigris::rollout::{
    CommandError, CommandKind, ExpectedStep, ManualRollout, OperatorCommand, Phase, Position,
};

fn command(kind: CommandKind) -> OperatorCommand {
    OperatorCommand::new(kind, "as asked", 0).unwrap()
}

fn five_percent() -> Share {
    Share::new(95, 5).unwrap()
}

fn by_hand(green_bp: u32) -> Position {
    Position { phase: Phase::ByHand, green_bp }
}

#[test]
fn a_command_stays_in_effect_until_the_configured_weights_change() {
    let half = Share::new(1, 1).unwrap();
    let rolled_back = Position { phase: Phase::RolledBack, green_bp: 0 };
    let table = [
        (CommandKind::Rollback, EffectiveShare::RolledBack, rolled_back),
        (CommandKind::Promote, EffectiveShare::Share(Share::ALL), by_hand(10_000)),
        (CommandKind::Weights(half), EffectiveShare::Share(half), by_hand(5_000)),
    ];
    for (kind, share, position) in table {
        let mut rollout = ManualRollout::new(five_percent(), 0);
        let transition = rollout.apply(command(kind), ExpectedStep::default(), 1).unwrap();
        assert_eq!((transition.from, transition.to), (by_hand(500), position));
        assert_eq!(rollout.reconcile_share(five_percent(), 2), None);
        assert_eq!((rollout.share_override(), rollout.position()), (Some(share), position));
        let ended = rollout.reconcile_share(half, 3).unwrap();
        assert!(ended.why.ends_with(kind.as_str()), "{}", ended.why);
        assert_eq!((rollout.share_override(), rollout.position()), (None, by_hand(5_000)));
        rollout.apply(command(kind), ExpectedStep::default(), 4).unwrap();
        rollout.apply(command(CommandKind::Resume), ExpectedStep::default(), 5).unwrap();
        assert_eq!((rollout.share_override(), rollout.position()), (None, by_hand(5_000)));
        assert_eq!(rollout.log.iter().count(), 5);
    }
}

/// A configuration may come to a worker long before it is in force.
#[test]
fn a_command_that_is_newer_than_the_configuration_stays() {
    let half = Share::new(1, 1).unwrap();
    let given_at = |at_ms| OperatorCommand::new(CommandKind::Rollback, "as asked", at_ms).unwrap();
    let table = [(0, false), (1, true)];
    for (now_ms, stays) in table {
        let mut rollout = ManualRollout::new(five_percent(), 0);
        rollout.apply(given_at(now_ms), ExpectedStep::default(), 1).unwrap();
        let transition = rollout.begin_share(half, Some(&given_at(0)), 2).unwrap();
        assert_eq!(rollout.command.is_some(), stays);
        assert_eq!(transition.why.ends_with("rollback"), !stays, "{}", transition.why);
        assert_eq!(rollout.configured_share, half);
        assert_eq!(rollout.begin_share(half, None, 3), None);
    }
}

#[test]
fn a_command_without_effect_is_rejected() {
    let table = [
        (None, CommandKind::Pause, "no ramp"),
        (None, CommandKind::Approve, "no step"),
        (None, CommandKind::Resume, "no command is in effect"),
        (Some(CommandKind::Rollback), CommandKind::Rollback, "already"),
        (Some(CommandKind::Promote), CommandKind::Promote, "already"),
    ];
    for (in_effect, kind, expected) in table {
        let mut rollout = ManualRollout::new(five_percent(), 0);
        if let Some(in_effect) = in_effect {
            rollout.apply(command(in_effect), ExpectedStep::default(), 1).unwrap();
        }
        let before = rollout.clone();
        let error = rollout.apply(command(kind), ExpectedStep::default(), 2).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(rollout, before);
    }
}

/// The ramp whose step an operator has seen may have been replaced by weights since.
#[test]
fn a_command_that_is_for_a_step_is_rejected() {
    let steps = [
        ExpectedStep { step: Some(StepIndex::FIRST), is_shadow_step: None },
        ExpectedStep { step: None, is_shadow_step: Some(false) },
    ];
    let half = Share::new(1, 1).unwrap();
    for kind in [CommandKind::Promote, CommandKind::Weights(half), CommandKind::Resume] {
        for expected in steps {
            let mut rollout = ManualRollout::new(five_percent(), 0);
            rollout.apply(command(CommandKind::Rollback), ExpectedStep::default(), 1).unwrap();
            let before = rollout.clone();
            let applied = rollout.apply(command(kind), expected, 2);
            assert_eq!((applied, rollout), (Err(CommandError::NoRampInStep), before));
        }
    }
}
