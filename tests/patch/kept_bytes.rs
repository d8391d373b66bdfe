//! The parts of a body that a patch does not change keep their bytes.

use proptest::prelude::*;
use serde_json::json;
use verdigris::patch::Placement;
use verdigris::response::Format;

use super::{merge, model, system};

#[test]
fn order_white_space_and_numbers_are_kept() {
    let body = "\n{ \"z\" : 1.10e+02 ,\n\t\"model\":\"a\", \"big\": 123456789012345678901234567890,\r\n \"u\": \"\\u00e9\\/\" }\n";
    assert_eq!(
        model("b").body(body.as_bytes(), Format::Chat, "/").unwrap(),
        body.replace("\"a\"", "\"b\"")
    );
}

#[test]
fn a_removed_member_takes_its_comma_with_it() {
    let table = [
        (r#"{ "a": 1 , "b": 2, "c": 3 }"#, json!({"a": null}), r#"{ "b": 2, "c": 3 }"#),
        (r#"{ "a": 1 , "b": 2, "c": 3 }"#, json!({"b": null}), r#"{ "a": 1, "c": 3 }"#),
        (r#"{ "a": 1 , "b": 2, "c": 3 }"#, json!({"c": null}), r#"{ "a": 1 , "b": 2 }"#),
        (r#"{ "a": 1 , "b": 2 }"#, json!({"a": null, "b": null}), r#"{ }"#),
        (r#"{ "a": 1 , "b": 2 }"#, json!({"a": null, "b": null, "d": 4}), r#"{"d":4 }"#),
        (r#"{"a":1,"a":2,"b":3}"#, json!({"a": null}), r#"{"b":3}"#),
        (r#"{"a":1,"b":3,"a":2}"#, json!({"a": 5}), r#"{"b":3,"a":5}"#),
        (
            r#"{"a":{"x":1},"a":{"y":2},"b":3}"#,
            json!({"a": {"z": 1}}),
            r#"{"a":{"y":2,"z":1},"b":3}"#,
        ),
    ];
    for (body, patch, expected) in table {
        assert_eq!(
            merge(&patch).body(body.as_bytes(), Format::Chat, "/").unwrap(),
            expected,
            "{body}"
        );
    }
}

proptest! {
    #[test]
    fn messages_are_kept_when_the_system_prompt_changes(texts in prop::collection::vec(".{0,20}", 0..5)) {
        let messages: Vec<_> =
            texts.iter().map(|text| json!({"role": "user", "content": text}).to_string()).collect();
        let messages = messages.join(" ,\n");
        let body = format!("{{\"messages\": [{messages}]}}");
        for placement in [Placement::Replace, Placement::Prepend, Placement::Append] {
            let patched = system(placement, "S").body(body.as_bytes(), Format::Chat, "/").unwrap();
            prop_assert!(patched.contains(&messages));
            serde_json::from_str::<serde_json::Value>(&patched).unwrap();
        }
    }

    #[test]
    fn any_bytes_are_patched_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..60)) {
        for format in Format::ALL {
            let _ = system(Placement::Append, "S").body(&body, format, "/");
            let _ = merge(&json!({"a": {"b": null}})).body(&body, format, "/");
        }
    }
}
