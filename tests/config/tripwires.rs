//! Error messages of tripwires.

use serde_json::{Value, json};

use crate::ramp_errors::METRIC_RULE;
use crate::{config_with, errors_with, parse};

#[test]
fn errors_of_tripwires() {
    let rate = "write a share of green's responses, above 0 and below 1, such as 0.5";
    let minimum = "write the minimum number of green's responses, at least 1, such as 20";
    let window = "write whole seconds, from \"1s\" to \"10m\"";
    let time = "write a duration above 0, such as \"30s\"";
    let tokens = "write a number of tokens above 0, such as 4000";
    let with = |field: &str, value: Value| {
        let mut tripwire = json!({"metric": "error_rate", "limit": 0.5});
        tripwire[field] = value;
        tripwire
    };
    let cases = [
        (json!({"limit": 0.5}), format!("metric: missing: {METRIC_RULE}")),
        (
            with("metric", json!("score")),
            "metric: \"score\": score requires scores; add a judge, or feedback with a score"
                .to_owned(),
        ),
        (
            json!({"metric": "ttft_p95", "limit": "5s"}),
            "metric: \"ttft_p95\": only a gate can compare a quantile; write duration or ttft, or \
             slow_rate"
                .into(),
        ),
        (
            with("metric", json!("cost")),
            "metric: \"cost\": cost requires prices; add prices".into(),
        ),
        (json!({"metric": "error_rate"}), format!("limit: missing: {rate}")),
        (with("limit", json!(0)), format!("limit: 0: {rate}")),
        (with("limit", json!(1)), format!("limit: 1: {rate}")),
        (with("limit", json!("5s")), format!("limit: \"5s\": {rate}")),
        (json!({"metric": "duration", "limit": 30}), format!("limit: 30: {time}")),
        (json!({"metric": "ttft", "limit": "0s"}), format!("limit: \"0s\": {time}")),
        (json!({"metric": "output_tokens", "limit": -1}), format!("limit: -1: {tokens}")),
        (with("minimum", json!(0)), format!("minimum: 0: {minimum}")),
        (with("minimum", json!(1.5)), format!("minimum: 1.5: {minimum}")),
        (with("window", json!("0s")), format!("window: \"0s\": {window}")),
        (with("window", json!("1500ms")), format!("window: \"1500ms\": {window}")),
        (with("window", json!("11m")), format!("window: \"11m\": {window}")),
    ];
    for (tripwire, expected) in cases {
        let errors = errors_with(json!({"ramp": {"tripwires": [tripwire]}}));
        assert_eq!(errors, format!("ramp.tripwires[0].{expected}"));
    }
    let free = json!({
        "ramp": {"tripwires": [{"metric": "cost", "limit": 0}]},
        "prices": {"*": {"input": 1, "output": 2}},
    });
    let expected = "ramp.tripwires[0].limit: 0: write US dollars above 0, such as 0.05";
    assert_eq!(errors_with(free), expected);
}

/// The default gates have an objective, which is learned; other gates may have none.
#[test]
fn a_tripwire_on_slow_responses_needs_a_gate_on_them() {
    let slow = json!([{"metric": "slow_rate", "limit": 0.5}]);
    parse(&config_with(json!({"ramp": {"tripwires": slow}}))).unwrap();
    let gates = json!([{"metric": "error_rate"}]);
    assert_eq!(
        errors_with(json!({"ramp": {"gates": gates, "tripwires": slow}})),
        "ramp.tripwires[0].metric: \"slow_rate\": slow_rate requires an objective; add a gate on \
         slow_rate"
    );
}
