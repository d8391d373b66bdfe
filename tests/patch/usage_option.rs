//! The option that asks a stream for its token counts.

use serde_json::json;
use verdigris::patch::BodyPatch;
use verdigris::response::Format;

use super::merge;

#[test]
fn a_stream_is_asked_for_its_usage_unless_the_request_sets_the_option() {
    let patch = BodyPatch { asks_for_usage: true, ..BodyPatch::default() };
    let table = [
        (r#"{"stream": true}"#, r#"{"stream": true,"stream_options":{"include_usage":true}}"#),
        (
            r#"{"stream": true, "stream_options": {"x": 1}}"#,
            r#"{"stream": true, "stream_options": {"x": 1,"include_usage":true}}"#,
        ),
        (
            r#"{"stream": true, "stream_options": null}"#,
            r#"{"stream": true, "stream_options": {"include_usage":true}}"#,
        ),
        (
            r#"{"stream": true, "stream_options": {"include_usage": false}}"#,
            r#"{"stream": true, "stream_options": {"include_usage": false}}"#,
        ),
        (r#"{"stream": false}"#, r#"{"stream": false}"#),
        ("{}", "{}"),
    ];
    for (body, new) in table {
        assert_eq!(patch.body(body.as_bytes(), Format::Chat, "/").unwrap(), new);
    }
    assert!(!patch.is_required() && !patch.needs_body(Format::Anthropic, "/"));
    let merged = BodyPatch { asks_for_usage: true, ..merge(&json!({"stream_options": {"x": 1}})) };
    assert_eq!(
        merged.body(br#"{"stream": true}"#, Format::Chat, "/").unwrap(),
        r#"{"stream": true,"stream_options":{"x":1}}"#
    );
}
