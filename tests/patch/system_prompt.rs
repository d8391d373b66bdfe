//! The system prompt, where each format has it.

use verdigris::patch::Placement::{self, Append, Prepend, Replace};
use verdigris::response::Format;

use super::system;

/// The format, the placement of "S", the body, and the patched body.
const TABLE: [(Format, Placement, &str, &str); 36] = [
    (
        Format::Chat,
        Replace,
        r#"{"messages":[]}"#,
        r#"{"messages":[{"role":"system","content":"S"}]}"#,
    ),
    (
        Format::Chat,
        Replace,
        r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}]}"#,
        r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"b"}]}"#,
    ),
    (
        Format::Chat,
        Replace,
        r#"{"messages":[{"role":"developer","content":[{"type":"text","text":"a"}]},{"role":"system","content":"b"},{"role":"user"},{"role":"system","content":"c"}]}"#,
        r#"{"messages":[{"role":"developer","content":"S"},{"role":"user"},{"role":"system","content":"c"}]}"#,
    ),
    (
        Format::Chat,
        Append,
        r#"{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b"},{"role":"user"}]}"#,
        r#"{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b\n\nS"},{"role":"user"}]}"#,
    ),
    (
        Format::Chat,
        Prepend,
        r#"{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b"}]}"#,
        r#"{"messages":[{"role":"system","content":"S\n\na"},{"role":"system","content":"b"}]}"#,
    ),
    (
        Format::Chat,
        Append,
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"a"}]}]}"#,
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"a"},{"type":"text","text":"S"}]}]}"#,
    ),
    (
        Format::Chat,
        Prepend,
        r#"{"messages":[{"role":"user","content":"b"}]}"#,
        r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"b"}]}"#,
    ),
    (
        Format::Chat,
        Append,
        r#"{"messages":[{"role":"system"}]}"#,
        r#"{"messages":[{"role":"system","content":"S"}]}"#,
    ),
    (Format::Responses, Replace, r#"{"input":"a"}"#, r#"{"input":"a","instructions":"S"}"#),
    (
        Format::Responses,
        Replace,
        r#"{"input":[{"role":"system","content":"a"},{"role":"developer","content":"b"},{"role":"user","content":"c"},{"role":"system","content":"d"}]}"#,
        r#"{"input":[{"role":"user","content":"c"},{"role":"system","content":"d"}],"instructions":"S"}"#,
    ),
    (
        Format::Responses,
        Replace,
        r#"{"input":[{"role":"user","content":"c"}]}"#,
        r#"{"input":[{"role":"user","content":"c"}],"instructions":"S"}"#,
    ),
    (
        Format::Responses,
        Append,
        r#"{"input":[{"role":"system","content":"a"}]}"#,
        r#"{"input":[{"role":"system","content":"a"}],"instructions":"S"}"#,
    ),
    (Format::Responses, Replace, r#"{"instructions":"a"}"#, r#"{"instructions":"S"}"#),
    (Format::Responses, Append, r#"{"instructions":"a"}"#, r#"{"instructions":"a\n\nS"}"#),
    (Format::Responses, Prepend, r#"{"instructions":"a"}"#, r#"{"instructions":"S\n\na"}"#),
    (Format::Responses, Append, r#"{"instructions":null}"#, r#"{"instructions":"S"}"#),
    (Format::Anthropic, Replace, r#"{"system":[{"type":"text","text":"a"}]}"#, r#"{"system":"S"}"#),
    (Format::Anthropic, Append, "{}", r#"{"system":"S"}"#),
    (Format::Anthropic, Append, r#"{"system":""}"#, r#"{"system":"S"}"#),
    (Format::Anthropic, Prepend, r#"{"system":"a\"b"}"#, r#"{"system":"S\n\na\"b"}"#),
    (
        Format::Anthropic,
        Prepend,
        r#"{"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}"#,
        r#"{"system":[{"type":"text","text":"S"},{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}"#,
    ),
    (Format::Gemini, Replace, "{}", r#"{"systemInstruction":{"parts":[{"text":"S"}]}}"#),
    (
        Format::Gemini,
        Replace,
        r#"{"system_instruction":{"role":"user","parts":[{"text":"a"}]}}"#,
        r#"{"system_instruction":{"role":"user","parts":[{"text":"S"}]}}"#,
    ),
    (
        Format::Gemini,
        Append,
        r#"{"systemInstruction":{"parts":[{"text":"a"}]}}"#,
        r#"{"systemInstruction":{"parts":[{"text":"a"},{"text":"S"}]}}"#,
    ),
    (
        Format::Gemini,
        Prepend,
        r#"{"systemInstruction":{"parts":{"text":"a"}}}"#,
        r#"{"systemInstruction":{"parts":[{"text":"S"},{"text":"a"}]}}"#,
    ),
    (
        Format::Gemini,
        Append,
        r#"{"systemInstruction":{"parts":[]}}"#,
        r#"{"systemInstruction":{"parts":[{"text":"S"}]}}"#,
    ),
    (
        Format::Gemini,
        Append,
        r#"{"systemInstruction":{}}"#,
        r#"{"systemInstruction":{"parts":[{"text":"S"}]}}"#,
    ),
    (
        Format::Gemini,
        Append,
        r#"{"systemInstruction":null}"#,
        r#"{"systemInstruction":{"parts":[{"text":"S"}]}}"#,
    ),
    (
        Format::Ollama,
        Prepend,
        r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}]}"#,
        r#"{"messages":[{"role":"system","content":"S\n\na"},{"role":"user","content":"b"}]}"#,
    ),
    (
        Format::Ollama,
        Replace,
        r#"{"messages":[{"role":"user","content":"b"}]}"#,
        r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"b"}]}"#,
    ),
    (
        Format::Ollama,
        Append,
        r#"{"prompt":"b","system":"a"}"#,
        r#"{"prompt":"b","system":"a\n\nS"}"#,
    ),
    (Format::Ollama, Append, r#"{"prompt":"b"}"#, r#"{"prompt":"b","system":"S"}"#),
    (
        Format::Cohere,
        Append,
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"a"}]}]}"#,
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"a"},{"type":"text","text":"S"}]}]}"#,
    ),
    (Format::Bedrock, Append, "{}", r#"{"system":[{"text":"S"}]}"#),
    (Format::Bedrock, Replace, r#"{"system":[{"text":"a"}]}"#, r#"{"system":[{"text":"S"}]}"#),
    (
        Format::Bedrock,
        Prepend,
        r#"{"system":[{"text":"a"},{"cachePoint":{"type":"default"}}]}"#,
        r#"{"system":[{"text":"S"},{"text":"a"},{"cachePoint":{"type":"default"}}]}"#,
    ),
];

/// Providers reject an empty text.
#[test]
fn an_empty_replacement_removes_the_prompt() {
    let table = [
        (Format::Chat, r#"{"messages":[]}"#, r#"{"messages":[]}"#),
        (
            Format::Chat,
            r#"{"messages":[{"role":"developer"},{"role":"system"},{"role":"user"},{"role":"system"}]}"#,
            r#"{"messages":[{"role":"user"},{"role":"system"}]}"#,
        ),
        (
            Format::Cohere,
            r#"{"messages":[{"role":"system","content":"a"},{"role":"user"}]}"#,
            r#"{"messages":[{"role":"user"}]}"#,
        ),
        (
            Format::Ollama,
            r#"{"messages":[{"role":"system","content":"a"},{"role":"user"}]}"#,
            r#"{"messages":[{"role":"user"}]}"#,
        ),
        (Format::Ollama, r#"{"prompt":"b","system":"a"}"#, r#"{"prompt":"b"}"#),
        (
            Format::Responses,
            r#"{"instructions":"a","input":[{"role":"system"},{"role":"user"}]}"#,
            r#"{"input":[{"role":"user"}]}"#,
        ),
        (Format::Responses, r#"{"input":"a"}"#, r#"{"input":"a"}"#),
        (Format::Anthropic, r#"{"system":"a","n":1}"#, r#"{"n":1}"#),
        (Format::Gemini, r#"{"systemInstruction":{"parts":[]},"n":1}"#, r#"{"n":1}"#),
        (Format::Gemini, r#"{"n":1,"system_instruction":{}}"#, r#"{"n":1}"#),
        (Format::Bedrock, r#"{"system":[{"text":"a"}],"n":1}"#, r#"{"n":1}"#),
    ];
    for (format, body, expected) in table {
        let patched = system(Replace, "").body(body.as_bytes(), format, "/");
        assert_eq!(patched.as_deref(), Ok(expected), "{format:?} {body}");
    }
    let chat = system(Replace, "").body(br#"{"messages":{}}"#, Format::Chat, "/");
    assert!(chat.is_err(), "{chat:?}");
}

/// The APIs reject a system prompt in these.
#[test]
fn a_request_that_takes_no_prompt_is_not_patched() {
    let table = [
        (Format::Gemini, r#"{"contents":[],"cachedContent":"cachedContents/a"}"#, false),
        (Format::Gemini, r#"{"contents":[],"cached_content":"cachedContents/a"}"#, false),
        (Format::Gemini, r#"{"contents":[],"cachedContent":null}"#, true),
        (Format::Bedrock, r#"{"promptVariables":{"a":{"text":"b"}}}"#, false),
        (Format::Ollama, r#"{"prompt":"b","raw":true}"#, false),
        (Format::Ollama, r#"{"prompt":"b","raw":false}"#, true),
        // These load a model, and unload it.
        (Format::Ollama, r#"{"model":"m"}"#, false),
        (Format::Ollama, r#"{"model":"m","messages":[],"keep_alive":0}"#, false),
    ];
    for placement in [Replace, Append] {
        for (format, body, is_patched) in table {
            let patched = system(placement, "S").body(body.as_bytes(), format, "/");
            assert_eq!(patched.is_ok(), is_patched, "{format:?} {body}");
        }
    }
}

#[test]
fn the_prompt_is_placed_where_the_format_has_it() {
    for (format, placement, body, expected) in TABLE {
        let patched = system(placement, "S").body(body.as_bytes(), format, "/");
        assert_eq!(patched.as_deref(), Ok(expected), "{format:?} {placement:?} {body}");
    }
}
