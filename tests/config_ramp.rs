//! From the ramp that the operator wrote to one that can be walked.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::analysis::{AnalysisUnit, GateSpec, Metric, Tripwire};
use verdigris::assignment::Share;
use verdigris::config::Config;
use verdigris::rollout::{RampSpec, RampStep};

mod support;

use support::any_json;

/// The least configuration with these fields as well.
fn with(fields: Value) -> String {
    let mut config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    });
    let Value::Object(fields) = fields else { panic!("fields") };
    config.as_object_mut().unwrap().extend(fields);
    config.to_string()
}

fn parse(fields: Value) -> Config {
    let text = with(fields);
    Config::parse(text.as_bytes()).unwrap_or_else(|refused| panic!("{text}\n{refused}"))
}

fn ramp(ramp: Value) -> RampSpec {
    parse(json!({"ramp": ramp})).ramp.unwrap()
}

/// The message, without the place in the text that serde adds to what it says itself.
fn refusal(fields: Value) -> String {
    let text = with(fields);
    let refused = Config::parse(text.as_bytes()).expect_err(&text).to_string();
    let Some((before, place)) = refused.split_once(" at line 1 column ") else { return refused };
    format!("{before}{}", place.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn basis_points(settings: &RampSpec) -> Vec<u32> {
    settings.steps.iter().map(|step| step.share.basis_points()).collect()
}

#[test]
fn everything_in_a_ramp_has_a_default() {
    let config = parse(json!({"ramp": {}}));
    assert_eq!(config.share, Share::ZERO);
    let settings = config.ramp.unwrap();
    assert_eq!(basis_points(&settings), [100, 500, 2_500, 5_000, 10_000]);
    assert!(settings.steps.iter().all(|step| !step.needs_approval));
    assert_eq!(settings.bake, seconds(600));
    assert_eq!(settings.timeout, seconds(86_400));
    assert_eq!(settings.objective, None);
    assert_eq!(settings.started, None);
    assert_eq!(settings.restart, "");
    assert!(!settings.is_paused);

    let rules = settings.analysis;
    assert_eq!((rules.alpha, rules.beta), (0.05, 0.1));
    assert_eq!(rules.unit, AnalysisUnit::Units);
    assert_eq!(rules.warmup_ns, 120_000_000_000);
    assert_eq!(rules.max_units, 1 << 16);
    let shares: Vec<f64> = rules.steps.iter().map(|step| step.all_units.get()).collect();
    assert_eq!(shares, [0.01, 0.05, 0.25, 0.5]);
    let terms: Vec<GateSpec> = rules.gates.iter().map(|gate| gate.spec.clone()).collect();
    let by_default = [
        Metric::ErrorRate,
        Metric::ClientErrorRate,
        Metric::RefusalRate,
        Metric::EmptyRate,
        Metric::Duration,
        Metric::Ttft,
    ];
    assert_eq!(terms, by_default.map(|metric| GateSpec::with_defaults(metric, &shares)));
    assert!(rules.gates.iter().all(|gate| gate.steps().len() == 4));

    let both = |metrics: &[Metric]| -> Vec<Tripwire> {
        let wire =
            |window_s| metrics.iter().map(move |it| Tripwire { metric: *it, window_s, ..WIRE });
        [30, 600].into_iter().flat_map(wire).collect()
    };
    let wires = [Metric::ErrorRate, Metric::ClientErrorRate, Metric::EmptyRate];
    assert_eq!(settings.tripwires, both(&wires));
    // What only a body tells trips nothing where no bodies are read.
    let unread = ramp(json!({"gates": [{"metric": "error_rate"}, {"metric": "duration"}]}));
    assert_eq!(unread.tripwires, both(&[Metric::ErrorRate, Metric::ClientErrorRate]));
}

/// A tripwire of which as little is written as may be.
const WIRE: Tripwire = Tripwire {
    metric: Metric::ErrorRate,
    limit: 0.5,
    min_samples: 20,
    min_units: 2,
    window_s: 30,
    is_absolute: false,
};

#[test]
fn everything_in_a_ramp_can_be_written() {
    let config = parse(json!({
        "ramp": {
            "steps": [0.01, {"percent": 2.5}, {"percent": 33.33, "approve": true}, 99.99],
            "bake": "90s",
            "timeout": "2d",
            "warmup": "500ms",
            "gates": [
                {
                    "metric": "error_rate",
                    "margin": 0,
                    "tolerance": [2, 1, 0.5],
                    "ceiling": 0.02,
                    "critical": true,
                },
                {"metric": "slow_rate", "objective": "2s", "ceiling": null, "critical": false},
                {"metric": "cost", "tolerance": 0.2},
            ],
            "tripwires": [
                {"metric": "slow_rate", "limit": 0.9, "minimum": 1, "window": "1s"},
                {"metric": "duration", "limit": "30s", "window": "10m"},
                {"metric": "ttft", "limit": "500ms"},
                {"metric": "cost", "limit": 0.05},
                {"metric": "output_tokens", "limit": 4000},
                {"metric": "error_rate", "limit": 0.5, "minimum_units": 16},
                {"metric": "empty_rate", "limit": 0.5, "absolute": true},
            ],
            "alpha": 0.5,
            "beta": 0.01,
            "evidence": "every_request",
            "started": "2026-11-25T10:00:00Z",
            "restart": "2",
            "paused": true,
        },
        "prices": {"*": {"input": 1, "output": 2}},
    }));
    let settings = config.ramp.unwrap();
    let step = |green: u64, needs_approval| RampStep {
        share: Share::new(10_000 - green, green).unwrap(),
        analysed_share: Share::ALL,
        needs_approval,
    };
    let steps = [step(1, false), step(250, false), step(3_333, true), step(9_999, false)];
    assert_eq!(settings.steps, steps);
    assert_eq!((settings.bake, settings.timeout), (seconds(90), seconds(172_800)));
    assert_eq!(settings.objective, Some(seconds(2)));
    assert_eq!(settings.started, Some(SystemTime::UNIX_EPOCH + seconds(1_795_600_800)));
    assert_eq!(settings.restart, "2");
    assert!(settings.is_paused);

    let rules = &settings.analysis;
    assert_eq!(rules.warmup_ns, 500_000_000);
    assert_eq!((rules.alpha, rules.beta), (0.5, 0.01));
    assert_eq!(rules.unit, AnalysisUnit::EveryRequest);
    let shares: Vec<f64> = rules.steps.iter().map(|step| step.all_units.get()).collect();
    assert_eq!(shares, [0.0001, 0.025, 0.3333, 0.9999]);
    let terms: Vec<GateSpec> = rules.gates.iter().map(|gate| gate.spec.clone()).collect();
    let named = |metric| GateSpec { is_named: true, ..GateSpec::with_defaults(metric, &shares) };
    let expected = [
        GateSpec {
            margin: 0.0,
            tolerance: vec![2.0, 1.0, 0.5],
            ceiling: Some(0.02),
            ..named(Metric::ErrorRate)
        },
        GateSpec { ceiling: None, is_critical: false, ..named(Metric::SlowRate) },
        GateSpec { tolerance: vec![0.2], ..named(Metric::Cost) },
    ];
    assert_eq!(terms, expected);

    let wire = |metric, limit, min_samples, window_s| Tripwire {
        metric,
        limit,
        min_samples,
        window_s,
        ..WIRE
    };
    let tripwires = [
        wire(Metric::SlowRate, 0.9, 1, 1),
        wire(Metric::Duration, 30_000.0, 20, 600),
        wire(Metric::Ttft, 500.0, 20, 30),
        wire(Metric::Cost, 0.05, 20, 30),
        wire(Metric::OutputTokens, 4_000.0, 20, 30),
        Tripwire { min_units: 16, ..WIRE },
        Tripwire { metric: Metric::EmptyRate, min_units: 1, is_absolute: true, ..WIRE },
    ];
    assert_eq!(settings.tripwires, tripwires);
}

#[test]
fn what_is_written_bears_on_what_is_not() {
    let short = ramp(json!({"bake": "30s"}));
    assert_eq!(short.analysis.warmup_ns, 30_000_000_000, "no longer than bake");
    let long = ramp(json!({"bake": "3d"}));
    assert_eq!(long.timeout, seconds(259_200), "no shorter than bake");
    assert_eq!(ramp(json!({"warmup": "0s"})).analysis.warmup_ns, 0);
    assert_eq!(ramp(json!({"tripwires": []})).tripwires, []);
    let unfinished = ramp(json!({"steps": [50]}));
    assert_eq!(basis_points(&unfinished), [5_000]);
    assert_eq!(unfinished.analysis.gates[0].spec.tolerance, [0.3]);
}

#[test]
fn a_ramp_has_answers_looked_at() {
    let statuses = json!({"gates": [{"metric": "error_rate"}]});
    let tripwire = json!({"metric": "truncation_rate", "limit": 0.5});
    let mut tripped = statuses.clone();
    tripped["tripwires"] = json!([tripwire]);
    for (ramp, is_read) in [(json!({}), true), (statuses.clone(), false), (tripped, true)] {
        let config = parse(json!({"ramp": ramp}));
        assert_eq!(config.ramp.unwrap().reads_answers(), is_read, "{ramp}");
        let as_written = parse(json!({"answers": {"read": is_read}}));
        assert_eq!(config.answers, as_written.answers, "{ramp}");
    }
    let prices = json!({"*": {"input": 1, "output": 2}});
    let priced = parse(json!({"ramp": {}, "prices": prices}));
    assert_eq!(priced.answers, parse(json!({"answers": {}, "prices": prices})).answers);
    let plain = parse(json!({"ramp": {}, "answers": {"plain": true}}));
    assert!(plain.answers.unwrap().plain);
    let unread = parse(json!({"ramp": statuses, "answers": {"read": false}}));
    assert!(!unread.answers.unwrap().read);
    assert_eq!(parse(json!({})).answers, None);
}

const METRICS: &str = "error_rate, client_error_rate, refusal_rate, empty_rate, truncation_rate, abort_rate, slow_rate, \
                       thumbs_down_rate, duration, ttft, output_tokens, cost, score";
const SHARE: &str = "write a share in percent, above 0 and at most 100, with at most two decimals";
const PERIOD: &str =
    "write a whole number of ms, s, m, h or d, above 0 and at most 365 days, such as \"10m\"";
const STEP: &str = "write a number in percent, or an object such as \
    {\"percent\": 25, \"approve\": true}";

#[test]
fn a_refusal_of_steps_and_times_names_field_value_and_mend() {
    let seventeen: Vec<u64> = (1..=17).collect();
    let warmup = "write a whole number of ms, s, m, h or d, at most what bake is, such as \"2m\"";
    let started = "write a time since 1970 as RFC 3339 has it, such as \"2026-11-25T10:00:00Z\"";
    let cases = [
        (json!({"steps": [0]}), format!("steps[0]: 0: {SHARE}")),
        (json!({"steps": [1, -5]}), format!("steps[1]: -5: {SHARE}")),
        (json!({"steps": [100.01]}), format!("steps[0]: 100.01: {SHARE}")),
        (json!({"steps": [0.001]}), format!("steps[0]: 0.001: {SHARE}")),
        (json!({"steps": [{"percent": 12.345}]}), format!("steps[0]: 12.345: {SHARE}")),
        (json!({"steps": [{"approve": true}]}), format!("steps[0].percent: missing: {SHARE}")),
        (
            json!({"steps": [{"percent": 5, "approve": true}, 100]}),
            "steps[0].approve: true: is entered at once: write a smaller step before it, or leave \
             this out and begin the ramp when it may begin"
                .into(),
        ),
        (json!({"steps": ["5"]}), format!("steps[0]: \"5\": {STEP}")),
        (
            json!({"steps": [{"pct": 5}]}),
            "steps[0].pct: 5: is no field here; the fields are percent, approve".into(),
        ),
        (json!({"steps": [[5, true]]}), format!("steps[0]: [5,true]: {STEP}")),
        (
            json!({"steps": [5, 1, 5, 25]}),
            "steps[1]: 1: is not above the steps before it; write them in growing order\n\
             ramp.steps[2]: 5: is not above the steps before it; write them in growing order"
                .into(),
        ),
        (
            json!({"steps": []}),
            "steps: []: write 1 to 16 steps, such as [1, 5, 25, 50, 100]".into(),
        ),
        (
            json!({"steps": seventeen}),
            "steps: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]: write 1 to 16 steps, such as \
             [1, 5, 25, 50, 100]"
                .into(),
        ),
        (
            json!({"steps": [100]}),
            "steps: [100]: compares nothing: write a step below 100 as well, or use weights".into(),
        ),
        (json!({"bake": "0s"}), format!("bake: \"0s\": {PERIOD}")),
        (json!({"bake": "ten"}), format!("bake: \"ten\": {PERIOD}")),
        (json!({"timeout": "1y"}), format!("timeout: \"1y\": {PERIOD}")),
        (
            json!({"timeout": "9m"}),
            "timeout: \"9m\": is over before the step has baked: write at least what bake is"
                .into(),
        ),
        (json!({"warmup": "11m"}), format!("warmup: \"11m\": {warmup}")),
        (json!({"warmup": "2"}), format!("warmup: \"2\": {warmup}")),
        (
            json!({"alpha": 0}),
            "alpha: 0: write a chance, above 0 and at most 0.5, such as 0.05".into(),
        ),
        (
            json!({"beta": 0.51}),
            "beta: 0.51: write a chance, above 0 and at most 0.5, such as 0.1".into(),
        ),
        (json!({"started": "yesterday"}), format!("started: \"yesterday\": {started}")),
        (
            json!({"evidence": "users"}),
            "evidence: \"users\": write \"units\" or \"every_request\"".into(),
        ),
        (json!({"restart": 2}), "restart: 2: is not a text".into()),
    ];
    for (ramp, expected) in cases {
        assert_eq!(refusal(json!({"ramp": ramp})), format!("ramp.{expected}"));
    }
}

#[test]
fn a_refusal_of_gates_names_field_value_and_mend() {
    let margin = "write by how much green may be worse, from 0 to 10, such as 0.25";
    let above = "write numbers above the margin, 0.25, and at most 20";
    let count = "write one number for all steps, or at most one for each step below 100 percent";
    let rate = "write a rate that nobody minds, above 0 and below 1, or null for none";
    let objective = "write the time from which a response is slow, such as \"2s\"";
    let cases = [
        (json!({}), format!("metric: missing: write one of {METRICS}")),
        (json!({"metric": "errors"}), format!("metric: \"errors\": write one of {METRICS}")),
        (
            json!({"metric": "score"}),
            "metric: \"score\": nobody's score is seen: write feedback with a score as well".to_owned(),
        ),
        (
            json!({"metric": "thumbs_down_rate"}),
            "metric: \"thumbs_down_rate\": nobody's thumb is seen: write feedback with a thumb as well"
                .to_owned(),
        ),
        (json!({"metric": "error_rate", "margin": -0.1}), format!("margin: -0.1: {margin}")),
        (
            json!({"metric": "error_rate", "margin": 10.5, "tolerance": 11}),
            format!("margin: 10.5: {margin}"),
        ),
        (
            json!({"metric": "error_rate", "margin": 0.5}),
            "tolerance: missing: by default 0.5 in one of the steps, which is not above the \
             margin, 0.5: write it"
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
            "ceiling: 0.5: with the tolerance on top it is not below 1: write a lower one, such as \
             0.01"
                .into(),
        ),
        (
            json!({"metric": "duration", "ceiling": 0.5}),
            "ceiling: 0.5: only a rate has a ceiling: remove it".into(),
        ),
        (json!({"metric": "slow_rate"}), format!("objective: missing: {objective}")),
        (
            json!({"metric": "slow_rate", "objective": "0s"}),
            format!("objective: \"0s\": {objective}"),
        ),
        (
            json!({"metric": "duration", "objective": "2s"}),
            "objective: \"2s\": only slow_rate has an objective: remove it".into(),
        ),
        (
            json!({"metric": "duration", "critical": false}),
            "critical: false: no gate is critical, so nothing would decide: let one of them be"
                .into(),
        ),
        (
            json!({"metric": "cost"}),
            "metric: \"cost\": nothing has a cost without prices: write prices as well".into(),
        ),
    ];
    for (gate, expected) in cases {
        let refused = refusal(json!({"ramp": {"gates": [gate]}}));
        assert_eq!(refused, format!("ramp.gates[0].{expected}"));
    }
    let lists = [
        (
            json!([]),
            "ramp.gates: []: nothing would decide: write at least one gate, or leave the field out \
             for the gates by default",
        ),
        (
            json!([{"metric": "ttft"}, {"metric": "ttft", "critical": false}]),
            "ramp.gates[1].metric: \"ttft\": has a gate already; keep one",
        ),
    ];
    for (gates, expected) in lists {
        assert_eq!(refusal(json!({"ramp": {"gates": gates}})), expected);
    }
}

#[test]
fn a_refusal_of_tripwires_names_field_value_and_mend() {
    let rate = "write a share of green's responses, above 0 and below 1, such as 0.5";
    let minimum = "write how many of green's responses it takes, at least 1, such as 20";
    let window = "write whole seconds, from \"1s\" to \"10m\"";
    let time = "write a time, above 0, such as \"30s\"";
    let tokens = "write a number of tokens, above 0, such as 4000";
    let with = |field: &str, value: Value| {
        let mut tripwire = json!({"metric": "error_rate", "limit": 0.5});
        tripwire[field] = value;
        tripwire
    };
    let cases = [
        (json!({"limit": 0.5}), format!("metric: missing: write one of {METRICS}")),
        (
            with("metric", json!("score")),
            "metric: \"score\": nobody's score is seen: write feedback with a score as well"
                .to_owned(),
        ),
        (
            with("metric", json!("slow_rate")),
            "metric: \"slow_rate\": nothing says what is slow: write a gate on slow_rate with an \
             objective"
                .into(),
        ),
        (
            with("metric", json!("cost")),
            "metric: \"cost\": nothing has a cost without prices: write prices as well".into(),
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
        let refused = refusal(json!({"ramp": {"tripwires": [tripwire]}}));
        assert_eq!(refused, format!("ramp.tripwires[0].{expected}"));
    }
    let free = json!({
        "ramp": {"tripwires": [{"metric": "cost", "limit": 0}]},
        "prices": {"*": {"input": 1, "output": 2}},
    });
    let expected = "ramp.tripwires[0].limit: 0: write US dollars, above 0, such as 0.05";
    assert_eq!(refusal(free), expected);
}

#[test]
fn a_refusal_names_what_does_not_go_with_a_ramp() {
    let cases = [
        (
            json!({"ramp": {}, "weights": {"blue": 95, "green": 5}}),
            "ramp: set: weights by hand and a ramp exclude each other; remove one",
        ),
        (
            json!({"ramp": {}, "answers": {"read": false}}),
            "answers.read: false: the ramp looks at refusal_rate, empty_rate, ttft, of which only answers that \
             are read tell: write true, or gates and tripwires without them",
        ),
        (
            json!({
                "ramp": {
                    "gates": [{"metric": "error_rate"}],
                    "tripwires": [{"metric": "output_tokens", "limit": 1}],
                },
                "answers": {"read": false},
            }),
            "answers.read: false: the ramp looks at output_tokens, of which only answers that are \
             read tell: write true, or gates and tripwires without them",
        ),
        (
            json!({"ramp": {"bkae": "10m"}}),
            "ramp.bkae: \"10m\": is no field here; did you mean bake? the fields are steps, bake, timeout, warmup, gates, \
             tripwires, alpha, beta, evidence, control, started, restart, paused",
        ),
        (
            json!({"ramp": null}),
            "ramp: null: is not an object; write an object, at least {}, such as {\"steps\": [1, 5, \
             25, 50, 100], \"bake\": \"10m\"}",
        ),
        (json!({"ramp": {"tripwires": null}}), "ramp.tripwires: null: is not a list"),
        (
            json!({"ramp": {"gates": [["error_rate"]]}}),
            "ramp.gates[0]: [\"error_rate\"]: is not an object",
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(refusal(fields), expected);
    }
}

#[test]
fn all_problems_of_a_ramp_are_told_at_once() {
    let refused = Config::parse(
        with(json!({
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
        }))
        .as_bytes(),
    );
    let problems = refused.unwrap_err().errors;
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    let expected = [
        "ramp.steps[1]",
        "ramp.bake",
        "ramp.timeout",
        "ramp.warmup",
        "ramp.gates[0].metric",
        "ramp.gates[1].margin",
        "ramp.gates[1].tolerance",
        "ramp.gates[1].ceiling",
        "ramp.gates[1].objective",
        "ramp.tripwires[0].limit",
        "ramp.tripwires[0].minimum",
        "ramp.tripwires[0].window",
        "ramp.tripwires[1].metric",
        "answers.read",
        "ramp.alpha",
        "ramp.beta",
        "ramp.started",
    ];
    assert_eq!(fields, expected);
    // What a ramp that was refused would have used is not called idle.
    let formats = json!({"blue": {"cluster": "b", "format": "chat"}, "green": {"cluster": "g"}});
    let refused = refusal(json!({"ramp": {"alpha": 1}, "versions": formats}));
    assert!(refused.starts_with("ramp.alpha: 1: ") && refused.lines().count() == 1, "{refused}");
}

#[test]
fn a_duration_is_a_whole_number_and_a_unit() {
    let good = [
        ("1ms", 1),
        ("500ms", 500),
        ("10s", 10_000),
        ("010m", 600_000),
        ("24h", 86_400_000),
        ("2d", 172_800_000),
        ("365d", 31_536_000_000),
    ];
    for (text, milliseconds) in good {
        let settings = ramp(json!({"bake": text}));
        assert_eq!(settings.bake, Duration::from_millis(milliseconds), "{text}");
    }
    let bad = [
        "",
        "10",
        "s",
        "1.5s",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "1w",
        "1S",
        "1m30s",
        "١s",
        "366d",
        "18446744073709551615d",
        "99999999999999999999ms",
    ];
    for text in bad {
        let expected = format!("ramp.bake: {}: {PERIOD}", json!(text));
        assert_eq!(refusal(json!({"ramp": {"bake": text}})), expected);
    }
}

#[test]
fn a_timestamp_is_one_of_rfc_3339() {
    // The seconds are those of GNU date: `date -u -d 2026-11-25T10:00:00Z +%s`.
    let good = [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("2026-11-25T10:00:00Z", 1_795_600_800, 0),
        ("2026-11-25t10:00:00z", 1_795_600_800, 0),
        ("2026-11-25T12:30:00+02:30", 1_795_600_800, 0),
        ("2026-11-24T22:00:00-12:00", 1_795_600_800, 0),
        ("2026-11-25T10:00:00-00:00", 1_795_600_800, 0),
        ("2026-11-25T10:00:00.5Z", 1_795_600_800, 500_000_000),
        ("2026-11-25T10:00:00.0000000019+00:00", 1_795_600_800, 1),
        ("1969-12-31T23:00:00-01:00", 0, 0),
        ("2000-02-29T00:00:00Z", 951_782_400, 0),
        ("2024-03-01T00:00:00Z", 1_709_251_200, 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800, 0),
        ("2017-01-01T08:59:60+09:00", 1_483_228_800, 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
    ];
    for (text, seconds, nanoseconds) in good {
        let expected = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        assert_eq!(ramp(json!({"started": text})).started, Some(expected), "{text}");
    }
    let bad = [
        "",
        "2026-11-25",
        "10:00:00Z",
        "2026-11-25T10:00:00",
        "2026-11-25 10:00:00Z",
        "2026-11-25T10:00Z",
        "2026-11-25T10:00:00.Z",
        "2026-11-25T10:00:00,5Z",
        "2026-11-25T10:00:00+0200",
        "2026-11-25T10:00:00+24:00",
        "2026-11-25T10:00:00+02:60",
        "2026-11-25T24:00:00Z",
        "2026-11-25T10:60:00Z",
        "2026-11-25T10:00:60Z",
        "2026-11-25T10:00:61Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-11-31T10:00:00Z",
        "2026-11-00T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "26-11-25T10:00:00Z",
        "02026-11-25T10:00:00Z",
        "+026-11-25T10:00:00Z",
        "2026-1-25T10:00:00Z",
        "2026-11-25T10:00:00ZZ",
        "2026-11-25T10:00:00Z ",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "２026-11-25T10:00:00Z",
    ];
    for text in bad {
        let refused = refusal(json!({"ramp": {"started": text}}));
        let expected = format!("ramp.started: {}: write a time since 1970", json!(text));
        assert!(refused.starts_with(&expected), "{refused}");
    }
}

/// A text that some field might take, or any.
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

fn any_value() -> impl Strategy<Value = Value> {
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

proptest! {
    #[test]
    fn no_json_in_any_field_of_a_ramp_panics(
        field in prop::sample::select(vec![
            "steps", "bake", "timeout", "warmup", "gates", "tripwires", "alpha", "beta",
            "evidence", "started", "restart", "paused",
        ]),
        value in any_value(),
    ) {
        let _ = Config::parse(with(json!({"ramp": {field: value}})).as_bytes());
    }

    #[test]
    fn no_json_in_a_gate_or_tripwire_panics(
        gate in any_value(),
        field in prop::sample::select(vec![
            "margin", "tolerance", "ceiling", "critical", "objective", "limit", "minimum", "window",
        ]),
        metric in prop::sample::select(Metric::ALL.to_vec()),
    ) {
        let of_metric = json!([{"metric": metric, field: gate}]);
        for list in ["gates", "tripwires"] {
            let _ = Config::parse(with(json!({"ramp": {list: of_metric}})).as_bytes());
        }
    }

    /// Each step below 100 % compares, and by numbers that are some.
    #[test]
    fn every_ramp_of_growing_steps_can_be_judged(
        points in prop::collection::btree_set(1..=10_000_u32, 1..=16),
    ) {
        let percents: Vec<f64> = points.iter().map(|green| f64::from(*green) / 100.0).collect();
        prop_assume!(percents != [100.0]);
        let settings = ramp(json!({"steps": percents}));
        prop_assert_eq!(basis_points(&settings), points.iter().copied().collect::<Vec<_>>());
        let compared = points.iter().filter(|green| **green < 10_000).count();
        prop_assert_eq!(settings.analysis.steps.len(), compared);
        for gate in &settings.analysis.gates {
            prop_assert_eq!(gate.steps().len(), compared);
        }
    }
}

/// Green's new units and as many of blue's: the line of all units up to twice the new
/// share past the old.
#[test]
fn a_control_can_be_as_large_as_what_is_new() {
    let of = |steps: Value| json!({"steps": steps, "control": "equal"});
    let settings = ramp(of(json!([1, 5, 25, 50, 100])));
    let compared: Vec<u32> =
        settings.steps.iter().map(|step| step.analysed_share.basis_points()).collect();
    assert_eq!(compared, [200, 900, 4500, 7500, 10_000]);
    let refused = refusal(json!({"ramp": of(json!([1, 60, 100]))}));
    assert_eq!(
        refused,
        "ramp.control: \"equal\": step 1 leaves blue fewer units than are new on green: write \
         smaller steps, such as up to 50, or leave this out"
    );
}
