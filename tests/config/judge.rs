//! The `judge` section.

use serde_json::{Map, Value, json};
use verdigris::analysis::Metric;
use verdigris::config::{Config, JudgeConfig};
use verdigris::judge::{JudgeMode, JudgeParameters};

use crate::schema::assert_both_accept;
use crate::{parse, with_section};

fn with_judge(fields: Value, others: Value) -> Value {
    with_section("judge", json!({"cluster": "judge", "model": "judge-model"}), &fields, &others)
}

fn valid(fields: Value, others: Value) -> (Config, JudgeConfig) {
    let config = with_judge(fields, others);
    assert_both_accept(&config);
    let config = parse(&config).unwrap();
    let judge = config.judge.clone().unwrap();
    (config, judge)
}

#[test]
fn a_judge_needs_a_cluster_and_a_model_only() {
    let (config, judge) = valid(json!({}), json!({}));
    assert!(config.answers.unwrap().read, "a judge reads answers");
    assert_eq!((judge.cluster.as_str(), &*judge.path), ("judge", "/v1/chat/completions"));
    assert_eq!((judge.mode, judge.in_flight), (JudgeMode::Score, 4));
    let sampler = judge.sampler;
    assert_eq!((sampler.share, sampler.max_bytes, sampler.blue_per_green.get()), (0.05, 24_000, 1));
    assert_eq!((judge.price, judge.max_cost_microusd), (None, None));
    assert!(judge.rubric.contains("correct"));
}

fn max_tokens(tokens: u64) -> Map<String, Value> {
    json!({"max_tokens": tokens}).as_object().unwrap().clone()
}

#[test]
fn shares_numbers_and_prices_are_read() {
    let prices =
        json!({"prices": {"judge-*": {"input": 1, "output": 2}, "*": {"input": 9, "output": 9}}});
    let (_, judge) = valid(json!({"sample": "2.5%", "max_cost_per_day": "0.25"}), prices);
    assert_eq!(judge.sampler.share, 0.025);
    assert_eq!(judge.max_cost_microusd, Some(250_000));
    assert_eq!(judge.price.unwrap().output, 2_000_000);
    let steps = json!({"ramp": {"steps": [{"shadow": "10%"}, 5, 100]}});
    let (_, judge) = valid(json!({"mode": "both"}), steps);
    assert_eq!(judge.mode, JudgeMode::Both);
    // As programs write it whose numbers are all floating-point.
    let (_, judge) = valid(json!({"parameters": {"max_tokens": 50.0}}), json!({}));
    assert_eq!(judge.parameters, JudgeParameters::new(max_tokens(50)).unwrap());
    // The shadow's own configuration may have no ramp.
    valid(json!({"mode": "pairwise"}), json!({"role": "shadow"}));
    // Its scores are those of the metric.
    valid(json!({}), json!({"ramp": {"gates": [{"metric": "score"}]}}));
}

/// The metrics of the gates, and whether each holds the ramp without data.
fn gates(config: &Config) -> Vec<(Metric, bool)> {
    let gates = &config.ramp.as_ref().unwrap().analysis.gates;
    gates.iter().map(|gate| (gate.spec.metric, gate.spec.is_named)).collect()
}

#[test]
fn a_judge_of_pairs_is_a_default_gate_that_needs_data() {
    let steps = || json!({"ramp": {"steps": [{"shadow": "10%"}, 5, 100]}});
    let (config, _) = valid(json!({"mode": "pairwise"}), steps());
    assert_eq!(gates(&config).len(), 9);
    assert_eq!(gates(&config).last(), Some(&(Metric::Preference, true)));
    let preference = &config.ramp.unwrap().analysis.gates[8].spec;
    assert_eq!((preference.margin, preference.ceiling), (0.25, None));
    let (config, _) = valid(json!({"mode": "score"}), steps());
    assert!(!gates(&config).iter().any(|(metric, _)| *metric == Metric::Preference));
}

