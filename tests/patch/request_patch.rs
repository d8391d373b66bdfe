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
