//! A judge of sampled answers, in a real Envoy.

mod errors;
mod pairs;
mod score;
pub mod scripted_judge;
mod small_model;

use serde_json::{Value, json};

use crate::envoy::upstream::{Model, Upstream};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{config, set_fields};
use scripted_judge::ScriptedJudge;

use super::ramp_fixture::{GOOD_MODEL, read_counter, set_models};

const GOOD: &str = "Copper.";
const BAD: &str = "Gold, of course.";

/// A judge that samples all requests.
fn judge(overrides: Value) -> Value {
    let mut judge = json!({
        "cluster": "judge", "host": "judge.example", "model": "judge-model", "sample": 100,
    });
    set_fields(&mut judge, &overrides);
    judge
}

fn with_judge(judge: Value, overrides: Value) -> Value {
    let mut config = config(json!({"judge": judge}));
    set_fields(&mut config, &overrides);
    config
}

/// An Envoy whose blue answers well, and green badly.
fn start(judge: &ScriptedJudge, config: &Value, workers: u32) -> Envoy {
    let filter = filter_yaml(config);
    let edit =
        |bootstrap: String, upstreams: &[Upstream; 3]| judge.add_cluster(bootstrap, upstreams);
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        workers,
        edit_bootstrap: &edit,
        ..Setup::default()
    });
    set_models(&envoy, [GOOD_MODEL, Model { text: BAD, ..GOOD_MODEL }]);
    envoy
}

/// The sum of both versions' counters.
fn of_both(envoy: &Envoy, name: &str) -> u64 {
    read_counter(envoy, "blue", name) + read_counter(envoy, "green", name)
}

const PROMPT: &str = "Which metal has the symbol Cu?";

fn prompt() -> String {
    json!({"messages": [{"role": "user", "content": PROMPT}]}).to_string()
}
