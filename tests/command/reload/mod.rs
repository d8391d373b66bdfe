//! `verdigris check --from`: the effects of a reload. Each file has those of the source file
//! `<name>_effects.rs`.

mod answers;
mod assignment;
mod command;
mod console;
mod feedback;
mod fleet;
mod routing;
mod sampling;

use serde_json::{Value, json};

use super::run::{Files, config, json_output};

/// A change of a rollout's fields, and an effect that it has.
struct Change {
    old: Value,
    new: Value,
    /// The current step of the old ramp, if it is given.
    step: Option<&'static str>,
    field: &'static str,
    /// A part of the effect's text.
    text: String,
    /// The share of users that move back to blue.
    thrown_back: Option<f64>,
}

/// The effects of a reload, as JSON.
fn effects(old: &Value, new: &Value, step: Option<&str>) -> Vec<Value> {
    let files = Files::new();
    let old = files.add("old.json", &config(old.clone()).to_string());
    let new = files.add("new.json", &config(new.clone()).to_string());
    let mut arguments = vec!["check", &new, "--from", &old];
    arguments.extend(step.iter().flat_map(|step| ["--step", step]));
    json_output(&arguments)["reload"].as_array().unwrap().clone()
}

/// Whether an effect is the end of an operator command.
fn is_of_command(effect: &Value) -> bool {
    effect["if_ordered"] == true
}

fn weights(blue: u32, green: u32) -> Value {
    json!({"weights": {"blue": blue, "green": green}})
}

fn ramp(ramp: Value) -> Value {
    json!({"ramp": ramp})
}

fn conversation(conversation: Value) -> Value {
    json!({"conversation": conversation})
}

/// The fields of both.
fn both(mut one: Value, other: Value) -> Value {
    one.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    one
}

// === impl Change ===

impl Change {
    fn new(old: Value, new: Value, field: &'static str, text: impl Into<String>) -> Self {
        Self { old, new, step: None, field, text: text.into(), thrown_back: None }
    }

    fn in_step(self, step: &'static str) -> Self {
        Self { step: Some(step), ..self }
    }

    fn throws_back(self, share: f64) -> Self {
        Self { thrown_back: Some(share), ..self }
    }

    /// Asserts that the change has the effect.
    fn check(&self) {
        let Self { old, new, field, text, .. } = self;
        let effects = effects(old, new, self.step);
        let is_expected =
            |it: &&Value| it["field"] == *field && it["what"].as_str().unwrap().contains(text);
        let effect = effects.iter().find(is_expected);
        let effect = effect.unwrap_or_else(|| panic!("{old} -> {new}: {effects:?}\n{text}"));
        let thrown_back = effect.get("thrown_back").and_then(Value::as_f64);
        assert_eq!(thrown_back, self.thrown_back, "{effect}");
    }
}
