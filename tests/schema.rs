//! The shipped JSON Schema says what the parser does.

use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::config::{InvalidConfig, Plugin, RawConfig};

const README: &str = include_str!("../README.md");

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../src/config/schema.json")).unwrap());

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).unwrap());

fn readme_examples() -> Vec<Value> {
    let fenced = README.split("```json\n").skip(1);
    fenced.map(|rest| serde_json::from_str(rest.split_once("```").unwrap().0).unwrap()).collect()
}

fn least() -> Value {
    json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    })
}

fn parse(config: &Value) -> Result<Plugin, InvalidConfig> {
    Plugin::parse(config.to_string().as_bytes())
}

/// Both say the same of it, and it is this.
fn assert_both(config: &Value, is_valid: bool) {
    let by_schema: Vec<_> = VALIDATOR.iter_errors(config).map(|it| it.to_string()).collect();
    let by_parser = parse(config).err();
    assert_eq!(by_schema.is_empty(), is_valid, "{config}\n{by_schema:?}");
    assert_eq!(by_parser.is_none(), is_valid, "{config}\n{by_parser:?}");
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::draft202012::meta::is_valid(&SCHEMA));
}

#[test]
fn every_example_is_valid() {
    for example in readme_examples() {
        assert_both(&example, true);
    }
    let (_, shipped) = include_str!("../envoy/filter.yaml").split_once("value: |\n").unwrap();
    assert_both(&serde_json::from_str(shipped).unwrap(), true);
}

