//! Orders where there is no ramp.

use verdigris::assignment::{EffectiveShare, Share};
use verdigris::rollout::Phase;
use verdigris::rollout::{CommandKind, ManualRollout, OperatorCommand};

fn order(verb: CommandKind) -> OperatorCommand {
    OperatorCommand::new(verb, "as asked", 0).unwrap()
}

fn five() -> Share {
    Share::new(95, 5).unwrap()
}

#[test]
fn what_is_ordered_holds_until_the_configuration_has_other_weights() {
    let half = Share::new(1, 1).unwrap();
    let table = [
        (CommandKind::Rollback, EffectiveShare::RolledBack, (Phase::RolledBack, 0)),
        (CommandKind::Promote, EffectiveShare::Share(Share::ALL), (Phase::ByHand, 10_000)),
        (CommandKind::Weights(half), EffectiveShare::Share(half), (Phase::ByHand, 5_000)),
    ];
    for (verb, standing, place) in table {
        let mut weights = ManualRollout::new(five(), 0);
        let entry = weights.apply(order(verb), 1).unwrap();
        assert_eq!((entry.from, entry.to), ((Phase::ByHand, 500), place));
        assert_eq!(weights.reconcile_share(five(), 2), None);
        assert_eq!((weights.share_override(), weights.position()), (Some(standing), place));
        let ended = weights.reconcile_share(half, 3).unwrap();
        assert!(ended.why.ends_with(verb.as_str()), "{}", ended.why);
        assert_eq!((weights.share_override(), weights.position()), (None, (Phase::ByHand, 5_000)));
        weights.apply(order(verb), 4).unwrap();
        weights.apply(order(CommandKind::Resume), 5).unwrap();
        assert_eq!((weights.share_override(), weights.position()), (None, (Phase::ByHand, 5_000)));
        assert_eq!(weights.log.iter().count(), 5);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let table = [
        (None, CommandKind::Pause, "no ramp"),
        (None, CommandKind::Approve, "no step"),
        (None, CommandKind::Resume, "nothing was ordered"),
        (Some(CommandKind::Rollback), CommandKind::Rollback, "already"),
        (Some(CommandKind::Promote), CommandKind::Promote, "already"),
    ];
    for (before, verb, said) in table {
        let mut weights = ManualRollout::new(five(), 0);
        before.into_iter().for_each(|verb| drop(weights.apply(order(verb), 1).unwrap()));
        let known = weights.clone();
        let refusal = weights.apply(order(verb), 2).unwrap_err();
        assert!(refusal.to_string().contains(said), "{refusal}");
        assert_eq!(weights, known);
    }
}
