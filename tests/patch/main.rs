//! What a version changes in its requests.

use serde_json::{Map, Value, json};
use verdigris::patch::{BodyPatch, Placement, System};
use verdigris::response::Format;

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod merging;
mod system;

/// The patch with this system prompt alone.
fn system(placement: Placement, text: &str) -> BodyPatch {
    BodyPatch { system: Some(System { placement, text: text.into() }), ..BodyPatch::default() }
}

fn model(name: &str) -> BodyPatch {
    BodyPatch { model: Some(name.into()), ..BodyPatch::default() }
}

fn merge(patch: &Value) -> BodyPatch {
    let merge: Map<String, Value> = patch.as_object().unwrap().clone();
    BodyPatch { merge, ..BodyPatch::default() }
}

#[test]
fn a_model_is_exchanged_where_the_format_has_it() {
    let patch = model("gpt-\"5\"");
    let chat = patch.body(br#"{"model": "gpt-4", "n": 1e2}"#, Format::Chat).unwrap();
    assert_eq!(chat, r#"{"model": "gpt-\"5\"", "n": 1e2}"#);
    let without = patch.body(b"{}", Format::Anthropic).unwrap();
    assert_eq!(without, r#"{"model":"gpt-\"5\""}"#);
    assert!(!patch.needs_body(Format::Gemini));
    let paths = [
        ("/v1beta/models/a:generateContent", "/v1beta/models/gpt-%225%22:generateContent"),
        (
            "/v1/publishers/x/models/a:b?k=/models/c:d",
            "/v1/publishers/x/models/gpt-%225%22:b?k=/models/c:d",
        ),
    ];
    for (path, new) in paths {
        assert_eq!(patch.path(path, Format::Gemini).unwrap().as_deref(), Some(new));
    }
    assert!(patch.path("/v1beta/other", Format::Gemini).is_err());
    assert_eq!(patch.path("/v1/chat/completions", Format::Chat), Ok(None));
    let azure = patch.path("/openai/deployments/a/chat/completions?v=1", Format::Chat).unwrap();
    assert_eq!(azure.as_deref(), Some("/openai/deployments/gpt-%225%22/chat/completions?v=1"));
    assert!(!patch.needs_body(Format::Bedrock));
    let nova = model("us.amazon.nova-micro-v1:0");
    for end in ["converse", "converse-stream"] {
        let path = format!("/model/arn%3Aaws%3Abedrock%2Fx/{end}");
        let new = format!("/model/us.amazon.nova-micro-v1%3A0/{end}");
        assert_eq!(nova.path(&path, Format::Bedrock), Ok(Some(new)));
    }
    assert!(nova.path("/converse", Format::Bedrock).is_err());
    // What only looks like Bedrock's path has the model in its body.
    assert_eq!(nova.path("/model/a/chat/completions", Format::Chat), Ok(None));
}

#[test]
fn a_stream_is_asked_for_its_usage_unless_it_says_what_it_wants() {
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
        assert_eq!(patch.body(body.as_bytes(), Format::Chat).unwrap(), new);
    }
    assert!(!patch.is_required() && !patch.needs_body(Format::Anthropic));
    let said = BodyPatch { asks_for_usage: true, ..merge(&json!({"stream_options": {"x": 1}})) };
    assert_eq!(
        said.body(br#"{"stream": true}"#, Format::Chat).unwrap(),
        r#"{"stream": true,"stream_options":{"x":1}}"#
    );
}

#[test]
fn what_is_no_request_of_the_format_is_not_patched() {
    let patch = BodyPatch { model: Some("m".into()), ..system(Placement::Append, "Be brief.") };
    for body in [
        "",
        "[]",
        "null",
        "{",
        r#"{"a": 1} x"#,
        r#"{"messages": {}}"#,
        r#"{"messages": []"#,
        r#"{"prompt": "completions have no messages"}"#,
        r#"{"messages": [{"role": "system", "content": 1}]}"#,
    ] {
        assert!(patch.body(body.as_bytes(), Format::Chat).is_err(), "{body}");
    }
    assert!(patch.body(b"{\"a\": \"\xff\"}", Format::Anthropic).is_err());
    assert!(patch.body(br#"{"systemInstruction": "text"}"#, Format::Gemini).is_err());
    assert!(patch.body(br#"{"system": "text"}"#, Format::Bedrock).is_err());
    assert!(patch.body(br#"{"model": "loads it"}"#, Format::Ollama).is_err());
    assert!(patch.body(br#"{"message": "version 1"}"#, Format::Cohere).is_err());
}

#[test]
fn pointers_find_texts() {
    use verdigris::json::pointer::{text_at, tokens};
    let body = r#"{"conversation": {"id": "c1"}, "a/b": {"~": ["x", "y\u00e9"]}, "n": 1}"#;
    let table = [
        ("/conversation/id", Some("c1")),
        ("/a~1b/~0/1", Some("yé")),
        ("/a~1b/~0/01", None),
        ("/a~1b/~0/2", None),
        ("/conversation", None),
        ("/n", None),
        ("/missing/deep", None),
    ];
    for (pointer, text) in table {
        assert_eq!(text_at(body, &tokens(pointer).unwrap()).as_deref(), text, "{pointer}");
    }
    assert_eq!(tokens("conversation"), None);
    assert_eq!(text_at("no JSON", &tokens("/a").unwrap()), None);
}
