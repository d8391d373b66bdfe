//! Error messages of the `ramp` section.

use serde_json::json;

use crate::{config_with, error_fields, errors_with, parse};

pub const METRIC_RULE: &str = "write one of error_rate, client_error_rate, refusal_rate, \
    empty_rate, truncation_rate, abort_rate, slow_rate, thumbs_down_rate, duration, ttft, \
    output_tokens, cost, score, preference, duration_p90, duration_p95, duration_p99, ttft_p90, ttft_p95, \
    ttft_p99";
pub const PERIOD_RULE: &str =
    "write a whole number of ms, s, m, h or d, above 0 and at most 365 days, such as \"10m\"";
const SHARE_RULE: &str =
    "write a share in percent, above 0 and at most 100, with at most two decimals";
const STEP_RULE: &str =
    "write a number in percent, or an object such as {\"percent\": 25, \"approve\": true}";

#[test]
fn errors_of_steps_and_times() {
    let too_many: Vec<u64> = (1..=17).collect();
    let warmup =
        "write a whole number of ms, s, m, h or d, at most the duration of bake, such as \"2m\"";
    let started =
        "write an RFC 3339 timestamp from 1970 or later, such as \"2026-11-25T10:00:00Z\"";
    let cases = [
        (json!({"steps": [0]}), format!("steps[0]: 0: {SHARE_RULE}")),
        (json!({"steps": [1, -5]}), format!("steps[1]: -5: {SHARE_RULE}")),
        (json!({"steps": [100.01]}), format!("steps[0]: 100.01: {SHARE_RULE}")),
        (json!({"steps": [0.001]}), format!("steps[0]: 0.001: {SHARE_RULE}")),
        (json!({"steps": [{"percent": 12.345}]}), format!("steps[0]: 12.345: {SHARE_RULE}")),
        (json!({"steps": [{"approve": true}]}), format!("steps[0].percent: missing: {SHARE_RULE}")),
        (
            json!({"steps": [{"percent": 5, "approve": true}, 100]}),
            "steps[0].approve: true: the first step is entered at once; write a smaller step \
             before it, or remove approve and start the ramp when it is approved"
                .into(),
        ),
        (
            json!({"steps": [{"shadow": 0}, 50]}),
            "steps[0].shadow: 0: write the share of users whose requests are copied, in percent, \
             above 0 and at most 100, with at most two decimals"
                .into(),
        ),
        (
            json!({"steps": [50, {"shadow": 5}]}),
            "steps[1].shadow: 5: a shadow step comes before all others; write it first, or remove it"
                .into(),
        ),
        (
            json!({"steps": [{"shadow": 5, "percent": 1}, 50]}),
            "steps[0].percent: 1: no user is on green in a shadow step; remove it".into(),
        ),
        (
            json!({"steps": [{"shadow": 5, "approve": true}, 50]}),
            "steps[0].approve: true: the shadow step is entered at once; write it in the step after \
             it, or remove it"
                .into(),
        ),
        (
            json!({"steps": [{"shadow": 5, "pairs": 99}, 50]}),
            "steps[0].pairs: 99: write after how many pairs the step holds if it is not decided: a \
             whole number from 100 to 1000000, such as 2000"
                .into(),
        ),
        (
            json!({"steps": [{"percent": 5, "pairs": 500}, 50]}),
            "steps[0].pairs: 500: only a shadow step counts pairs; remove it, or write shadow \
             instead of percent"
                .into(),
        ),
        (
            json!({"steps": [{"shadow": 5}]}),
            r#"steps: [{"shadow":5}]: has no step after the shadow step; add shares, such as 1, 5, 25, 50, 100"#
                .into(),
        ),
        (
            json!({"steps": [{"shadow": 5}, 50], "gates": [{"metric": "abort_rate"}]}),
            "steps[0].shadow: set: copies of requests are compared by none of the critical gates, so the \
             step would never end; add a gate such as error_rate or duration, or remove the step"
                .into(),
        ),
        (json!({"steps": ["five"]}), format!("steps[0]: \"five\": {STEP_RULE}")),
        (
            json!({"steps": [{"pct": 5}]}),
            "steps[0].pct: 5: unknown field; the fields are percent, approve, shadow, pairs".into(),
        ),
        (json!({"steps": [[5, true]]}), format!("steps[0]: [5,true]: {STEP_RULE}")),
        (
            json!({"steps": [5, 1, 5, 25]}),
            "steps[1]: 1: is not above the previous steps; write the steps in increasing order\n\
             ramp.steps[2]: 5: is not above the previous steps; write the steps in increasing order"
                .into(),
        ),
        (
            json!({"steps": []}),
            "steps: []: write 1 to 16 steps, such as [1, 5, 25, 50, 100]".into(),
        ),
        (
            json!({"steps": too_many}),
            "steps: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]: write 1 to 16 steps, such as \
             [1, 5, 25, 50, 100]"
                .into(),
        ),
        (
            json!({"steps": [100]}),
            "steps: [100]: has no step to compare; add a step below 100, or use weights".into(),
        ),
        (json!({"bake": "0s"}), format!("bake: \"0s\": {PERIOD_RULE}")),
        (json!({"bake": "ten"}), format!("bake: \"ten\": {PERIOD_RULE}")),
        (json!({"timeout": "1y"}), format!("timeout: \"1y\": {PERIOD_RULE}")),
        (
            json!({"timeout": "9m"}),
            "timeout: \"9m\": is shorter than bake; write at least the duration of bake".into(),
        ),
        (json!({"warmup": "11m"}), format!("warmup: \"11m\": {warmup}")),
        (json!({"warmup": "2"}), format!("warmup: \"2\": {warmup}")),
        (json!({"cold_start": "11m"}), format!("cold_start: \"11m\": {warmup}")),
        (
            json!({"alpha": 0}),
            "alpha: 0: write a probability, above 0 and at most 0.5, such as 0.05".into(),
        ),
        (
            json!({"beta": 0.51}),
            "beta: 0.51: write a probability, above 0 and at most 0.5, such as 0.1".into(),
        ),
        (json!({"started": "yesterday"}), format!("started: \"yesterday\": {started}")),
        (
            json!({"evidence": "users"}),
            "evidence: \"users\": write \"units\" or \"every_request\"".into(),
        ),
        (json!({"restart": 2}), "restart: 2: is not a string; write it in quotes".into()),
        (
            json!({"adjust": true, "gates": [{"metric": "error_rate"}]}),
            "adjust: true: no gate compares times, tokens or cost; remove it, or add such a gate"
                .into(),
        ),
        (
            json!({"baseline": "2 hours", "adjust": true}),
            "baseline: \"2 hours\": write a whole number of ms, s, m, h or d, at most 365 days, such as \
             \"2h\", or \"0s\" for no baseline"
                .into(),
        ),
        (
            json!({"baseline": "2h"}),
            "baseline: \"2h\": only adjusted values use the past of units; write \"adjust\": true, or \
             remove it"
                .into(),
        ),
        (
            json!({"baseline": "2h", "adjust": true, "evidence": "every_request"}),
            "baseline: \"2h\": with \"evidence\": \"every_request\" no unit has a past; remove it"
                .into(),
        ),
    ];
    for (ramp, expected) in cases {
        assert_eq!(errors_with(json!({"ramp": ramp})), format!("ramp.{expected}"));
    }
}

