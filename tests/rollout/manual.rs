//! A rollout without a ramp.

use verdigris::assignment::{EffectiveShare, Share};
use verdigris::rollout::{CommandKind, ManualRollout, OperatorCommand, Phase, Position};

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
        let transition = rollout.apply(command(kind), 1).unwrap();
        assert_eq!((transition.from, transition.to), (by_hand(500), position));
        assert_eq!(rollout.reconcile_share(five_percent(), 2), None);
        assert_eq!((rollout.share_override(), rollout.position()), (Some(share), position));
        let ended = rollout.reconcile_share(half, 3).unwrap();
        assert!(ended.why.ends_with(kind.as_str()), "{}", ended.why);
        assert_eq!((rollout.share_override(), rollout.position()), (None, by_hand(5_000)));
        rollout.apply(command(kind), 4).unwrap();
        rollout.apply(command(CommandKind::Resume), 5).unwrap();
        assert_eq!((rollout.share_override(), rollout.position()), (None, by_hand(5_000)));
        assert_eq!(rollout.log.iter().count(), 5);
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
            rollout.apply(command(in_effect), 1).unwrap();
        }
        let before = rollout.clone();
        let error = rollout.apply(command(kind), 2).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(rollout, before);
    }
}