#[test]
fn errors_name_field_value_and_fix() {
    let arm = |request: Value| json!({"versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g", "request": request}}});
    let cases = [
        (json!({"cluster": null}), json!({}), "judge.cluster: missing: write \"judge\": an object"),
        (
            json!({"cluster": "llm-green"}),
            json!({}),
            "judge.cluster: \"llm-green\": is versions.green.cluster, and no version may judge its own answers",
        ),
        (
            json!({"model": "gpt-5"}),
            arm(json!({"model": "gpt-5"})),
            "judge.model: \"gpt-5\": is versions.green.request.model, and a model prefers its own answers",
        ),
        (
            json!({"max_cost_per_day": 5}),
            json!({"answers": {}, "prices": {"other": {"input": 1, "output": 1}}}),
            "judge.max_cost_per_day: 5: the judge's cost is not known without a price; add \"prices\": {\"judge-model\"",
        ),
        (json!({"max_cost_per_day": 0}), json!({}), "judge.max_cost_per_day: 0: write the most"),
        (
            json!({"max_cost_per_day": 5}),
            json!({"prices": {"*": {"input": 0, "output": 0}}}),
            "judge.max_cost_per_day: 5: the price of the judge's model is 0, so that the ceiling is never",
        ),
        (
            json!({"model": "gpt-5"}),
            arm(json!({"merge": {"model": "gpt-5"}})),
            "judge.model: \"gpt-5\": is versions.green.request.merge.model, and a model prefers",
        ),
        (
            json!({"timeout": "366d"}),
            json!({}),
            "judge.timeout: \"366d\": write how long the judge may take for an answer, above 0 and at most \
             365 days",
        ),
        (
            json!({"mode": "pairwise"}),
            json!({}),
            "judge.mode: \"pairwise\": pairs of answers are made in a shadow step",
        ),
        (
            json!({"mode": "pairs"}),
            json!({}),
            "judge.mode: \"pairs\": write \"score\" or \"pairwise\" or \"both\"",
        ),
        (json!({"sample": "0%"}), json!({}), "judge.sample: 0: write the share of requests"),
        (json!({"sampel": 1}), json!({}), "judge.sampel: 1: unknown field; did you mean sample?"),
        (
            json!({"max_bytes": 10}),
            json!({}),
            "judge.max_bytes: 10: write a whole number from 1000 to 262144",
        ),
        (
            json!({"timeout": "20"}),
            json!({}),
            "judge.timeout: \"20\": write how long the judge may take",
        ),
        (
            json!({"parameters": {"max_tokens": null}}),
            json!({}),
            "judge.parameters.max_tokens: null: without a limit the cost of an answer is not bounded; write",
        ),
        (
            json!({"parameters": {"model": "m"}}),
            json!({}),
            "judge.parameters.model: \"m\": is written by the filter",
        ),
        (
            json!({}),
            json!({"answers": {"read": false}}),
            "answers.read: false: the judge needs the text of answers; write true, or remove judge",
        ),
        (
            json!({"mode": "pairwise"}),
            json!({"ramp": {"steps": [{"shadow": 10}, 5, 100], "gates": [{"metric": "error_rate"}, {"metric": "score"}]}}),
            "metric: \"score\": score requires scores; add a judge, or feedback with a score",
        ),
    ];
    let pairwise = |ramp: Value| {
        let mut ramp = ramp;
        ramp["steps"] = json!([{"shadow": 10}, 5, 100]);
        json!({"ramp": ramp})
    };
    let of_pairs = [
        (
            pairwise(json!({"gates": [{"metric": "preference"}]})),
            "ramp.gates: set: preference is compared in the shadow step only",
        ),
        (
            pairwise(
                json!({"gates": [{"metric": "error_rate"}, {"metric": "preference", "ceiling": 0.1}]}),
            ),
            "ramp.gates[1].ceiling: 0.1: only a rate can have a ceiling",
        ),
        (
            pairwise(json!({"tripwires": [{"metric": "preference", "limit": 0.5}]})),
            "ramp.tripwires[0].metric: \"preference\": only a gate can compare preference",
        ),
    ];
    let of_pairs = of_pairs.map(|(others, expected)| (json!({"mode": "both"}), others, expected));
    let without_pairs = (
        json!({}),
        json!({"ramp": {"gates": [{"metric": "error_rate"}, {"metric": "preference"}]}}),
        "metric: \"preference\": preference requires a judge of pairs; add a judge with",
    );
    let cases = cases.into_iter().chain(of_pairs).chain([without_pairs]);
    for (fields, others, expected) in cases {
        let config = with_judge(fields, others);
        let errors = parse(&config).expect_err(&config.to_string()).to_string();
        assert!(errors.contains(expected), "{errors}\nmust contain\n{expected}");
    }
}
