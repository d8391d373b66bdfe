//! The effect of operator commands on a ramp.

use serde_json::{Value, json};
use verdigris::assignment::Share;
use verdigris::config::parse_command;
use verdigris::rollout::{CommandError, CommandKind, HoldReason, OperatorCommand, Phase, Position};

use super::harness::RampHarness;
use super::{BAD, BROKEN, GOOD, NO_TRAFFIC, ramp, ramp_with};

/// One command of each kind.
pub const COMMANDS: [CommandKind; 6] = [
    CommandKind::Pause,
    CommandKind::Resume,
    CommandKind::Rollback,
    CommandKind::Promote,
    CommandKind::Approve,
    CommandKind::Weights(Share::ALL),
];

pub fn weights(blue: u64, green: u64) -> CommandKind {
    CommandKind::Weights(Share::new(blue, green).unwrap())
}

/// A ramp whose second step needs approval.
pub fn with_approval() -> Value {
    ramp_with(json!({"steps": [50, {"percent": 75, "approve": true}, 100]}))
}

/// A ramp after so many seconds of good traffic and these commands.
pub fn after(ramp: Value, seconds: u64, commands: &[CommandKind]) -> RampHarness {
    let mut ramp = RampHarness::new(ramp);
    ramp.run(seconds, GOOD);
    commands.iter().for_each(|kind| drop(ramp.command(*kind).unwrap()));
    ramp
}

fn rolled_back() -> RampHarness {
    let mut ramp = RampHarness::new(ramp());
    ramp.run(60, BAD);
    ramp
}

