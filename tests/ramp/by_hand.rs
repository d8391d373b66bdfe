//! Orders where there is no ramp.

use verdigris::assign::{Share, Standing};
use verdigris::ramp::Phase;
use verdigris::steer::{Order, Verb, Weights};

fn order(verb: Verb) -> Order {
    Order::new(verb, "as asked", 0).unwrap()
}

fn five() -> Share {
    Share::new(95, 5).unwrap()
}

#[test]
fn what_is_ordered_holds_until_the_configuration_has_other_weights() {
    let half = Share::new(1, 1).unwrap();
    let table = [
        (Verb::Rollback, Standing::RolledBack, (Phase::RolledBack, 0)),
        (Verb::Promote, Standing::Share(Share::ALL), (Phase::ByHand, 10_000)),
        (Verb::Weights(half), Standing::Share(half), (Phase::ByHand, 5_000)),
    ];
    for (verb, standing, place) in table {
        let mut weights = Weights::begin(five(), 0);
        let entry = weights.obey(order(verb), 1).unwrap();
        assert_eq!((entry.from, entry.to), ((Phase::ByHand, 500), place));
        assert_eq!(weights.follow(five(), 2), None);
        assert_eq!((weights.ordered(), weights.place()), (Some(standing), place));
        let ended = weights.follow(half, 3).unwrap();
        assert!(ended.why.ends_with(verb.as_str()), "{}", ended.why);
        assert_eq!((weights.ordered(), weights.place()), (None, (Phase::ByHand, 5_000)));
        weights.obey(order(verb), 4).unwrap();
        weights.obey(order(Verb::Resume), 5).unwrap();
        assert_eq!((weights.ordered(), weights.place()), (None, (Phase::ByHand, 5_000)));
        assert_eq!(weights.log.iter().count(), 5);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let table = [
        (None, Verb::Pause, "no ramp"),
        (None, Verb::Approve, "no step"),
        (None, Verb::Resume, "nothing was ordered"),
        (Some(Verb::Rollback), Verb::Rollback, "already"),
        (Some(Verb::Promote), Verb::Promote, "already"),
    ];
    for (before, verb, said) in table {
        let mut weights = Weights::begin(five(), 0);
        before.into_iter().for_each(|verb| drop(weights.obey(order(verb), 1).unwrap()));
        let known = weights.clone();
        let refusal = weights.obey(order(verb), 2).unwrap_err();
        assert!(refusal.to_string().contains(said), "{refusal}");
        assert_eq!(weights, known);
    }
}
