//! The messages of requests.

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::export::FinishReason;
use verdigris::export::messages::{answer_message, read_request};

fn text(content: &str) -> Value {
    json!({"type": "text", "content": content})
}

fn user(content: &str) -> Value {
    json!({"role": "user", "parts": [text(content)]})
}

#[test]
fn every_api_has_messages() {
    let assistant = json!({"role": "assistant", "parts": [text("Hello")]});
    let cases = [
        (
            "Chat Completions",
            json!({"model": "m", "stream": true, "messages": [
                {"role": "developer", "content": "Be brief"},
                {"role": "user", "content": [{"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            ]}),
            vec![],
            vec![
                json!({"role": "system", "parts": [text("Be brief")]}),
                json!({"role": "user", "parts": [text("Hi"), {"type": "image_url"}]}),
            ],
        ),
        (
            "Chat Completions with tools",
            json!({"messages": [
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\": \"Paris\"}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "rainy"},
            ]}),
            vec![],
            vec![
                json!({"role": "assistant", "parts": [{"type": "tool_call", "id": "c1",
                    "name": "weather", "arguments": "{\"city\": \"Paris\"}"}]}),
                json!({"role": "tool", "parts": [
                    {"type": "tool_call_response", "id": "c1", "response": "rainy"}]}),
            ],
        ),
        ("Completions", json!({"prompt": "Hi"}), vec![], vec![user("Hi")]),
        (
            "Completions, several",
            json!({"prompt": ["Hi", "Ho"]}),
            vec![],
            vec![user("Hi"), user("Ho")],
        ),
        (
            "Responses",
            json!({"instructions": "Be brief", "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "rainy"},
            ]}),
            vec![text("Be brief")],
            vec![
                user("Hi"),
                json!({"role": "user", "parts": [
                    {"type": "tool_call", "id": "c1", "name": "weather", "arguments": "{}"}]}),
                json!({"role": "user", "parts": [
                    {"type": "tool_call_response", "id": "c1", "response": "rainy"}]}),
            ],
        ),
        ("Responses with a text", json!({"input": "Hi"}), vec![], vec![user("Hi")]),
        (
            "Messages",
            json!({"system": [{"type": "text", "text": "Be brief"}], "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "rainy"}]},
            ]}),
            vec![text("Be brief")],
            vec![
                user("Hi"),
                json!({"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm"},
                    {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Paris"}}]}),
                json!({"role": "user", "parts": [
                    {"type": "tool_call_response", "id": "t1", "response": "rainy"}]}),
            ],
        ),
        (
            "Gemini",
            json!({"systemInstruction": {"parts": [{"text": "Be brief"}]}, "contents": [
                {"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"data": "AAAA"}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "weather", "response": {"sky": "rainy"}}}]},
            ]}),
            vec![text("Be brief")],
            vec![
                json!({"role": "user", "parts": [text("Hi"), {"type": "inlineData"}]}),
                json!({"role": "assistant", "parts": [
                    {"type": "tool_call", "id": null, "name": "weather", "arguments": {}}]}),
                json!({"role": "user", "parts": [{"type": "tool_call_response", "id": "weather",
                    "response": {"sky": "rainy"}}]}),
            ],
        ),
        (
            "Converse",
            json!({"system": [{"text": "Be brief"}], "messages": [
                {"role": "user", "content": [{"text": "Hi"}]},
                {"role": "assistant", "content": [
                    {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {}}}]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "t1", "content": [{"text": "rainy"}]}}]},
            ]}),
            vec![text("Be brief")],
            vec![
                user("Hi"),
                json!({"role": "assistant", "parts": [
                    {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {}}]}),
                json!({"role": "user", "parts": [{"type": "tool_call_response", "id": "t1",
                    "response": [text("rainy")]}]}),
            ],
        ),
        (
            "Cohere, version 1",
            json!({"preamble": "Be brief", "message": "Hi", "chat_history": [
                {"role": "CHATBOT", "message": "Hello"}]}),
            vec![text("Be brief")],
            vec![assistant, user("Hi")],
        ),
        ("no messages", json!({"query": "Hi"}), vec![], vec![]),
    ];
    for (api, body, system, messages) in cases {
        let request = read_request(body.to_string().as_bytes()).unwrap();
        assert_eq!((request.system, request.messages), (system, messages), "{api}");
        assert_eq!(request.model.as_deref(), body["model"].as_str(), "{api}");
        assert_eq!(request.is_stream, body["stream"] == true, "{api}");
    }
}

#[test]
fn images_in_what_a_tool_returned_are_named() {
    let image = "iVBORw0KGgo=";
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let cases = [
        (
            "Chat Completions",
            json!({"messages": [{"role": "tool", "tool_call_id": "t1", "content": [
                {"type": "text", "text": "rainy"},
                {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}},
            ]}]}),
            json!([text("rainy"), {"type": "image_url"}]),
        ),
        (
            "Responses",
            json!({"input": [{"type": "function_call_output", "call_id": "t1", "output": [
                {"type": "input_text", "text": "rainy"},
                {"type": "input_image", "image_url": format!("data:image/png;base64,{image}")},
            ]}]}),
            json!([text("rainy"), {"type": "input_image"}]),
        ),
        (
            "Messages",
            user(json!([{"type": "tool_result", "tool_use_id": "t1", "content": [
                {"type": "text", "text": "rainy"},
                {"type": "image", "source": {"type": "base64", "data": image}},
            ]}])),
            json!([text("rainy"), {"type": "image"}]),
        ),
        (
            "Converse",
            user(json!([{"toolResult": {"toolUseId": "t1", "content": [
                {"json": {"sky": "rainy"}},
                {"image": {"format": "png", "source": {"bytes": image}}},
            ]}}])),
            json!([{"json": {"sky": "rainy"}}, {"type": "image"}]),
        ),
        (
            "Cohere",
            json!({"messages": [{"role": "tool", "tool_call_id": "t1", "content": [
                {"type": "document", "document": {"id": "1", "data": "rainy"}}]}]}),
            json!([{"type": "document", "document": {"id": "1", "data": "rainy"}}]),
        ),
        (
            "a list of values",
            json!({"input": [{"type": "function_call_output", "call_id": "t1", "output": ["rainy", 1]}]}),
            json!(["rainy", 1]),
        ),
    ];
    for (api, body, expected) in cases {
        let request = read_request(body.to_string().as_bytes()).unwrap();
        let parts = &request.messages[0]["parts"];
        assert_eq!(
            *parts,
            json!([{"type": "tool_call_response", "id": "t1", "response": expected}]),
            "{api}"
        );
    }
}

#[test]
fn text_that_json_libraries_disagree_on_is_read() {
    let cases: [(&[u8], Option<&str>); 9] = [
        (br#"{"input": "a\ud83d\ude00b"}"#, Some("a😀b")),
        (br#"{"input": "a\ud83db"}"#, Some("a\u{fffd}b")),
        (br#"{"input": "a\ude00b"}"#, Some("a\u{fffd}b")),
        (br#"{"input": "a\ud83d\ud83d\ude00"}"#, Some("a\u{fffd}😀")),
        (br#"{"input": "a\ud83d\\ude00"}"#, Some("a\u{fffd}\\ude00")),
        (br#"{"input": "a\ud83d"}"#, Some("a\u{fffd}")),
        (b"{\"input\": \"a\xffb\"}", Some("a\u{fffd}b")),
        (br#"{"input": "a\u00"}"#, None),
        ("{\"input\": \"\\ud83d\\é\"}".as_bytes(), None),
    ];
    for (body, expected) in cases {
        let request = read_request(body);
        let content = request.map(|it| it.messages[0]["parts"][0]["content"].clone());
        assert_eq!(content, expected.map(Value::from), "{}", body.escape_ascii());
    }
}

#[test]
fn a_body_that_is_no_object_has_no_messages() {
    let deep = format!("{{\"input\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for body in ["", "[]", "\"Hi\"", "{", "{\"a\": NaN}", "<html>", &deep] {
        assert_eq!(read_request(body.as_bytes()), None, "{:.40}", body);
    }
}

/// Each value becomes a message, which takes hundreds of bytes.
#[test]
fn a_body_of_very_many_values_is_not_read() {
    let values = |count: usize| format!(r#"{{"input": [0{}]}}"#, ",0".repeat(count - 1));
    let messages = |body: &str| read_request(body.as_bytes()).map(|it| it.messages.len());
    assert_eq!(messages(&values(49_000)), Some(49_000));
    assert_eq!(messages(&values(500_000)), None);
    let empty = format!(r#"{{"messages": [{{}}{}]}}"#, ",{}".repeat(300_000));
    assert_eq!(messages(&empty), None);
    // What is within a text is no value.
    let text = format!(r#"{{"input": "{}\"{}"}}"#, ",[{".repeat(50_000), "\\\",".repeat(50_000));
    assert_eq!(messages(&text), Some(1));
}

/// Checks a value against what the conventions' JSON Schema requires of messages.
fn check_messages(messages: &[Value]) -> Result<(), TestCaseError> {
    for message in messages {
        prop_assert!(message["role"].is_string(), "{}", message);
        let parts = message["parts"].as_array();
        for part in parts.ok_or_else(|| TestCaseError::fail("no parts"))? {
            let is_valid = match part["type"].as_str() {
                Some("text" | "reasoning") => part["content"].is_string(),
                Some("tool_call") => part["name"].is_string(),
                Some("tool_call_response") => part.get("response").is_some(),
                kind => kind.is_some(),
            };
            prop_assert!(is_valid, "{}", part);
        }
    }
    Ok(())
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "messages",
        "input",
        "contents",
        "prompt",
        "message",
        "chat_history",
        "role",
        "content",
        "parts",
        "type",
        "text",
        "thinking",
        "thought",
        "tool_calls",
        "tool_call_id",
        "function",
        "functionCall",
        "toolUse",
        "toolResult",
        "name",
        "id",
        "args",
        "system",
        "model",
        "stream",
    ]);
    let words = prop::sample::select(vec![
        "user",
        "tool",
        "model",
        "text",
        "function",
        "tool_use",
        "tool_result",
        "reasoning",
        "Hi",
    ]);
    let leaf = prop_oneof![
        any::<i8>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        words.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_object_has_valid_messages(body in any_json()) {
        let is_object = body.is_object();
        match read_request(body.to_string().as_bytes()) {
            Some(request) => check_messages(&request.messages)?,
            None => prop_assert!(!is_object),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body: Vec<u8>) {
        if let Some(request) = read_request(&body) {
            check_messages(&request.messages)?;
        }
    }

    /// A text with halves of surrogates, written as JavaScript writes it.
    #[test]
    fn any_code_units_are_read(units in prop::collection::vec(any::<u16>(), 0..50)) {
        let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let request = read_request(format!("{{\"input\": \"{escapes}\"}}").as_bytes()).unwrap();
        let content = request.messages[0]["parts"][0]["content"].as_str();
        let expected = String::from_utf16_lossy(&units);
        prop_assert_eq!(content, Some(expected.as_str()));
    }

    #[test]
    fn an_answer_is_a_message(text: String) {
        let messages = answer_message(&text, FinishReason::Stop);
        check_messages(messages.as_array().unwrap())?;
        prop_assert_eq!(&messages[0]["parts"][0]["content"], text.as_str());
        prop_assert_eq!(&messages[0]["finish_reason"], "stop");
    }
}
