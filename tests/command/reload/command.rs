//! The end of operator commands.

use serde_json::{Value, json};
use verdigris::config::Config;
use verdigris::rollout::{
    Clocks, CommandKind, ExpectedStep, ManualRollout, OperatorCommand, RampState,
};

use super::{both, effects, is_of_command, ramp, weights};
use crate::run::{Files, config, filter_yaml, verdigris};

const ROLLBACK_STAYS: &str = "only a rollback stays, until ramp.restart changes";

/// Whether a reload ends an operator command, by the filter's own code.
fn ends(kind: CommandKind, old: &Config, new: &Config) -> bool {
    let now = Clocks { monotonic_ns: 0, unix_ms: 0 };
    let command = OperatorCommand::new(kind, "a test", 0).unwrap();
    match (&old.ramp, &new.ramp) {
        (Some(old), Some(new)) => {
            let mut state = RampState::new(old, now);
            state.apply(old, command, now).unwrap();
            state.reconcile(new, now, &[]);
            state.command.is_none()
        }
        _ => {
            let mut state = ManualRollout::new(old.share, 0);
            state.apply(command, ExpectedStep::default(), 0).unwrap();
            state.reconcile_share(new.share, 0);
            state.command.is_none()
        }
    }
}

#[test]
fn an_operator_command_ends_as_reported() {
    let started = json!({"started": "2026-11-25T10:00:00Z"});
    let with_answers = both(weights(95, 5), json!({"answers": {}}));
    let with_pins = both(ramp(json!({})), json!({"pins": {"blue": ["a"]}}));
    let weights_apply = Some("the weights of the file apply");
    for (old, new, expected) in [
        (weights(95, 5), weights(75, 25), weights_apply),
        (weights(95, 5), weights(190, 10), weights_apply),
        (weights(95, 5), with_answers, None),
        (ramp(json!({})), ramp(json!({"bake": "20m"})), Some(ROLLBACK_STAYS)),
        (ramp(json!({})), ramp(json!({"steps": [1, 100]})), Some(ROLLBACK_STAYS)),
        (ramp(json!({})), ramp(json!({"tripwires": []})), Some(ROLLBACK_STAYS)),
        (ramp(json!({})), ramp(started), Some(ROLLBACK_STAYS)),
        (ramp(json!({})), ramp(json!({"restart": "2"})), Some("even after a rollback")),
        (ramp(json!({})), with_pins, None),
    ] {
        let effects = effects(&old, &new, None);
        let effect = effects.iter().find(|it| is_of_command(it));
        let text = effect.map(|it| it["what"].as_str().unwrap());
        assert_eq!(text.is_some(), expected.is_some(), "{old} -> {new}: {text:?}");
        assert!(text.unwrap_or_default().contains(expected.unwrap_or_default()), "{text:?}");
        let parse =
            |fields: &Value| Config::parse(config(fields.clone()).to_string().as_bytes()).unwrap();
        for kind in [CommandKind::Promote, CommandKind::Rollback] {
            let stays = kind == CommandKind::Rollback && expected == Some(ROLLBACK_STAYS);
            let ends = ends(kind, &parse(&old), &parse(&new));
            assert_eq!(ends, expected.is_some() && !stays, "{kind:?} {old} -> {new}");
        }
    }
}

#[test]
fn without_a_token_no_operator_command_is_reported() {
    let files = Files::new();
    let changed = |text: &str| text.replace("\"green\": 5", "\"green\": 7");
    let with_token = filter_yaml(&config(weights(95, 5)).to_string().replace(":5", ": 5"));
    let without_token = with_token.replace("VERDIGRIS_CONSOLE_TOKEN", "OTHER");
    let key = "host_env_keys: [VERDIGRIS_CONSOLE_TOKEN]";
    let by_value = with_token.replace(key, "key_values: {VERDIGRIS_CONSOLE_TOKEN: t}");
    for (text, is_reported) in [(without_token, false), (with_token, true), (by_value, true)] {
        let (old, new) = (files.add("old.yaml", &text), files.add("new.yaml", &changed(&text)));
        let output = verdigris(&["check", &new, "--from", &old, "--strict"]);
        let note = "note: weights: an operator command, if one is in force, ends: the weights";
        assert_eq!((output.code, output.out.contains(note)), (0, is_reported), "{output:?}");
        let growth = "note: weights: green's share changes from 5 % to 6.86 %: 1.86 % of all";
        assert!(output.out.starts_with(growth), "{output:?}");
    }
}
