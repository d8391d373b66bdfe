//! The JSON Schema agrees with the parser.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};
use verdigris::config::{InvalidConfig, Plugin};

use crate::documents::documents;
use crate::minimal_config;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../src/config/schema.json")).unwrap());

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).unwrap());

/// The configurations in the documents.
pub fn document_examples() -> Vec<Value> {
    let documents = documents();
    let blocks = documents.iter().flat_map(|document| document.blocks("json"));
    blocks.map(|example| serde_json::from_str(example).unwrap()).collect()
}

pub fn parse_plugin(config: &Value) -> Result<Plugin, InvalidConfig> {
    Plugin::parse(config.to_string().as_bytes())
}

/// The schema's errors.
pub fn schema_errors(config: &Value) -> Vec<String> {
    VALIDATOR.iter_errors(config).map(|error| error.to_string()).collect()
}

pub fn assert_both_accept(config: &Value) {
    assert_both(config, true);
}

pub fn assert_both_reject(config: &Value) {
    assert_both(config, false);
}

fn assert_both(config: &Value, is_valid: bool) {
    let by_schema = schema_errors(config);
    let by_parser = parse_plugin(config).err();
    assert_eq!(by_schema.is_empty(), is_valid, "{config}\n{by_schema:?}");
    assert_eq!(by_parser.is_none(), is_valid, "{config}\n{by_parser:?}");
}

#[test]
fn the_schema_is_a_valid_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&SCHEMA));
}

#[test]
fn all_shipped_examples_are_valid() {
    for example in document_examples() {
        assert_both_accept(&example);
    }
    let (_, shipped) =
        include_str!("../../envoy/config/filter.yaml").split_once("value: |\n").unwrap();
    assert_both_accept(&serde_json::from_str(shipped).unwrap());
}

/// The fields that the parser knows in the object with the unknown field. Its error lists them.
fn known_fields(config: &Value) -> Vec<String> {
    let errors = parse_plugin(config).unwrap_err().to_string();
    let (_, list) = errors.split_once("no_such_field: 1: unknown field; the fields are ").unwrap();
    list.lines().next().unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_describes_each_field_that_the_parser_knows() {
    let objects = [
        ("/$defs/rollout", json!({"no_such_field": 1})),
        ("/$defs/console", json!({"role": "console", "no_such_field": 1})),
        (
            "/$defs/console/properties/console",
            json!({"role": "console", "console": {"no_such_field": 1}}),
        ),
        ("/$defs/rollout/properties/console", json!({"console": {"no_such_field": 1}})),
        ("/$defs/shadow", json!({"shadow": {"no_such_field": 1}})),
        ("/$defs/feedback", json!({"feedback": {"no_such_field": 1}})),
        ("/$defs/fleet", json!({"fleet": {"no_such_field": 1}})),
        ("/$defs/judge", json!({"judge": {"no_such_field": 1}})),
        ("/$defs/samples", json!({"samples": {"no_such_field": 1}})),
        ("/$defs/version", json!({"versions": {"blue": {"no_such_field": 1}}})),
        ("/$defs/request", json!({"versions": {"blue": {"request": {"no_such_field": 1}}}})),
        ("/$defs/failover", json!({"versions": {"green": {"failover": {"no_such_field": 1}}}})),
        (
            "/$defs/request/properties/headers",
            json!({"versions": {"blue": {"request": {"headers": {"no_such_field": 1}}}}}),
        ),
        (
            "/$defs/request/properties/system",
            json!({"versions": {"blue": {"request": {"system": {"no_such_field": 1}}}}}),
        ),
        ("/$defs/weights", json!({"weights": {"no_such_field": 1}})),
        ("/$defs/rollout/properties/pins", json!({"pins": {"no_such_field": 1}})),
        ("/$defs/source", json!({"unit": {"no_such_field": 1}})),
        ("/$defs/id_source", json!({"conversation": {"id": {"no_such_field": 1}}})),
        ("/$defs/answers", json!({"answers": {"no_such_field": 1}})),
        (
            "/$defs/answers/properties/paths/items",
            json!({"answers": {"paths": [{"no_such_field": 1}]}}),
        ),
        ("/$defs/price", json!({"prices": {"a": {"no_such_field": 1}}})),
        ("/$defs/conversation", json!({"conversation": {"no_such_field": 1}})),
        (
            "/$defs/conversation/properties/drain",
            json!({"conversation": {"drain": {"no_such_field": 1}}}),
        ),
        (
            "/$defs/conversation/properties/history/items",
            json!({"conversation": {"history": [{"no_such_field": 1}]}}),
        ),
        ("/$defs/ramp", json!({"ramp": {"no_such_field": 1}})),
        ("/$defs/step/then", json!({"ramp": {"steps": [{"no_such_field": 1}]}})),
        ("/$defs/gate", json!({"ramp": {"gates": [{"no_such_field": 1}]}})),
        ("/$defs/tripwire", json!({"ramp": {"tripwires": [{"no_such_field": 1}]}})),
    ];
    for (pointer, unknown) in objects {
        let object = SCHEMA.pointer(pointer).unwrap();
        let properties = object["properties"].as_object().unwrap().iter();
        // A pointer that is only accepted as null is not listed.
        let described =
            properties.filter(|(name, it)| name.as_str() != "pointer" || it["type"] != "null");
        let mut described: Vec<_> = described.map(|(name, _)| name.clone()).collect();
        let mut known = known_fields(&unknown);
        described.sort();
        known.sort();
        assert_eq!(described, known, "{pointer}");
        assert_eq!(object["additionalProperties"], false, "{pointer}");
        assert!(!VALIDATOR.is_valid(&unknown));
    }
}

#[test]
fn documented_defaults_are_those_of_the_parser_and_examples_are_valid() {
    let sections = [
        ("rollout", "", json!(null)),
        ("ramp", "ramp", json!({})),
        ("answers", "answers", json!({})),
        ("conversation", "conversation", json!({})),
        ("shadow", "shadow", json!({"percent": 10})),
        ("feedback", "feedback", json!({"path": "/f", "thumb": "/t"})),
        ("fleet", "fleet", json!({"store": "etcd", "cluster": "etcd"})),
        ("judge", "judge", json!({"cluster": "judge", "model": "judge-model"})),
        ("samples", "samples", json!({"cluster": "otel-collector"})),
    ];
    let (mut defaults, mut examples) = (0, 0);
    for (definition, field, value) in sections {
        let pointer = format!("/$defs/{definition}");
        let mut without = minimal_config();
        if !field.is_empty() {
            without[field] = value;
        }
        if field == "fleet" {
            without["ramp"] = json!({});
        }
        let properties = SCHEMA.pointer(&pointer).unwrap()["properties"].as_object().unwrap();
        for (name, property) in properties {
            let with = |value: &Value| {
                let mut config = without.clone();
                let object = if field.is_empty() { &mut config } else { &mut config[field] };
                object[name] = value.clone();
                config
            };
            if let Some(default) = property.get("default") {
                let config = with(default);
                assert_both_accept(&config);
                assert_eq!(parse_plugin(&config), parse_plugin(&without), "{field}.{name}");
                defaults += 1;
            }
            for example in property["examples"].as_array().into_iter().flatten() {
                let mut config = with(example);
                if name == "prices" {
                    config["answers"] = json!({});
                }
                if name == "max_cost_per_day" {
                    config["prices"] = json!({"*": {"input": 1, "output": 2}});
                }
                assert_both_accept(&config);
                examples += 1;
            }
        }
    }
    assert!(defaults >= 16 && examples >= 9, "{defaults} {examples}");
}
