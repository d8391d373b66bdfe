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
        // Azure rejects the options beside these.
        (
            r#"{"stream": true, "data_sources": [{"type": "azure_search"}]}"#,
            r#"{"stream": true, "data_sources": [{"type": "azure_search"}]}"#,
        ),
    ];
    for (body, new) in table {
        assert_eq!(patch.body(body.as_bytes(), Format::Chat, "/").unwrap(), new);
    }
    assert!(!patch.is_required() && !patch.needs_body(Format::Anthropic, "/"));
}

/// Providers refuse the options without a stream.
#[test]
fn the_merged_request_decides_whether_it_is_a_stream() {
    let table = [
        (
            json!({"stream_options": {"x": 1}}),
            r#"{"stream": true}"#,
            r#"{"stream": true,"stream_options":{"x":1}}"#,
        ),
        (json!({"stream": false}), r#"{"stream": true}"#, r#"{"stream": false}"#),
        (json!({"stream": null}), r#"{"stream": true}"#, "{}"),
        (
            json!({"stream": true}),
            "{}",
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ];
    for (merged, body, new) in table {
        let patch = BodyPatch { asks_for_usage: true, ..merge(&merged) };
        assert_eq!(patch.body(body.as_bytes(), Format::Chat, "/").unwrap(), new, "{merged}");
    }
}
