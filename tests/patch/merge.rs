//! JSON merge patch, against another implementation of RFC 7396.

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::response::Format;

use super::merge;
use crate::support::any_json;

fn any_value() -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just("a"), Just("b"), Just("c d"), Just("é\"")].prop_map(String::from);
    any_json(".{0,4}".boxed(), key.boxed(), 4)
}

proptest! {
    #[test]
    fn merging_gives_the_result_of_the_reference(target in any_value(), patch in any_value(), is_pretty: bool) {
        let (target, patch) = (json!({"t": target}), json!({"t": patch}));
        let text = if is_pretty {
            serde_json::to_string_pretty(&target).unwrap()
        } else {
            target.to_string()
        };
        let merged = merge(&patch).body(text.as_bytes(), Format::Chat, "/").unwrap();
        let mut expected = target;
        json_patch::merge(&mut expected, &patch);
        // Both are parsed again: the parser may be off in the last place of a float.
        let [merged, expected] = [merged, expected.to_string()]
            .map(|text| serde_json::from_str::<Value>(&text).unwrap());
        prop_assert_eq!(merged, expected);
    }
}

/// The examples of RFC 7396, appendix A, whose target is an object.
#[test]
fn the_examples_of_the_rfc_hold() {
    let table = [
        (r#"{"a":"b"}"#, json!({"a": "c"}), r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, json!({"b": "c"}), r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, json!({"a": null}), r#"{}"#),
        (r#"{"a":"b","b":"c"}"#, json!({"a": null}), r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, json!({"a": "c"}), r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, json!({"a": ["b"]}), r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, json!({"a": {"b": "d", "c": null}}), r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, json!({"a": [1]}), r#"{"a":[1]}"#),
        (r#"{"e":null}"#, json!({"a": 1}), r#"{"e":null,"a":1}"#),
        (r#"{}"#, json!({"a": {"bb": {"ccc": null}}}), r#"{"a":{"bb":{}}}"#),
    ];
    for (target, patch, merged) in table {
        assert_eq!(merge(&patch).body(target.as_bytes(), Format::Chat, "/").unwrap(), merged);
    }
}
