//! Error messages of gates.

use serde_json::json;

use crate::errors_with;
use crate::ramp_errors::METRIC_RULE;

#[test]
fn errors_of_gates() {
    let margin = "write the allowed excess over blue, from 0 to 10, such as 0.25";
    let above = "write numbers above the margin, 0.25, and at most 20";
    let count = "write one number for all steps, or at most one for each step below 100 percent";
    let rate = "write an acceptable rate, above 0 and below 1, or null to disable the ceiling";
    let objective = "write the duration from which a response is slow, such as \"2s\", or remove \
                     the field to learn it from blue";
    let cases = [
        (json!({}), format!("metric: missing: {METRIC_RULE}")),
        (json!({"metric": "errors"}), format!("metric: \"errors\": {METRIC_RULE}")),
        (
            json!({"metric": "score"}),
            "metric: \"score\": score requires scores; add a judge, or feedback with a score".to_owned(),
        ),
        (
            json!({"metric": "thumbs_down_rate"}),
            "metric: \"thumbs_down_rate\": thumbs_down_rate requires feedback; add feedback with a thumb"
                .to_owned(),
        ),
        (json!({"metric": "error_rate", "margin": -0.1}), format!("margin: -0.1: {margin}")),
        (
            json!({"metric": "error_rate", "margin": 10.5, "tolerance": 11}),
            format!("margin: 10.5: {margin}"),
        ),
        (
            json!({"metric": "error_rate", "margin": 0.5}),
            "tolerance: missing: the default in one of the steps, 0.5, is not above the margin, \
             0.5; write a tolerance"
                .into(),
        ),
        (json!({"metric": "error_rate", "tolerance": 0.25}), format!("tolerance: [0.25]: {above}")),
        (
            json!({"metric": "error_rate", "tolerance": [1, 0.2]}),
            format!("tolerance: [1,0.2]: {above}"),
        ),
        (json!({"metric": "error_rate", "tolerance": 21}), format!("tolerance: [21]: {above}")),
        (json!({"metric": "error_rate", "tolerance": []}), format!("tolerance: []: {count}")),
        (
            json!({"metric": "error_rate", "tolerance": [5, 4, 3, 2, 1]}),
            format!("tolerance: [5,4,3,2,1]: {count}"),
        ),
        (json!({"metric": "error_rate", "ceiling": 0}), format!("ceiling: 0: {rate}")),
        (json!({"metric": "error_rate", "ceiling": 1}), format!("ceiling: 1: {rate}")),
        (
            json!({"metric": "error_rate", "ceiling": 0.5}),
            "ceiling: 0.5: is not below 1 with the tolerance added; write a lower ceiling, such as \
             0.01"
                .into(),
        ),
        (
            json!({"metric": "duration", "ceiling": 0.5}),
            "ceiling: 0.5: only a rate can have a ceiling; remove it".into(),
        ),
        (
            json!({"metric": "duration_p95", "ceiling": 0.5}),
            "ceiling: 0.5: only a rate can have a ceiling; remove it".into(),
        ),
        (
            json!({"metric": "slow_rate", "objective": "0s"}),
            format!("objective: \"0s\": {objective}"),
        ),
        (
            json!({"metric": "duration", "objective": "2s"}),
            "objective: \"2s\": only slow_rate can have an objective; remove it".into(),
        ),
        (
            json!({"metric": "duration", "critical": false}),
            "critical: false: no gate is critical, so no gate decides; make at least one critical"
                .into(),
        ),
        (
            json!({"metric": "cost"}),
            "metric: \"cost\": cost requires prices; add prices".into(),
        ),
    ];
    for (gate, expected) in cases {
        let errors = errors_with(json!({"ramp": {"gates": [gate]}}));
        assert_eq!(errors, format!("ramp.gates[0].{expected}"));
    }
    let lists = [
        (
            json!([]),
            "ramp.gates: []: write at least one gate, or remove the field to use the default gates",
        ),
        (
            json!([{"metric": "ttft"}, {"metric": "ttft", "critical": false}]),
            "ramp.gates[1].metric: \"ttft\": already has a gate; keep one",
        ),
    ];
    for (gates, expected) in lists {
        assert_eq!(errors_with(json!({"ramp": {"gates": gates}})), expected);
    }
}
