//! The rollout: its controller, operator commands, and what workers share.

mod apply_command;
mod awaited_use;
mod baseline;
mod command_sequences;
mod controller;
mod decision_text;
mod difference_history;
mod harness;
mod hold_changes;
mod lease;
mod manual;
mod memory_store;
mod observation_buffer;
mod open_responses;
mod outcome_measurements;
mod pairing;
#[path = "../support/pending_once.rs"]
mod pending_once;
mod ramp_profile;
mod reconcile_spec;
mod seen_units_log;
mod settled;
mod shadow_step;
mod slow_responses;
mod state;
mod store;
mod stored_history;
mod time_in_step;
mod tripwires;
mod worker;

use serde_json::{Value, json};

use harness::Traffic;

/// A healthy second: no version fails.
const GOOD: Traffic = Traffic { each: 30, blue_bad: 0, green_bad: 0 };
/// A tenth of green's responses fails.
const BAD: Traffic = Traffic { each: 30, blue_bad: 0, green_bad: 3 };
/// All of green's responses fail.
const BROKEN: Traffic = Traffic { each: 30, blue_bad: 0, green_bad: 30 };
/// All responses of both versions fail.
const BOTH_BROKEN: Traffic = Traffic { each: 30, blue_bad: 30, green_bad: 30 };
/// No requests.
const NO_TRAFFIC: Traffic = Traffic { each: 0, blue_bad: 0, green_bad: 0 };

/// A ramp that begins at a half, because the harness sends as many requests to each version.
fn ramp() -> Value {
    json!({
        "steps": [50, 75, 100], "bake": "60s", "warmup": "0s", "timeout": "1h",
        "gates": [{"metric": "error_rate"}],
        "tripwires": [],
    })
}

/// [`ramp`] with other fields.
fn ramp_with(fields: Value) -> Value {
    let mut ramp = ramp();
    ramp.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    ramp
}