/// The fields that the parser knows at this place; it lists them where it meets another.
fn known_fields(config: &Value) -> Vec<String> {
    let refused = parse(config).unwrap_err().to_string();
    let (_, list) =
        refused.split_once("no_such_field: 1: is no field here; the fields are ").unwrap();
    list.lines().next().unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn each_field_that_the_parser_knows_is_described() {
    let places = [
        ("/$defs/rollout", json!({"no_such_field": 1})),
        ("/$defs/console", json!({"role": "console", "no_such_field": 1})),
        (
            "/$defs/console/properties/console",
            json!({"role": "console", "console": {"no_such_field": 1}}),
        ),
        ("/$defs/rollout/properties/console", json!({"console": {"no_such_field": 1}})),
        ("/$defs/shadow", json!({"shadow": {"no_such_field": 1}})),
        ("/$defs/feedback", json!({"feedback": {"no_such_field": 1}})),
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
    for (pointer, unknown) in places {
        let object = SCHEMA.pointer(pointer).unwrap();
        let mut described: Vec<_> =
            object["properties"].as_object().unwrap().keys().cloned().collect();
        let mut known = known_fields(&unknown);
        described.sort();
        known.sort();
        assert_eq!(described, known, "{pointer}");
        assert_eq!(object["additionalProperties"], false, "{pointer}");
        assert!(!VALIDATOR.is_valid(&unknown));
    }
}

/// A default that is written changes nothing, and an example is one.
#[test]
fn defaults_are_the_parser_s_and_examples_are_valid() {
    let least_of = [
        ("rollout", "", json!(null)),
        ("ramp", "ramp", json!({})),
        ("answers", "answers", json!({})),
        ("conversation", "conversation", json!({})),
        ("shadow", "shadow", json!({"percent": 10})),
        ("feedback", "feedback", json!({"path": "/f", "thumb": "/t"})),
    ];
    let (mut defaults, mut examples) = (0, 0);
    for (definition, field, value) in least_of {
        let pointer = format!("/$defs/{definition}");
        let mut without = least();
        if !field.is_empty() {
            without[field] = value;
        }
        let properties = SCHEMA.pointer(&pointer).unwrap()["properties"].as_object().unwrap();
        for (name, described) in properties {
            let with = |value: &Value| {
                let mut config = without.clone();
                let object = if field.is_empty() { &mut config } else { &mut config[field] };
                object[name] = value.clone();
                config
            };
            if let Some(default) = described.get("default") {
                let config = with(default);
                assert_both(&config, true);
                assert_eq!(parse(&config), parse(&without), "{field}.{name}");
                defaults += 1;
            }
            for example in described["examples"].as_array().into_iter().flatten() {
                let mut config = with(example);
                if name == "prices" {
                    config["answers"] = json!({});
                }
                assert_both(&config, true);
                examples += 1;
            }
        }
    }
    assert!(defaults >= 16 && examples >= 9, "{defaults} {examples}");
}

/// What is wrong in itself, and not by its kind alone.
#[test]
fn both_refuse_what_is_wrong() {
    let ramp = |ramp: Value| ("ramp", ramp);
    let gate = |gate: Value| ("ramp", json!({"gates": [gate]}));
    let wire = |wire: Value| ("ramp", json!({"tripwires": [wire]}));
    let of_green = |request: Value| {
        let green = json!({"cluster": "g", "request": request});
        ("versions", json!({"blue": {"cluster": "b"}, "green": green}))
    };
    let marker = |marker: Value| ("conversation", json!({"marker": [marker]}));
    let cases = [
        ("rollout", json!("Assistant V8")),
        ("rollout", json!("a".repeat(64))),
        ("rollout", Value::Null),
        ("unit", json!([])),
        ("unit", json!({})),
        ("unit", json!({"header": "a", "cookie": "b"})),
        ("unit", json!({"header": ":path"})),
        ("unit", json!({"pointer": "/a"})),
        ("versions", json!({"blue": {"cluster": "b"}})),
        ("versions", json!({"blue": {"cluster": " b"}, "green": {"cluster": "g"}})),
        ("versions", json!({"blue": {"cluster": "b\n"}, "green": {"cluster": "g"}})),
        (
            "versions",
            json!({
                "blue": {"cluster": "b", "failover": {"cluster": "f"}},
                "green": {"cluster": "g"},
            }),
        ),
        ("versions", json!({"blue": {"cluster": "b"}, "green": {"cluster": "g", "failover": {}}})),
        ("weights", json!({"blue": 0, "green": 0})),
        ("weights", json!({"blue": 1})),
        ("weights", json!({"blue": 2_147_483_648_u64, "green": 0})),
        ("on_missing", json!("green")),
        ("pins", json!({"green": [""]})),
        ("pins", json!({"green": ["u "]})),
        ("force_header", json!("a b")),
        ("cluster_header", json!("")),
        ("max_request_body", json!(0)),
        ("max_request_body", json!(1_u64 << 31)),
        ("prices", json!({"a": {"input": 1, "output": 1}})),
        ("answers", json!({"read": false, "plain": true})),
        ("answers", json!({"paths": [{"prefix": "x", "format": "chat"}]})),
        ("answers", json!({"paths": [{"prefix": "/x"}]})),
        ("answers", json!({"refusal_phrases": [" no"]})),
        ("conversation", json!({"id": []})),
        ("conversation", json!({"id": {"pointer": "a"}})),
        ("conversation", json!({"id": {"pointer": "/previous_response_id"}})),
        ("conversation", json!({"drain": {"max_age": "0s"}})),
        marker(json!({"header": "a", "secure": true})),
        marker(json!({"header": "a", "path": "/"})),
        marker(json!({"cookie": "a", "same_site": "none"})),
        marker(json!({"cookie": "a", "same_site": "None", "secure": true})),
        marker(json!({"cookie": "a", "same_site": "none", "secure": false})),
        marker(json!({"cookie": "a", "domain": "a.example; Secure"})),
        marker(json!({"cookie": "a", "domain": "a..example"})),
        marker(json!({"cookie": "a", "domain": "-a"})),
        marker(json!({"cookie": "a", "domain": ""})),
        marker(json!({"cookie": "a", "domain": "ä.example"})),
        marker(json!({"cookie": "a", "domain": "a".repeat(254)})),
        marker(json!({"cookie": "a", "path": "chat"})),
        marker(json!({"cookie": "a", "path": "/a;b"})),
        marker(json!({"cookie": "a", "path": "/a\n"})),
        marker(json!({"cookie": "a", "path": "/a b"})),
        marker(json!({"cookie": "a", "path": format!("/{}", "a".repeat(1024))})),
        marker(json!({"cookie": "__Secure-a"})),
        marker(json!({"cookie": "__secure-a", "secure": false})),
        marker(json!({"cookie": "__Http-a"})),
        marker(json!({"cookie": "__Host-a"})),
        marker(json!({"cookie": "__Host-a", "secure": true, "path": "/a"})),
        marker(json!({"cookie": "__hOsT-a", "secure": true, "domain": "a.example"})),
        marker(json!({"cookie": "a", "http_only": false})),
        (
            "conversation",
            json!({"history": [{"since": "yesterday", "weights": {"blue": 1, "green": 1}}]}),
        ),
        of_green(json!({"model": ""})),
        of_green(json!({"system": {}})),
        of_green(json!({"system": {"prepend": ""}})),
        of_green(json!({"system": {"prepend": "a", "append": "b"}})),
        of_green(json!({"headers": {"set": {"x": " a"}}})),
        of_green(json!({"headers": {"set": {"x y": "a"}}})),
        ramp(json!({"steps": []})),
        ramp(json!({"steps": [100]})),
        ramp(json!({"steps": [0, 100]})),
        ramp(json!({"steps": [1, 101]})),
        ramp(json!({"steps": [{"percent": 1, "approve": true}, 100]})),
        ramp(json!({"bake": "10"})),
        ramp(json!({"bake": "0m"})),
        ramp(json!({"alpha": 0})),
        ramp(json!({"beta": 0.6})),
        ramp(json!({"started": "2026-11-25"})),
        ramp(json!({"gates": []})),
        gate(json!({"metric": "score"})),
        gate(json!({"metric": "thumbs_down_rate"})),
        gate(json!({"metric": "mood"})),
        gate(json!({"metric": "error_rate", "margin": 11})),
        gate(json!({"metric": "error_rate", "tolerance": []})),
        gate(json!({"metric": "error_rate", "tolerance": 21})),
        gate(json!({"metric": "error_rate", "ceiling": 1})),
        gate(json!({"metric": "error_rate", "critical": false})),
        gate(json!({"metric": "error_rate", "objective": "2s"})),
        gate(json!({"metric": "duration", "ceiling": 0.1})),
        gate(json!({"metric": "slow_rate"})),
        gate(json!({"metric": "cost"})),
        wire(json!({"metric": "error_rate"})),
        wire(json!({"metric": "error_rate", "limit": "30s"})),
        wire(json!({"metric": "error_rate", "limit": 1})),
        wire(json!({"metric": "duration", "limit": 30})),
        wire(json!({"metric": "error_rate", "limit": 0.5, "minimum": 0})),
        wire(json!({"metric": "error_rate", "limit": 0.5, "window": "0s"})),
        wire(json!({"metric": "cost", "limit": 1})),
        wire(json!({"metric": "score", "limit": 0.5})),
        ("shadow", json!({})),
        ("shadow", json!({"percent": 101})),
        ("shadow", json!({"percent": 0.5})),
        ("shadow", json!({"percent": 1, "of": "green"})),
        ("shadow", json!({"percent": 1, "header": "a b"})),
        ("feedback", json!({"path": "/f"})),
        ("feedback", json!({"thumb": "/t"})),
        ("feedback", json!({"path": "f", "thumb": "/t"})),
        ("feedback", json!({"path": "/f?a", "thumb": "/t"})),
        ("feedback", json!({"path": "/f", "thumb": "t"})),
        ("feedback", json!({"path": "/f", "score": "/s", "max_per_minute": 0})),
        ("feedback", json!({"path": "/f", "score": "/s", "answered_by": "green"})),
        ("role", json!("blue")),
        ("console", json!({"hosts": "a"})),
    ];
    for (field, value) in cases {
        let mut config = least();
        config[field] = value;
        assert_both(&config, false);
    }
    let mut both = least();
    both["weights"] = json!({"blue": 1, "green": 1});
    both["ramp"] = json!({});
    assert_both(&both, false);
    let of_thumbs = |feedback: Value| {
        let mut config = least();
        config["ramp"] = json!({"gates": [{"metric": "thumbs_down_rate"}]});
        config["feedback"] = feedback;
        config
    };
    assert_both(&of_thumbs(json!({"path": "/f", "score": "/s"})), false);
    assert_both(&of_thumbs(json!({"path": "/f", "thumb": "/t"})), true);
    // A ceiling is of rates whose margin is relative.
    let mut ceiling = of_thumbs(json!({"path": "/f", "thumb": "/t"}));
    ceiling["ramp"]["gates"][0]["ceiling"] = json!(0.01);
    assert_both(&ceiling, false);
}

/// A console's configuration is looked at as one.
#[test]
fn both_read_the_attributes_of_a_marker_s_cookie() {
    for marker in [
        json!({"cookie": "a"}),
        json!({"cookie": "a", "secure": null, "same_site": null, "domain": null, "path": null}),
        json!({"header": "a", "cookie": null, "secure": null}),
        json!({"cookie": "a", "secure": true, "same_site": "none", "domain": ".a.example", "path": "/c"}),
        json!({"cookie": "a", "same_site": "strict", "domain": "localhost"}),
        json!({"cookie": "__Host-a", "secure": true, "path": "/"}),
        json!({"cookie": "__Secure-a", "secure": true, "domain": "A-1.example", "path": "/~a:b,"}),
        json!([{"cookie": "a"}, {"header": "b"}, {"cookie": "c", "secure": true}]),
    ] {
        let mut config = least();
        config["conversation"] = json!({"marker": marker});
        assert_both(&config, true);
    }
}

#[test]
fn both_read_a_console_s() {
    let cases = [
        (json!({"role": "console"}), true),
        (json!({"role": "console", "console": {"hosts": ["verdigris.example"]}}), true),
        (json!({"role": "console", "rollout": "Of No Matter"}), true),
        (json!({"role": "console", "console": {"hosts": ["http://a"]}}), false),
        (json!({"role": "console", "console": {"hosts": [""]}}), false),
        (json!({"role": "console", "console": {"host": []}}), false),
        (json!({"role": "console", "token": "t"}), false),
        (json!({"console": {}}), false),
    ];
    for (config, is_valid) in cases {
        assert_both(&config, is_valid);
    }
}

/// Values that are often right somewhere.
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
    let numbers = [-1.0, 0.05, 0.1, 0.25, 0.5, 1.5, 12.5, 99.99, 0.001].map(Value::from);
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

/// The pointers of all places in a value.
fn places(value: &Value, at: &str, to: &mut Vec<String>) {
    to.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, it) in fields {
                places(it, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), to);
            }
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, it)| places(it, &format!("{at}/{index}"), to));
        }
        _ => {}
    }
}

