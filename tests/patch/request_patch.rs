//! All changes of a version.

use serde_json::json;
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

#[test]
fn a_patch_adds_at_most_its_growth() {
    let text = "\u{1}\"Be brief.\"\n";
    let parts = [r#""p""#, "null", r#"[{"type":"text","text":"p"}]"#, "[]"];
    let mut bodies = vec![
        (Format::Chat, r#"{"messages":[]}"#.to_owned()),
        (Format::Chat, r#"{"messages":[],"stream":true,"a":{"b":2}}"#.to_owned()),
        (Format::Ollama, r#"{"prompt":"p"}"#.to_owned()),
        (Format::Responses, r#"{"input":"p"}"#.to_owned()),
        (Format::Gemini, r#"{"contents":[]}"#.to_owned()),
        (
            Format::Gemini,
            r#"{"contents":[],"systemInstruction":{"parts":{"text":"p"}}}"#.to_owned(),
        ),
        (Format::Bedrock, r#"{"messages":[]}"#.to_owned()),
    ];
    for part in parts {
        let message = format!(r#"{{"role":"system","content":{part}}}"#);
        bodies.push((Format::Chat, format!(r#"{{"messages":[{message}]}}"#)));
        bodies.push((Format::Anthropic, format!(r#"{{"messages":[],"system":{part}}}"#)));
        bodies.push((Format::Responses, format!(r#"{{"input":[],"instructions":{part}}}"#)));
    }
    let merge = json!({"a": {"b": {"c": 1.5}, "d": null}, "stop": ["x"], "\n": "y"});
    for placement in [Placement::Replace, Placement::Prepend, Placement::Append] {
        let whole = BodyPatch {
            model: Some("m".into()),
            merge: merge.as_object().unwrap().clone(),
            asks_for_usage: true,
            ..system(placement, text)
        };
        for (patch, (format, body)) in [system(placement, text), whole]
            .iter()
            .flat_map(|it| bodies.iter().map(move |to| (it, to)))
        {
            let patched = patch.body(body.as_bytes(), *format, "/v1/messages").unwrap();
            let growth = patched.len().saturating_sub(body.len());
            assert!(growth <= patch.max_growth(), "{body} {patched} {}", patch.max_growth());
        }
    }
}

/// The patched body would otherwise have the text for each name, and fill the memory of the VM.
#[test]
fn a_body_that_repeats_a_name_does_not_grow_by_more() {
    let text = "Be brief. ".repeat(500);
    let repeated = |member: &str| vec![member; 2_000].join(",");
    let prompt = format!(r#"{{"role":"system",{}}}"#, repeated(r#""content":"""#));
    let merge = json!({"a": {"b": text}, "c": text});
    let bodies = [
        (Format::Anthropic, format!(r#"{{"messages":[],{}}}"#, repeated(r#""system":"""#))),
        (Format::Gemini, format!(r#"{{"contents":[],{}}}"#, repeated(r#""systemInstruction":{}"#))),
        (Format::Chat, format!(r#"{{"messages":[{prompt}]}}"#)),
        (Format::Chat, format!("{{{}}}", repeated(r#""messages":[]"#))),
        (Format::Chat, format!(r#"{{"messages":[],{}}}"#, repeated(r#""c":0"#))),
        (Format::Chat, format!(r#"{{"messages":[],"a":{{{}}}}}"#, repeated(r#""b":0"#))),
    ];
    for placement in [Placement::Replace, Placement::Prepend, Placement::Append] {
        let merge = merge.as_object().unwrap().clone();
        let patch = BodyPatch { merge, model: Some("m".into()), ..system(placement, &text) };
        for (format, body) in &bodies {
            let patched = patch.body(body.as_bytes(), *format, "/v1/messages").unwrap();
            let growth = patched.len().saturating_sub(body.len());
            assert!(growth <= patch.max_growth(), "{format:?} {placement:?}: {growth}");
        }
    }
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
