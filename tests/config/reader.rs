//! Reading of the JSON text: syntax, types and unknown fields.

use serde_json::{Value, json};
use verdigris::config::Config;

use crate::{config_with_value, error_fields, parse};

#[test]
fn a_text_that_is_not_one_json_object_is_invalid() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "write one JSON object"),
        (b"{", "EOF while parsing"),
        (b"{} {}", "trailing characters"),
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
