//! What orders do to a ramp, in each phase.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::analysis::gate_stats::GateStats;
use verdigris::assignment::Share;
use verdigris::rollout::{CommandKind, OperatorCommand};
use verdigris::rollout::{HoldReason, Phase};

use super::controller::Walk;
use super::{BAD, BROKEN, GOOD, NOTHING, ramp, with};

const VERBS: [CommandKind; 6] = [
    CommandKind::Pause,
    CommandKind::Resume,
    CommandKind::Rollback,
    CommandKind::Promote,
    CommandKind::Approve,
    CommandKind::Weights(Share::ALL),
];

fn weights(blue: u64, green: u64) -> CommandKind {
    CommandKind::Weights(Share::new(blue, green).unwrap())
}

fn asks() -> Value {
    with(json!({"steps": [50, {"percent": 75, "approve": true}, 100]}))
}

fn after(ramp: Value, seconds: u64, orders: &[CommandKind]) -> Walk {
    let mut walk = Walk::begin(ramp);
    walk.seconds(seconds, GOOD);
    orders.iter().for_each(|verb| drop(walk.order(*verb).unwrap()));
    walk
}

fn rolled_back() -> Walk {
    let mut walk = Walk::begin(ramp());
    walk.seconds(60, BAD);
    walk
}

/// Each order in each place: where it leads, or what the refusal says. A place that is led to
/// stays, whatever good comes, for some seconds.
#[test]
fn every_order_in_every_phase() {
    use Phase::{Paused, Promoted, Ramping, RolledBack};
    let lost = json!({"started": "1970-01-01T00:57:00Z"});
    type Outcome = Result<(Phase, u32), &'static str>;
    let table: [(&str, Walk, [Outcome; 6]); 10] = [
        (
            "ramping",
            after(ramp(), 10, &[]),
            [
                Ok((Paused, 5000)),
                Err("nothing is paused"),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("no step waits for approval"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "holding, waits for approval",
            after(asks(), 100, &[]),
            [
                Ok((Paused, 5000)),
                Err("nothing is paused"),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Ok((Ramping, 7500)),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "paused by order",
            after(ramp(), 10, &[CommandKind::Pause]),
            [
                Err("already, by hand"),
                Ok((Ramping, 5000)),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("it is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "weights by order",
            after(ramp(), 10, &[weights(9, 1)]),
            [
                Err("already, by hand"),
                Ok((Ramping, 5000)),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("it is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "paused by the configuration",
            after(with(json!({"paused": true})), 10, &[]),
            [
                Err("the configuration says paused"),
                Err("take ramp.paused out"),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("it is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "promoted",
            after(ramp(), 700, &[]),
            [
                Err("it is promoted"),
                Err("nothing is paused"),
                Ok((RolledBack, 0)),
                Err("it is promoted already"),
                Err("it is promoted"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "promoted by order",
            after(ramp(), 10, &[CommandKind::Promote]),
            [
                Err("it is promoted"),
                Ok((Ramping, 5000)),
                Ok((RolledBack, 0)),
                Err("it is promoted already"),
                Err("it is promoted"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "rolled back",
            rolled_back(),
            [
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("rolled back already"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
            ],
        ),
        (
            "rolled back by order",
            after(ramp(), 10, &[CommandKind::Rollback]),
            [
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("rolled back already"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
            ],
        ),
        (
            "has lost its state",
            after(with(lost), 10, &[]),
            [
                Err("lost its state"),
                Err("lost its state"),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("it is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
    ];
    for (place, walk, outcomes) in table {
        for (verb, outcome) in VERBS.into_iter().zip(outcomes) {
            let what = format!("{place}: {}", verb.as_str());
            let mut walk = walk.clone();
            let before = walk.state.clone();
            match (walk.order(verb), outcome) {
                (Ok(entry), Ok(to)) => {
                    assert_eq!(entry.to, to, "{what}");
                    assert_eq!(entry.why, format!("by hand: {}: as asked", verb.as_str()));
                    assert_eq!(walk.state.log.iter().last(), Some(&entry), "{what}");
                    walk.seconds(20, NOTHING);
                    assert_eq!((walk.phase(), walk.share().unwrap().basis_points()), to, "{what}");
                }
                (Err(refusal), Err(said)) => {
                    assert!(refusal.to_string().contains(said), "{what}: {refusal}");
                    assert_eq!(walk.state, before, "{what}");
                }
                (outcome, _) => panic!("{what}: {outcome:?}"),
            }
        }
    }
}

#[test]
fn an_order_holds_until_the_ramp_changes_in_whatever() {
    for verb in [CommandKind::Pause, CommandKind::Promote, weights(1, 9)] {
        let mut walk = after(ramp(), 10, &[verb]);
        let share = walk.share();
        walk.change(ramp());
        walk.seconds(600, GOOD);
        assert_eq!((walk.state.command.as_ref().unwrap().kind, walk.share()), (verb, share));
        walk.change(with(json!({"bake": "2000s", "timeout": "1h"})));
        walk.seconds(1, GOOD);
        assert_eq!((walk.phase(), &walk.state.command), (Phase::Ramping, &None));
        let last = walk.log().pop().unwrap();
        let ended = format!("which ends what was ordered: {}", verb.as_str());
        assert!(last.ends_with(&ended), "{last}");
        assert!(last.contains("-> ramping at 50 %"), "{last}");
    }
}

#[test]
fn a_rollback_by_hand_holds_until_restart() {
    let mut walk = after(ramp(), 10, &[CommandKind::Rollback]);
    for differs in [json!({"bake": "90s"}), json!({"steps": [25, 100]}), json!({"paused": true})] {
        walk.change(with(differs));
        walk.seconds(100, GOOD);
        assert_eq!((walk.phase(), walk.share()), (Phase::RolledBack, Some(Share::ZERO)));
        assert_eq!(walk.state.command.as_ref().unwrap().kind, CommandKind::Rollback);
    }
    walk.change(with(json!({"restart": "2"})));
    walk.seconds(1, GOOD);
    assert_eq!((walk.phase(), &walk.state.command), (Phase::Ramping, &None));
}

#[test]
fn a_share_by_hand_is_evidence_of_no_step() {
    let mut walk = after(ramp(), 10, &[weights(1, 9)]);
    let before = walk.state.evidence.clone();
    let (number, by_hand) = (walk.state.epoch, walk.number());
    (0..30).for_each(|_| walk.tell(by_hand, BAD));
    assert_eq!(walk.state.evidence.steps[0].units, before.steps[0].units);
    assert_eq!(walk.phase(), Phase::Paused);
    // What comes late of the step is the step's.
    walk.tell(number, GOOD);
    assert_eq!(walk.state.evidence.steps[0].units.green, before.steps[0].units.green + 30);
    walk.order(CommandKind::Resume).unwrap();
    walk.tell(by_hand, BAD);
    assert_eq!(walk.state.evidence.steps[0].units.green, before.steps[0].units.green + 30);
    walk.seconds(600, GOOD);
    assert_eq!(walk.phase(), Phase::Promoted, "{:#?}", walk.log());
}

/// Of orders that hold one after the other, each for a thousand seconds, the time that is
/// the step's; however they end, and wherever the step was.
#[test]
fn only_a_pause_is_time_in_the_step() {
    const HELD: u64 = 1000;
    let table: [(&[CommandKind], u64); 6] = [
        (&[CommandKind::Pause], HELD),
        (&[weights(1, 9)], 0),
        (&[CommandKind::Promote], 0),
        (&[weights(1, 9), CommandKind::Promote, weights(9, 1)], 0),
        (&[CommandKind::Pause, weights(1, 9)], HELD),
        (&[CommandKind::Pause, CommandKind::Promote, weights(1, 9)], HELD),
    ];
    for (orders, counts) in table {
        for (before, phase) in [(30, Phase::Ramping), (70, Phase::Holding)] {
            let mut walk = Walk::begin(ramp());
            walk.seconds(before, NOTHING);
            assert_eq!(walk.phase(), phase);
            for verb in orders {
                walk.order(*verb).unwrap();
                walk.seconds(HELD, NOTHING);
            }
            let mut reloaded = walk.clone();
            reloaded.change(with(json!({"timeout": "2h"})));
            walk.order(CommandKind::Resume).unwrap();
            for (mut walk, ended) in [(walk, "resume"), (reloaded, "a reload")] {
                walk.tell(walk.state.epoch, NOTHING);
                assert_eq!(walk.state.command, None);
                let in_step =
                    Duration::from_nanos(walk.state.time_in_step_ns(walk.now())).as_secs();
                let what = format!("{orders:?} after {before} s, ended by {ended}");
                assert_eq!(in_step, before + counts, "{what}");
            }
        }
    }
}

#[test]
fn a_share_by_hand_ends_no_bake_time() {
    for (verb, left) in [(CommandKind::Pause, 0), (weights(1, 9), 30), (CommandKind::Promote, 30)] {
        let mut walk = after(ramp(), 30, &[verb]);
        walk.seconds(600, NOTHING);
        walk.order(CommandKind::Resume).unwrap();
        let mut waited = 0;
        while walk.state.step == 0 && waited < 60 {
            walk.seconds(1, GOOD);
            waited += 1;
        }
        assert_eq!(waited, left.max(1), "{verb:?} {:#?}", walk.log());
    }
}

/// What gathers evidence for longer than the timeout and is still undecided is overdue,
/// though it was paused; what gathers none is not.
#[test]
fn a_share_by_hand_makes_no_step_overdue() {
    for (verb, is_overdue) in
        [(CommandKind::Pause, true), (weights(1, 9), false), (CommandKind::Promote, false)]
    {
        let mut walk = Walk::begin(ramp());
        walk.seconds(70, NOTHING);
        walk.order(verb).unwrap();
        walk.seconds(7200, NOTHING);
        walk.order(CommandKind::Resume).unwrap();
        walk.seconds(3, NOTHING);
        let stands = (walk.phase(), walk.state.hold_reason, walk.is_overdue());
        assert_eq!(stands, (Phase::Holding, HoldReason::Data, is_overdue), "{verb:?}");
        walk.seconds(3526, NOTHING);
        assert_eq!(walk.is_overdue(), is_overdue, "{verb:?}");
        walk.seconds(1, NOTHING);
        assert!(walk.is_overdue(), "{verb:?}");
    }
}

/// When a step goes on after a share by hand, only short answers of it have ended at first.
#[test]
fn after_a_share_by_hand_a_step_gets_warm_anew() {
    let warm = |walk: &Walk| match &walk.state.evidence.steps[0].gates[0] {
        GateStats::Rate(book) => book.units.green,
        GateStats::Values(_) => unreachable!("errors are a rate"),
    };
    for (verb, at_once) in [(CommandKind::Pause, 30), (weights(1, 9), 0), (CommandKind::Promote, 0)]
    {
        let mut walk = after(with(json!({"bake": "1h", "warmup": "20s"})), 30, &[verb]);
        let (before, number) = (warm(&walk), walk.state.epoch);
        walk.tell(number, GOOD);
        assert_eq!(warm(&walk), before + 30, "{verb:?}: what comes late of a warm step counts");
        walk.seconds(100, NOTHING);
        walk.order(CommandKind::Resume).unwrap();
        let before = warm(&walk);
        walk.seconds(1, GOOD);
        assert_eq!(warm(&walk), before + at_once, "{verb:?}");
        walk.seconds(18, GOOD);
        assert_eq!(warm(&walk), before + 19 * at_once, "{verb:?}");
        walk.seconds(1, GOOD);
        assert_eq!(warm(&walk), before + 30 + 19 * at_once, "{verb:?}");
    }
}

#[test]
fn tripwires_look_at_what_a_share_by_hand_decides() {
    let wires = json!([{"metric": "error_rate", "limit": 0.5, "minimum": 20, "window": "10s"}]);
    for verb in [CommandKind::Promote, weights(1, 9), CommandKind::Pause] {
        let mut walk = after(with(json!({"tripwires": wires})), 10, &[verb]);
        let number = walk.number();
        (0..20).for_each(|_| walk.tell(number, BROKEN));
        assert_eq!((walk.phase(), &walk.state.command), (Phase::RolledBack, &None), "{verb:?}");
    }
}

#[test]
fn the_judge_looks_on_in_a_pause_and_not_after_a_promotion_by_hand() {
    for (verb, phase) in
        [(CommandKind::Pause, Phase::RolledBack), (CommandKind::Promote, Phase::Promoted)]
    {
        let mut walk = after(ramp(), 10, &[verb]);
        walk.seconds(100, BAD);
        assert_eq!(walk.phase(), phase, "{:#?}", walk.log());
    }
}

#[test]
fn a_ramp_that_lost_its_state_waits_again_when_an_order_ends() {
    let lost = with(json!({"started": "1970-01-01T00:57:00Z"}));
    for verb in [CommandKind::Promote, weights(1, 1)] {
        let mut walk = after(lost.clone(), 10, &[verb, CommandKind::Resume]);
        walk.seconds(10, GOOD);
        assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Paused, HoldReason::StateLost));
        assert_eq!(walk.share(), Some(Share::ZERO));
    }
}

/// The pause of the configuration is another one.
#[test]
fn resume_leaves_the_pause_of_the_configuration_alone() {
    let mut walk = after(with(json!({"paused": true})), 10, &[weights(1, 9), CommandKind::Resume]);
    walk.seconds(100, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Paused, HoldReason::Resume));
    assert_eq!(walk.share().unwrap().basis_points(), 5000);
}

#[test]
fn an_order_under_settings_that_are_not_known_yet_is_refused() {
    let mut walk = after(ramp(), 10, &[]);
    walk.change(with(json!({"bake": "90s"})));
    let refusal = walk.order(CommandKind::Pause).unwrap_err();
    assert!(refusal.to_string().contains("the configuration changes"), "{refusal}");
    walk.seconds(1, GOOD);
    walk.order(CommandKind::Pause).unwrap();
}

#[test]
fn a_reason_is_one_line_that_ends() {
    let long =
        OperatorCommand::new(CommandKind::Pause, &format!("a\u{7}b\n{}", "é".repeat(900)), 0)
            .unwrap();
    assert_eq!(long.reason().chars().count(), OperatorCommand::MAX_REASON_CHARS);
    assert!(long.reason().starts_with("a b é"), "{}", long.reason());
    assert!(OperatorCommand::new(CommandKind::Pause, " \n", 0).is_err());
}

#[derive(Clone, Debug)]
enum Event {
    Order(CommandKind),
    Seconds(u64, u64),
    Change(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..VERBS.len()).prop_map(|at| Event::Order(VERBS[at])),
        1 => (0u64..3, 0u64..3).prop_map(|(blue, green)| {
            Event::Order(Share::new(blue, green).map_or(CommandKind::Pause, CommandKind::Weights))
        }),
        4 => (1u64..90, 0u64..12).prop_map(|(seconds, bad)| Event::Seconds(seconds, bad)),
        2 => (0usize..8).prop_map(Event::Change),
    ];
    prop::collection::vec(event, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is ordered, told and written, and however often the state is handed over.
    #[test]
    fn green_has_nothing_after_a_rollback_by_hand_until_restart(events in events()) {
        let ramps = [
            ramp(),
            asks(),
            with(json!({"steps": [10, 25]})),
            with(json!({"paused": true})),
            with(json!({"alpha": 0.01})),
            with(json!({"bake": "5s", "tripwires": [{"metric": "error_rate", "limit": 0.9}]})),
            with(json!({"gates": [{"metric": "abort_rate"}]})),
        ];
        let (mut walk, mut restarts, mut is_blue) = (Walk::begin(ramp()), 0, false);
        for event in events {
            match event {
                Event::Order(verb) => {
                    let is_obeyed = walk.order(verb).is_ok();
                    is_blue |= is_obeyed && verb == CommandKind::Rollback;
                }
                Event::Seconds(seconds, bad) => {
                    let green_bad = bad.saturating_sub(9);
                    walk.seconds(seconds, super::Seen { each: 30, blue_bad: 0, green_bad });
                }
                Event::Change(at) => match ramps.get(at) {
                    Some(ramp) => {
                        let mut ramp = ramp.clone();
                        ramp["restart"] = json!("r".repeat(restarts));
                        walk.change(ramp);
                    }
                    None => {
                        restarts += 1;
                        walk.change(with(json!({"restart": "r".repeat(restarts)})));
                        is_blue = false;
                    }
                },
            }
            let text = postcard::to_allocvec(&walk.state).unwrap();
            prop_assert!(postcard::from_bytes::<verdigris::rollout::RampState>(&text).is_ok());
            if is_blue {
                prop_assert_eq!(walk.share(), Some(Share::ZERO));
            }
        }
    }
}