#[test]
fn errors_that_concern_other_sections_and_types() {
    let cases = [
        (
            json!({"ramp": {}, "weights": {"blue": 95, "green": 5}}),
            "ramp: set: weights and ramp cannot be used together; remove one",
        ),
        (
            json!({"ramp": {}, "answers": {"read": false}}),
            "answers.read: false: the ramp uses refusal_rate, empty_rate, ttft, which requires \
             reading responses; write true, or remove these gates and tripwires",
        ),
        (
            json!({
                "ramp": {
                    "gates": [{"metric": "error_rate"}],
                    "tripwires": [{"metric": "output_tokens", "limit": 1}],
                },
                "answers": {"read": false},
            }),
            "answers.read: false: the ramp uses output_tokens, which requires reading responses; \
             write true, or remove these gates and tripwires",
        ),
        (
            json!({"ramp": {"bkae": "10m"}}),
            "ramp.bkae: \"10m\": unknown field; did you mean bake? the fields are profile, steps, baseline, bake, timeout, warmup, cold_start, gates, \
             tripwires, alpha, beta, evidence, adjust, control, started, restart, paused, rolled_back",
        ),
        (
            json!({"ramp": null}),
            "ramp: null: is not an object; write an object, at least {}, such as {\"steps\": [1, 5, \
             25, 50, 100], \"bake\": \"10m\"}",
        ),
        (
            json!({"ramp": {"tripwires": null}}),
            "ramp.tripwires: null: is not a list; write [{\"metric\": \"error_rate\", \"limit\": \"20%\"}]",
        ),
        (
            json!({"ramp": {"gates": [["error_rate"]]}}),
            "ramp.gates[0]: [\"error_rate\"]: is not an object; write {\"metric\": \"error_rate\"}",
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(errors_with(fields), expected);
    }
}

#[test]
fn all_errors_of_a_ramp_are_reported_at_once() {
    let config = config_with(json!({
        "ramp": {
            "steps": [5, {"percent": 0}],
            "bake": "",
            "timeout": "x",
            "warmup": "y",
            "gates": [
                {"metric": "z"},
                {"metric": "slow_rate", "margin": -1, "tolerance": -1, "ceiling": 2},
            ],
            "tripwires": [
                {"metric": "slow_rate", "limit": 2, "minimum": 0, "window": "w"},
                {"metric": "cost", "limit": 1},
            ],
            "alpha": 1,
            "beta": 1,
            "started": "now",
        },
        "answers": {"read": false},
    }));
    let expected = [
        "ramp.steps[1]",
        "ramp.bake",
        "ramp.timeout",
        "ramp.warmup",
        "ramp.gates[0].metric",
        "ramp.gates[1].margin",
        "ramp.gates[1].tolerance",
        "ramp.gates[1].ceiling",
        "ramp.tripwires[0].limit",
        "ramp.tripwires[0].minimum",
        "ramp.tripwires[0].window",
        "ramp.tripwires[1].metric",
        "answers.read",
        "ramp.alpha",
        "ramp.beta",
        "ramp.started",
    ];
    assert_eq!(error_fields(&parse(&config).unwrap_err()), expected);
}

#[test]
fn fields_that_an_invalid_ramp_would_use_are_not_reported_as_unused() {
    let formats = json!({"blue": {"cluster": "b", "format": "chat"}, "green": {"cluster": "g"}});
    let errors = errors_with(json!({"ramp": {"alpha": 1}, "versions": formats}));
    assert!(errors.starts_with("ramp.alpha: 1: ") && errors.lines().count() == 1, "{errors}");
}
