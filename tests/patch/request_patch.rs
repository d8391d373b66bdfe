//! All changes of a version.

use verdigris::patch::{BodyPatch, Placement};
use verdigris::response::Format;

use super::system;

#[test]
fn a_body_of_another_format_is_not_patched() {
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
        assert!(patch.body(body.as_bytes(), Format::Chat, "/").is_err(), "{body}");
    }
    assert!(patch.body(b"{\"a\": \"\xff\"}", Format::Anthropic, "/").is_err());
    assert!(patch.body(br#"{"systemInstruction": "text"}"#, Format::Gemini, "/").is_err());
    assert!(patch.body(br#"{"system": "text"}"#, Format::Bedrock, "/").is_err());
    assert!(patch.body(br#"{"model": "loads it"}"#, Format::Ollama, "/").is_err());
    assert!(patch.body(br#"{"message": "version 1"}"#, Format::Cohere, "/").is_err());
}

/// Applications have paths like those of an API. Their requests are not patched.
#[test]
fn at_a_path_that_is_not_certain_the_body_must_be_a_request_of_the_format() {
    let patch = BodyPatch { model: Some("m".into()), ..BodyPatch::default() };
    let table = [
        ("/orders/7/messages", Format::Anthropic, r#"{"text": "Where is it?"}"#, false),
        ("/orders/7/messages", Format::Anthropic, r#"{"messages": []}"#, true),
        ("/surveys/2/responses", Format::Responses, r#"{"rating": 5}"#, false),
        ("/surveys/2/responses", Format::Responses, r#"{"input": "Hi"}"#, true),
        ("/tasks/3/completions", Format::Chat, r#"{"done": true}"#, false),
        ("/tasks/3/completions", Format::Chat, r#"{"prompt": "Hi"}"#, true),
        ("/api/chat", Format::Ollama, r#"{"room": 7}"#, false),
        ("/api/chat", Format::Ollama, r#"{"messages": []}"#, true),
        ("/v1/messages", Format::Anthropic, r#"{"max_tokens": 5}"#, true),
        // The configuration states the format.
        ("/tasks/3", Format::Chat, r#"{"inputs": "Hi"}"#, true),
        ("/invocations", Format::Chat, r#"{"inputs": "Hi"}"#, true),
    ];
    for (path, format, body, expected) in table {
        assert_eq!(patch.body(body.as_bytes(), format, path).is_ok(), expected, "{path} {body}");
    }
}
