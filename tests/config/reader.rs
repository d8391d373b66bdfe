//! Reading of the JSON text: syntax, types and unknown fields.

use serde_json::{Value, json};
use verdigris::config::Config;

use crate::{config_with_value, error_fields, parse};

#[test]
fn a_text_that_is_not_one_json_object_is_invalid() {
    let cases: [(&[u8], &str); 18] = [
        (b"", "write one JSON object"),
        (b"{", "EOF while parsing an object at line 1 column 1; a } is missing at the end"),
        (b"{} {}", "trailing characters at line 1 column 4; remove what follows the JSON object"),
        (br#"{"a": 1 "b": 2}"#, "; a comma is missing before this"),
        (br#"{"a": [1 2]}"#, "; a comma is missing before this"),
        (br#"{"a" 1}"#, "; a colon is missing before this"),
        (br#"{"a": [1"#, "; a ] is missing at the end"),
        (br#"{"a": "b"#, "; a \" is missing at the end of a text"),
        (br#"{"a":"#, "; a value and a } are missing at the end"),
        (br#"{'a': 1}"#, "; write field names and texts in double quotes"),
        (br#"{a: 1}"#, "; write field names and texts in double quotes"),
        (br#"{"a": 'b'}"#, "; write a value here: texts in double quotes"),
        (br#"{"a": 1,}"#, "; remove it, since JSON has no comma before } or ]"),
        (br#"{"a": "\d"}"#, "; write a backslash in a text as \\\\"),
        (b"[]", "plugin configuration: []: is not an object"),
        (b"\n\x21\n\x04unit\xff", "google.protobuf.StringValue"),
        (br#"{"rollout": "a", "rollout": "b"}"#, "rollout is written twice"),
        (
            br#"{"versions": {"blue": {"cluster": "a", "cluster": "b"}}}"#,
            "cluster is written twice",
        ),
    ];
    for (text, expected) in cases {
        let errors = Config::parse(text).expect_err("not a configuration").to_string();
        assert!(errors.contains(expected), "{errors}\nmust contain\n{expected}");
    }
}

#[test]
fn null_is_absent_for_scalars_and_invalid_for_objects() {
    let config = config_with_value("/default_cluster", Some(Value::Null));
    assert_eq!(parse(&config).unwrap().default_cluster.as_str(), "llm-blue");
    for field in ["/unit", "/weights", "/pins", "/prices", "/conversation"] {
        let invalid = parse(&config_with_value(field, Some(Value::Null))).unwrap_err();
        assert!(invalid.to_string().contains(": null: is not an object"), "{invalid}");
    }
}

#[test]
fn all_wrong_types_and_unknown_fields_are_reported_at_once() {
    let config = json!({
        "rollout": 8,
        "unit": [{"header": "x-user-id"}, {"cooky": "uid"}],
        "versions": {"blue": {"cluster": "b"}, "green": {"request": {"headers": {"set": {"a": 1}}}}},
        "ramp": {"gates": [{"metric": "error_rate", "margin": "much"}]},
    });
    let expected = [
        "rollout",
        "unit[1].cooky",
        "versions.green.request.headers.set.a",
        "ramp.gates[0].margin",
    ];
    assert_eq!(error_fields(&parse(&config).unwrap_err()), expected);
}

#[test]
fn a_long_value_is_shortened() {
    let config = config_with_value("/rollout", Some(json!("ä".repeat(5000))));
    let message = parse(&config).unwrap_err().to_string();
    assert!(message.contains("ä…: use 1 to 63") && message.len() < 400, "{message}");
}

/// A whole number may be written as a floating-point number.
#[test]
fn a_whole_number_has_no_fraction() {
    let weights = |blue: &str| {
        let config = config_with_value("/weights", Some(json!({"blue": "B", "green": 5})));
        Config::parse(config.to_string().replace("\"B\"", blue).as_bytes())
    };
    for blue in ["95", "95.0", "9.5e1", "950e-1", "\"95\"", "\"95.0\""] {
        assert_eq!(weights(blue).unwrap(), weights("95").unwrap(), "{blue}");
    }
    for blue in ["95.5", "-1", "-1.0", "1e300", "\"95.5\"", "\"9e1\"", "\" 95\"", "\"\""] {
        assert_eq!(error_fields(&weights(blue).unwrap_err()), ["weights.blue"], "{blue}");
    }
    let tripwire = |minimum: &str| {
        let tripwire =
            json!({"metric": "error_rate", "limit": 0.5, "minimum": "M", "minimum_units": "M"});
        let config = config_with_value("/ramp", Some(json!({"tripwires": [tripwire]})));
        Config::parse(config.to_string().replace("\"M\"", minimum).as_bytes())
    };
    assert_eq!(tripwire("5.0").unwrap(), tripwire("5").unwrap());
    let fields = ["ramp.tripwires[0].minimum", "ramp.tripwires[0].minimum_units"];
    assert_eq!(error_fields(&tripwire("5.5").unwrap_err()), fields);
}

/// Envoy passes the decimals of YAML as text.
#[test]
fn a_number_may_be_text() {
    let ramp = |number: &dyn Fn(f64) -> Value| {
        json!({
            "steps": [number(0.5), {"percent": number(12.5)}],
            "gates": [
                {"metric": "error_rate", "margin": number(0.25), "ceiling": number(0.01)},
                {"metric": "cost", "tolerance": number(0.4)},
                {"metric": "ttft", "tolerance": [number(0.5), number(0.3)]},
            ],
            "tripwires": [
                {"metric": "error_rate", "limit": number(0.5), "minimum": number(20.0)},
                {"metric": "cost", "limit": number(0.05), "minimum_units": number(2.0)},
            ],
            "alpha": number(0.05),
        })
    };
    let config = |number: &dyn Fn(f64) -> Value| {
        let mut config = config_with_value("/ramp", Some(ramp(number)));
        config["answers"] = json!({});
        config["prices"] = json!({"m": {"input": number(2.5), "output": number(10.0)}});
        parse(&config).unwrap()
    };
    assert_eq!(config(&|it| json!(format!("{it:?}"))), config(&|it| json!(it)));
    for text in ["", "1e-1", ".5", "5.", "+1", "0x1", "1 ", "a", "-", "01.5", "inf", "1,5"] {
        let config = config_with_value("/ramp", Some(json!({"alpha": text})));
        assert_eq!(error_fields(&parse(&config).unwrap_err()), ["ramp.alpha"], "{text}");
    }
}

#[test]
fn a_share_or_rate_may_be_a_percentage() {
    let config = |ramp: Value, shadow: Value| {
        let mut config = config_with_value("/ramp", Some(ramp));
        config["shadow"] = json!({"percent": shadow});
        parse(&config).unwrap()
    };
    let ramp = |percent: &dyn Fn(f64) -> Value, ratio: &dyn Fn(f64) -> Value| {
        json!({
            "steps": [percent(1.0), {"percent": percent(12.5)}],
            "gates": [
                {"metric": "error_rate", "margin": ratio(30.0), "ceiling": ratio(1.3)},
                {"metric": "ttft", "tolerance": [ratio(50.0), ratio(0.7)], "margin": 0},
                {"metric": "duration", "tolerance": ratio(150.0)},
            ],
            "tripwires": [{"metric": "error_rate", "limit": ratio(12.3)}],
            "alpha": ratio(7.0),
            "beta": ratio(12.0),
        })
    };
    let with_sign = |it: f64| json!(format!("{it}%"));
    // The same decimals: 12.3 / 100.0 is not 0.123.
    let ratio = |it: f64| serde_json::from_str(&format!("{it}e-2")).unwrap();
    let expected = config(ramp(&|it| json!(it), &ratio), json!(10));
    assert_eq!(config(ramp(&with_sign, &with_sign), json!("10%")), expected);
    for (field, value) in [
        ("ramp.alpha", json!("%")),
        ("ramp.alpha", json!("5 %")),
        ("ramp.alpha", json!("5%%")),
        ("ramp.alpha", json!("5e0%")),
        ("ramp.alpha", json!("51%")),
        ("ramp.steps[0]", json!(["101%"])),
        ("ramp.steps[0]", json!(["0.001%"])),
        ("ramp.tripwires[0].limit", json!([{"metric": "cost", "limit": "5%"}])),
        ("ramp.tripwires[0].limit", json!([{"metric": "duration", "limit": "5%"}])),
        ("ramp.tripwires[0].limit", json!([{"metric": "error_rate", "limit": "100%"}])),
        ("ramp.tripwires[0].limit", json!([{"metric": "error_rate", "limit": "10s"}])),
        (
            "ramp.tripwires[0].minimum",
            json!([{"metric": "error_rate", "limit": 0.5, "minimum": "5%"}]),
        ),
    ] {
        let section = field.split(['.', '[']).nth(1).unwrap();
        let mut config = config_with_value("/ramp", Some(json!({section: value})));
        config["answers"] = json!({});
        config["prices"] = json!({"m": {"input": 1, "output": 1}});
        assert_eq!(error_fields(&parse(&config).unwrap_err()), [field], "{value}");
    }
    // A weight is no percentage.
    let weights = config_with_value("/weights", Some(json!({"blue": "75%", "green": 25})));
    assert_eq!(error_fields(&parse(&weights).unwrap_err()), ["weights.blue"]);
}
