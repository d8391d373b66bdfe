//! The schema and the parser agree on generated configurations.

use proptest::prelude::*;
use serde_json::Value;
use verdigris::config::RawConfig;

use crate::schema::{document_examples, parse_plugin, schema_errors};

/// Values that are valid in some field.
fn any_value() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        " ",
        "a",
        "x-user-id",
        "Host",
        "cookie",
        "llm-blue",
        "a b",
        "10m",
        "0s",
        "500ms",
        "2s",
        "1d",
        "blue",
        "green",
        "random",
        "move",
        "finish",
        "pass",
        "chat",
        "gemini",
        "bedrock",
        "console",
        "release",
        "shadow",
        "upstream",
        "verdigris.example",
        "all",
        "equal",
        "units",
        "every_request",
        "small",
        "default",
        "large",
        "small",
        "large",
        "1h30m",
        "30m1h",
        "0.5",
        "-1",
        "25",
        "25%",
        "0.25%",
        "100.1%",
        "0%",
        "100%",
        "pairwise",
        "both",
        "full",
        "judge",
        "/v1/traces",
        "5.0",
        "05",
        "1e1",
        "%",
        "/a",
        "none",
        "lax",
        "__Host-a",
        "__secure-a",
        "/previous_response_id",
        "2026-11-25T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "error_rate",
        "refusal_rate",
        "slow_rate",
        "duration",
        "ttft",
        "cost",
        "output_tokens",
        "score",
        "thumbs_down_rate",
        "gpt*",
        "*",
        "a*b",
        "I'm sorry",
        "\u{1}",
        "ä",
    ];
    let texts: Vec<Value> = texts.into_iter().map(Value::from).collect();
    let numbers =
        [-1.0, 1e-7, 50.0, 0.05, 0.1, 0.25, 0.5, 1.5, 12.5, 99.99, 0.001].map(Value::from);
    let wholes = [0_u64, 1, 2, 5, 20, 25, 50, 100, 101, 1 << 30, 1 << 31].map(Value::from);
    let leaf = prop_oneof![
        4 => prop::sample::select(texts),
        2 => prop::sample::select(numbers.to_vec()),
        2 => prop::sample::select(wholes.to_vec()),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let names = [
        "header",
        "cookie",
        "pointer",
        "cluster",
        "request",
        "format",
        "blue",
        "green",
        "percent",
        "approve",
        "metric",
        "limit",
        "margin",
        "tolerance",
        "ceiling",
        "critical",
        "objective",
        "prefix",
        "set",
        "remove",
        "append",
        "replace",
        "max_age",
        "secure",
        "same_site",
        "domain",
        "path",
        "since",
        "weights",
        "input",
        "output",
        "read",
        "plain",
        "gates",
        "tripwires",
        "steps",
        "bake",
        "window",
        "minimum",
        "thumb",
        "score",
        "path",
        "hosts",
        "of",
        "judge",
        "samples",
        "sample",
        "model",
        "mode",
        "host",
        "timeout",
        "parameters",
        "max_tokens",
        "max_completion_tokens",
        "max_cost_per_day",
        "in_flight",
        "content",
        "nothing",
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(names.to_vec()), inner), 0..4).prop_map(
                |fields| fields.into_iter().map(|(name, it)| (name.to_owned(), it)).collect()
            ),
        ]
    })
}

/// Adds the pointers to all values inside `value`, which is at `pointer`.
fn add_pointers(value: &Value, pointer: &str, pointers: &mut Vec<String>) {
    pointers.push(pointer.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let token = name.replace('~', "~0").replace('/', "~1");
                add_pointers(value, &format!("{pointer}/{token}"), pointers);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                add_pointers(value, &format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
}

/// Examples in which some values are replaced, removed or added.
fn any_mutated_example() -> impl Strategy<Value = Value> {
    let index = any::<prop::sample::Index>();
    let change = (index, any_value(), 0..4_u8);
    let examples = document_examples();
    let example = (0..examples.len()).prop_map(move |index| examples[index].clone());
    (example, prop::collection::vec(change, 1..4)).prop_map(|(mut config, changes)| {
        for (index, value, kind) in changes {
            let mut pointers = Vec::new();
            add_pointers(&config, "", &mut pointers);
            pointers.remove(0);
            if pointers.is_empty() {
                break;
            }
            let pointer = index.get(&pointers).clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            match (kind, config.pointer_mut(parent).unwrap()) {
                (0, Value::Object(fields)) => drop(fields.remove(name)),
                (0, Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
                (1, Value::Array(items)) => items.push(value),
                _ => *config.pointer_mut(&pointer).unwrap() = value,
            }
        }
        config
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// The parser rejects what the schema rejects. The schema rejects wrong types and unknown
    /// fields as the parser does, except for the rollout's fields in a console's configuration.
    #[test]
    fn the_schema_agrees_with_the_parser(config in any_mutated_example()) {
        let by_schema = schema_errors(&config);
        if !by_schema.is_empty() {
            prop_assert!(parse_plugin(&config).is_err(), "{config}\nonly the schema rejects it: {by_schema:?}");
        } else if config["role"] != "console" {
            let raw = RawConfig::from_json(&config);
            prop_assert!(raw.is_ok(), "{config}\nonly the parser rejects it: {raw:?}");
        }
    }
}