/// Each command in each situation: the position that it leads to, which lasts, or a part of the
/// error.
#[test]
fn every_command_in_every_phase() {
    use Phase::{Paused, Promoted, Ramping, RolledBack};
    let lost = json!({"started": "1970-01-01T00:57:00Z"});
    type Expected = Result<(Phase, u32), &'static str>;
    // The situation; what pause, resume, rollback, promote, approve and weights do in it.
    let table: [(&str, RampHarness, [Expected; 6]); 10] = [
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
            "holding for approval",
            after(with_approval(), 100, &[]),
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
            "paused by a command",
            after(ramp(), 10, &[CommandKind::Pause]),
            [
                Err("already, by a command"),
                Ok((Ramping, 5000)),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "weights by a command",
            after(ramp(), 10, &[weights(9, 1)]),
            [
                Err("already, by a command"),
                Ok((Ramping, 5000)),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "paused by the configuration",
            after(ramp_with(json!({"paused": true})), 10, &[]),
            [
                Err("already, by the configuration"),
                Err("remove ramp.paused"),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "promoted",
            after(ramp(), 700, &[]),
            [
                Err("is promoted"),
                Err("nothing is paused"),
                Ok((RolledBack, 0)),
                Err("is promoted already"),
                Err("is promoted"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "promoted by a command",
            after(ramp(), 10, &[CommandKind::Promote]),
            [
                Err("is promoted"),
                Ok((Ramping, 5000)),
                Ok((RolledBack, 0)),
                Err("is promoted already"),
                Err("is promoted"),
                Ok((Paused, 10_000)),
            ],
        ),
        (
            "rolled back",
            rolled_back(),
            [
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("is rolled back already"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
            ],
        ),
        (
            "rolled back by a command",
            after(ramp(), 10, &[CommandKind::Rollback]),
            [
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("is rolled back already"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
                Err("change ramp.restart"),
            ],
        ),
        (
            "its state is lost",
            after(ramp_with(lost), 10, &[]),
            [
                Err("lost its state"),
                Err("lost its state"),
                Ok((RolledBack, 0)),
                Ok((Promoted, 10_000)),
                Err("is paused"),
                Ok((Paused, 10_000)),
            ],
        ),
    ];
    for (situation, ramp, expected) in table {
        for (kind, expected) in COMMANDS.into_iter().zip(expected) {
            let what = format!("{situation}: {}", kind.as_str());
            let mut ramp = ramp.clone();
            let before = ramp.state.clone();
            match (ramp.command(kind), expected) {
                (Ok(transition), Ok((phase, green_bp))) => {
                    let position = Position { phase, green_bp };
                    assert_eq!(transition.to, position, "{what}");
                    assert_eq!(
                        transition.why,
                        format!("operator command: {}: as asked", kind.as_str())
                    );
                    assert_eq!(ramp.state.log.iter().last(), Some(&transition), "{what}");
                    ramp.run(20, NO_TRAFFIC);
                    assert_eq!(ramp.state.position(ramp.spec()), position, "{what}");
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{what}: {error}");
                    assert_eq!(ramp.state, before, "{what}");
                }
                (result, _) => panic!("{what}: {result:?}"),
            }
        }
    }
}

#[test]
fn any_change_of_the_ramp_ends_a_command() {
    for kind in [CommandKind::Pause, CommandKind::Promote, weights(1, 9)] {
        let mut harness = after(ramp(), 10, &[kind]);
        let share = harness.share();
        harness.configure(ramp());
        harness.run(600, GOOD);
        let in_effect = harness.state.command.as_ref().unwrap().kind;
        assert_eq!((in_effect, harness.share()), (kind, share));
        harness.configure(ramp_with(json!({"bake": "2000s", "timeout": "1h"})));
        harness.run(1, GOOD);
        assert_eq!((harness.phase(), &harness.state.command), (Phase::Ramping, &None));
        let last = harness.log().pop().unwrap();
        let ended = format!("which ends the command: {}", kind.as_str());
        assert!(last.ends_with(&ended), "{last}");
        assert!(last.contains("-> ramping at 50 %"), "{last}");
    }
}

#[test]
fn only_restart_ends_a_rollback_by_command() {
    let mut ramp = after(ramp(), 10, &[CommandKind::Rollback]);
    for change in [json!({"bake": "90s"}), json!({"steps": [25, 100]}), json!({"paused": true})] {
        ramp.configure(ramp_with(change));
        ramp.run(100, GOOD);
        assert_eq!((ramp.phase(), ramp.share()), (Phase::RolledBack, Share::ZERO));
        assert_eq!(ramp.state.command.as_ref().unwrap().kind, CommandKind::Rollback);
    }
    ramp.configure(ramp_with(json!({"restart": "2"})));
    ramp.run(1, GOOD);
    assert_eq!((ramp.phase(), &ramp.state.command), (Phase::Ramping, &None));
}

#[test]
fn assignments_by_a_command_are_evidence_of_no_step() {
    let mut ramp = after(ramp(), 10, &[weights(1, 9)]);
    let before = ramp.state.evidence.clone();
    let (step_epoch, manual_epoch) = (ramp.state.epoch, ramp.snapshot_epoch());
    (0..30).for_each(|_| ramp.reconcile(manual_epoch, BAD));
    assert_eq!(ramp.state.evidence.steps[0].units, before.steps[0].units);
    assert_eq!(ramp.phase(), Phase::Paused);
    // Late responses of the step still count.
    ramp.reconcile(step_epoch, GOOD);
    let green = |ramp: &RampHarness| ramp.state.evidence.steps[0].units.green;
    assert_eq!(green(&ramp), before.steps[0].units.green + 30);
    ramp.command(CommandKind::Resume).unwrap();
    ramp.reconcile(manual_epoch, BAD);
    assert_eq!(green(&ramp), before.steps[0].units.green + 30);
    ramp.run(600, GOOD);
    assert_eq!(ramp.phase(), Phase::Promoted, "{:#?}", ramp.log());
}

#[test]
fn tripwires_observe_what_a_command_assigns() {
    let tripwires = json!([{"metric": "error_rate", "limit": 0.5, "minimum": 20, "window": "10s"}]);
    for kind in [CommandKind::Promote, weights(1, 9), CommandKind::Pause] {
        let mut ramp = after(ramp_with(json!({"tripwires": tripwires})), 10, &[kind]);
        let epoch = ramp.snapshot_epoch();
        (0..20).for_each(|_| ramp.reconcile(epoch, BROKEN));
        assert_eq!((ramp.phase(), &ramp.state.command), (Phase::RolledBack, &None), "{kind:?}");
    }
}

#[test]
fn the_analysis_continues_in_a_pause_and_ends_with_a_promotion() {
    let table = [(CommandKind::Pause, Phase::RolledBack), (CommandKind::Promote, Phase::Promoted)];
    for (kind, phase) in table {
        let mut ramp = after(ramp(), 10, &[kind]);
        ramp.run(100, BAD);
        assert_eq!(ramp.phase(), phase, "{:#?}", ramp.log());
    }
}

#[test]
fn a_ramp_that_lost_its_state_waits_again_when_a_command_ends() {
    let lost = ramp_with(json!({"started": "1970-01-01T00:57:00Z"}));
    for kind in [CommandKind::Promote, weights(1, 1)] {
        let mut ramp = after(lost.clone(), 10, &[kind, CommandKind::Resume]);
        ramp.run(10, GOOD);
        assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Paused, HoldReason::StateLost));
        assert_eq!(ramp.share(), Share::ZERO);
    }
}

#[test]
fn resume_does_not_end_a_configured_pause() {
    let paused = ramp_with(json!({"paused": true}));
    let mut ramp = after(paused, 10, &[weights(1, 9), CommandKind::Resume]);
    ramp.run(100, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Paused, HoldReason::Resume));
    assert_eq!(ramp.share().basis_points(), 5000);
}

#[test]
fn a_command_is_rejected_while_the_configuration_changes() {
    let mut ramp = after(ramp(), 10, &[]);
    ramp.configure(ramp_with(json!({"bake": "90s"})));
    let error = ramp.command(CommandKind::Pause).unwrap_err();
    assert!(error.to_string().contains("the configuration is changing"), "{error}");
    ramp.run(1, GOOD);
    ramp.command(CommandKind::Pause).unwrap();
}

#[test]
fn a_reason_is_put_on_one_line_and_shortened() {
    let reason = format!("a\u{7}b\n{}", "é".repeat(900));
    let command = OperatorCommand::new(CommandKind::Pause, &reason, 0).unwrap();
    assert_eq!(command.reason().chars().count(), OperatorCommand::MAX_REASON_CHARS);
    assert!(command.reason().starts_with("a b é"), "{}", command.reason());
    assert!(OperatorCommand::new(CommandKind::Pause, " \n", 0).is_err());
}

/// Readers of the log and the page see what the operator wrote, in the order of its characters.
#[test]
fn a_reason_has_no_hidden_characters_and_something_to_see() {
    let refused =
        |reason: &str| OperatorCommand::new(CommandKind::Rollback, reason, 0).unwrap_err();
    for hidden in [
        "\u{200b}",
        "\u{200d}",
        "\u{2060}",
        "\u{feff}",
        "\u{ad}",
        "\u{202a}",
        "\u{202e}",
        "\u{2066}",
        "\u{2069}",
        "\u{200e}",
        "\u{200f}",
        "\u{61c}",
        "\u{3164}",
        "\u{115f}",
        "\u{180e}",
        "\u{e0041}",
        // Selectors of emoji where there is none, which can spell a hidden text.
        "\u{fe0e}",
        "\u{fe0f}",
        "n\u{fe0f}",
        "3\u{fe0f}",
        "⚠️\u{fe0f}",
        "あ\u{fe0f}",
        "\u{fe01}",
        // Without ink, and not `Default_Ignorable_Code_Point`.
        "\u{13437}",
        "\u{1d159}",
        "\u{fffc}",
        "\u{e000}",
        "\u{f0041}",
        "\u{fdd0}",
        "\u{ffff}",
        "\u{1fffe}",
        // Marks that cover the lines above and below.
        "o\u{300}\u{301}\u{302}\u{303}\u{304}",
    ] {
        let reasons =
            [hidden.to_owned(), format!("green{hidden} is slow"), format!("slow{hidden}")];
        for reason in reasons {
            assert_eq!(refused(&reason), CommandError::HiddenCharacter, "{reason:?}");
        }
        // Also beyond what is kept of it.
        let long = format!("{}{hidden}", "a".repeat(OperatorCommand::MAX_REASON_CHARS));
        assert_eq!(refused(&long), CommandError::HiddenCharacter, "{hidden:?}");
    }
    for blank in
        ["", " ", "\t\u{7}", "\u{a0}", "\u{3000}", "\u{2028}", "\u{2800}", "\u{301}", " \u{20dd}"]
    {
        assert_eq!(refused(blank), CommandError::NoReason, "{blank:?}");
    }
    let cut = format!("{}3\u{fe0f}\u{20e3}", "a".repeat(OperatorCommand::MAX_REASON_CHARS - 2));
    let command = OperatorCommand::new(CommandKind::Rollback, &cut, 0).unwrap();
    assert!(command.reason().ends_with("a3"), "{}", command.reason());
    let seen = [
        "slow ⚠️",
        "step 3️⃣: #️⃣ ©️ 👍🏽",
        "langsam: größer",
        "gro\u{308}\u{df}er, Vie\u{302}\u{323}t",
        "遅い",
        "بطيء",
        "slow\u{2028}again",
    ];
    for reason in seen {
        let command = OperatorCommand::new(CommandKind::Rollback, reason, 0).unwrap();
        assert_eq!(command.reason(), reason.replace('\u{2028}', " "));
    }
}

#[test]
fn an_error_about_a_reason_names_the_hidden_character() {
    let error =
        parse_command("pause", "{\"reason\": \"all \u{202e}doog\"}".as_bytes(), 0).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("reason") && error.contains("U+202E"), "{error}");
    assert!(!error.contains('\u{202e}'), "{error:?}");
}
