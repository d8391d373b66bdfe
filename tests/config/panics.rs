//! No input panics.

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::analysis::Metric;
use verdigris::config::Config;

use crate::support::any_json;
use crate::{config_with, parse};

/// A text that is valid in some field, or any text.
fn any_text() -> BoxedStrategy<String> {
    let known = prop::sample::select(vec![
        "error_rate",
        "slow_rate",
        "duration",
        "cost",
        "score",
        "units",
        "10m",
        "2s",
        "0s",
        "2026-11-25T10:00:00Z",
    ]);
    let timestamp = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})";
    prop_oneof![known.prop_map(str::to_owned), timestamp, "[0-9]{0,21}(ms|s|m|h|d)", ".*",].boxed()
}

fn any_ramp_value() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "metric",
        "margin",
        "tolerance",
        "ceiling",
        "critical",
        "objective",
        "limit",
        "minimum",
        "window",
        "percent",
        "approve",
        "x",
    ]);
    let number = prop_oneof![0.0..200.0_f64, 0.0..1.0_f64].prop_map(Value::from);
    prop_oneof![
        any_json(any_text(), key.prop_map(str::to_owned).boxed(), 3),
        prop::collection::vec(number, 0..5).prop_map(Value::from),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "blue", "green", "cluster", "header", "cookie", "x", "format", "paths", "input", "output",
        "*",
    ]);
    any_json(".*".boxed(), key.prop_map(str::to_owned).boxed(), 3)
}

proptest! {
    #[test]
    fn no_bytes_panic(text: Vec<u8>) {
        let _ = Config::parse(&text);
    }

    #[test]
    fn no_value_of_a_top_level_field_panics(
        field in prop::sample::select(vec![
            "rollout", "unit", "versions", "weights", "default_cluster", "on_missing", "pins",
            "force_header", "cluster_header", "version_header", "answers", "prices", "conversation",
            "shadow", "role", "ramp", "feedback",
        ]),
        value in any_value(),
    ) {
        let _ = parse(&config_with(json!({field: value})));
    }

    #[test]
    fn no_value_of_a_ramp_field_panics(
        field in prop::sample::select(vec![
            "profile", "steps", "bake", "timeout", "warmup", "cold_start", "gates", "tripwires", "alpha", "beta",
            "evidence", "adjust", "baseline", "started", "restart", "paused", "rolled_back",
        ]),
        value in any_ramp_value(),
    ) {
        let _ = parse(&config_with(json!({"ramp": {field: value}})));
    }

    #[test]
    fn no_value_in_a_gate_or_tripwire_panics(
        value in any_ramp_value(),
        field in prop::sample::select(vec![
            "margin", "tolerance", "ceiling", "critical", "objective", "limit", "minimum", "window",
        ]),
        metric in prop::sample::select(Metric::ALL.to_vec()),
    ) {
        let section = json!([{"metric": metric, field: value}]);
        for list in ["gates", "tripwires"] {
            let _ = parse(&config_with(json!({"ramp": {list: section}})));
        }
    }
}