/// Examples in which some places have other values.
fn mutated() -> impl Strategy<Value = Value> {
    let place = any::<prop::sample::Index>();
    let change = (place, any_value(), 0..4_u8);
    let examples = readme_examples();
    let example = (0..examples.len()).prop_map(move |at| examples[at].clone());
    (example, prop::collection::vec(change, 1..4)).prop_map(|(mut config, changes)| {
        for (place, value, kind) in changes {
            let mut all = Vec::new();
            places(&config, "", &mut all);
            all.remove(0);
            if all.is_empty() {
                break;
            }
            let pointer = place.get(&all).clone();
            let (above, name) = pointer.rsplit_once('/').unwrap();
            match (kind, config.pointer_mut(above).unwrap()) {
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

    /// What the schema refuses, the parser refuses; and of what is of another shape than it
    /// should be, the other way about. What a console's has of a rollout's is not described.
    #[test]
    fn they_agree(config in mutated()) {
        let by_schema: Vec<_> = VALIDATOR.iter_errors(&config).map(|it| it.to_string()).collect();
        if !by_schema.is_empty() {
            prop_assert!(parse(&config).is_err(), "{config}\nonly the schema refuses it: {by_schema:?}");
        } else if config["role"] != "console" {
            let written = RawConfig::of_json(&config);
            prop_assert!(written.is_ok(), "{config}\nonly the parser refuses it: {written:?}");
        }
    }
}
