//! The messages of a request, in the form of the GenAI conventions.
//!
//! The APIs differ in names and little else, so that the shape of a value says what it is. Images,
//! audio and files are named and not copied.

use serde_json::{Map, Value, json};

use super::exchange::FinishReason;
use crate::json::without_lone_surrogates;

/// What a request says to the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestMessages {
    /// The model that it names.
    pub model: Option<String>,
    /// Whether it asks for a stream.
    pub is_stream: bool,
    /// The instructions beside the messages: the parts of `gen_ai.system_instructions`.
    pub system: Vec<Value>,
    /// The messages: `gen_ai.input.messages`.
    pub messages: Vec<Value>,
}

/// The names under which APIs have the instructions beside the messages.
const SYSTEM: [&str; 5] =
    ["system", "instructions", "systemInstruction", "system_instruction", "preamble"];

/// The names under which APIs have the messages, or the one text.
const MESSAGES: [&str; 5] = ["messages", "input", "contents", "prompt", "message"];

/// Marks of parts, with the conventions' name and the fields with their name, id and value.
const TOOL_CALLS: [ToolShape; 5] = [
    ToolShape { mark: "functionCall", name: "name", id: "id", value: "args" },
    ToolShape { mark: "toolUse", name: "name", id: "toolUseId", value: "input" },
    ToolShape { mark: "tool_use", name: "name", id: "id", value: "input" },
    ToolShape { mark: "function_call", name: "name", id: "call_id", value: "arguments" },
    ToolShape { mark: "function", name: "name", id: "id", value: "arguments" },
];
const TOOL_RESPONSES: [ToolShape; 4] = [
    ToolShape { mark: "functionResponse", name: "name", id: "id", value: "response" },
    ToolShape { mark: "toolResult", name: "name", id: "toolUseId", value: "content" },
    ToolShape { mark: "tool_result", name: "name", id: "tool_use_id", value: "content" },
    ToolShape { mark: "function_call_output", name: "name", id: "call_id", value: "output" },
];

/// How an API writes a call of a tool, or what it returned. `mark` is the part's `type`, or the only
/// member of the part, which then has the others.
struct ToolShape {
    mark: &'static str,
    name: &'static str,
    id: &'static str,
    value: &'static str,
}

/// How many values the body of a request has at most. The message that `0,` becomes takes some 400 times its
/// memory. The longest conversations of agents have some thousand values.
const MAX_VALUES: usize = 50_000;

/// Reads the body of a request; `None` if it is not the JSON of an object, or has more than 50,000 values.
///
/// ```
/// use verdigris::export::messages::read_request;
/// let body = br#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#;
/// let request = read_request(body).unwrap();
/// assert_eq!(request.model.as_deref(), Some("m"));
/// assert_eq!(request.messages[0]["parts"][0]["content"], "Hi");
/// ```
pub fn read_request(body: &[u8]) -> Option<RequestMessages> {
    if !has_few_values(body) {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let body = serde_json::from_str(&text)
        .or_else(|_| serde_json::from_str(&without_lone_surrogates(&text)));
    let Ok(Value::Object(body)) = body else { return None };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let first = |names: &[&str]| names.iter().find_map(|name| body.get(*name));
    let mut messages: Vec<Value> =
        body.get("chat_history").map(|it| list(it, message)).unwrap_or_default();
    messages.extend(first(&MESSAGES).map(|it| list(it, message)).unwrap_or_default());
    Some(RequestMessages {
        model: text("model"),
        is_stream: body.get("stream").and_then(Value::as_bool).unwrap_or_default(),
        system: first(&SYSTEM).map(parts).unwrap_or_default(),
        messages,
    })
}

/// Whether a document has at most [`MAX_VALUES`] values: each has a bracket or a comma before it, outside of
/// texts.
fn has_few_values(body: &[u8]) -> bool {
    let (mut is_in_text, mut is_escaped, mut count) = (false, false, 0_usize);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_text => is_escaped = true,
            b'"' => is_in_text = !is_in_text,
            b',' | b'[' | b'{' if !is_in_text => count += 1,
            _ => {}
        }
    }
    count <= MAX_VALUES
}

/// The message of an answer: `gen_ai.output.messages`.
pub fn answer_message(text: &str, finish_reason: FinishReason) -> Value {
    json!([{
        "role": "assistant",
        "parts": [{"type": "text", "content": text}],
        "finish_reason": finish_reason.as_str(),
    }])
}

/// Each value of an array, or the one value.
fn list(value: &Value, read: impl Fn(&Value) -> Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.iter().map(read).collect(),
        value => vec![read(value)],
    }
}

fn message(value: &Value) -> Value {
    let Value::Object(fields) = value else {
        return json!({"role": "user", "parts": [part(value)]});
    };
    let role = fields.get("role").and_then(Value::as_str).unwrap_or("user");
    let role = match role {
        "model" | "CHATBOT" => "assistant",
        "developer" | "SYSTEM" => "system",
        "USER" => "user",
        role => role,
    };
    let content = ["content", "parts", "message"].iter().find_map(|name| fields.get(*name));
    // An item of the Responses API may be a part by itself.
    let mut all = content.map_or_else(|| parts(value), parts);
    if let Some(Value::Array(calls)) = fields.get("tool_calls") {
        all = content.filter(|it| !it.is_null()).map(parts).unwrap_or_default();
        all.extend(calls.iter().map(part));
    }
    if let (Some(id), "tool") = (fields.get("tool_call_id"), role) {
        let response = content.map(tool_result);
        all = vec![json!({"type": "tool_call_response", "id": id, "response": response})];
    }
    json!({"role": role, "parts": all})
}

fn parts(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(fields) if fields.get("parts").is_some_and(Value::is_array) => {
            fields.get("parts").map(|it| list(it, part)).unwrap_or_default()
        }
        value => list(value, part),
    }
}

/// The conventions' types of parts that must have further fields. A part without these is of another type.
const TYPES_WITH_FIELDS: [&str; 4] = ["text", "reasoning", "tool_call", "tool_call_response"];

fn part(value: &Value) -> Value {
    let fields = match value {
        Value::String(text) => return json!({"type": "text", "content": text}),
        Value::Object(fields) => fields,
        value => return json!({"type": "other", "content": value.to_string()}),
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let kind = text("type");
    if let Some(thought) = text("thinking") {
        return json!({"type": "reasoning", "content": thought});
    }
    if let Some(content) = text("text") {
        let is_thought = fields.get("thought").and_then(Value::as_bool).unwrap_or_default();
        let kind = if is_thought || kind == Some("reasoning") { "reasoning" } else { "text" };
        return json!({"type": kind, "content": content});
    }
    let found = |shapes: &'static [ToolShape]| {
        shapes.iter().find_map(|shape| shape.find(fields, kind).map(|tool| (shape, tool)))
    };
    if let Some((shape, tool)) = found(&TOOL_CALLS) {
        let name = tool.get(shape.name).and_then(Value::as_str).unwrap_or_default();
        let id = tool.get(shape.id).or_else(|| fields.get("id"));
        return json!({
            "type": "tool_call", "id": id, "name": name, "arguments": tool.get(shape.value),
        });
    }
    if let Some((shape, tool)) = found(&TOOL_RESPONSES) {
        let id = tool.get(shape.id).or_else(|| tool.get(shape.name));
        let response = tool.get(shape.value).map(tool_result);
        return json!({"type": "tool_call_response", "id": id, "response": response});
    }
    // Its type, or its only name: `image_url`, `inlineData`.
    let kind = kind.or_else(|| fields.keys().next().map(String::as_str));
    let kind = kind.filter(|it| !TYPES_WITH_FIELDS.contains(it));
    json!({"type": kind.unwrap_or("other")})
}

/// What a tool returned: a value of the API's own, or a list of parts, in which images, audio and files are named
/// as in a message. `json` (Bedrock) and the `data` of a `document` (Cohere) are values, too.
fn tool_result(value: &Value) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    let is_value = |item: &Value| {
        let of_cohere = item.get("document").is_some_and(|it| it.get("data").is_some());
        !item.is_object() || item.get("json").is_some() || of_cohere
    };
    items.iter().map(|item| if is_value(item) { item.clone() } else { part(item) }).collect()
}

// === impl ToolShape ===

impl ToolShape {
    /// The object with the fields of a part of this shape.
    fn find<'a>(
        &self,
        fields: &'a Map<String, Value>,
        kind: Option<&str>,
    ) -> Option<&'a Map<String, Value>> {
        match fields.get(self.mark) {
            Some(Value::Object(inner)) => Some(inner),
            _ => (kind == Some(self.mark)).then_some(fields),
        }
    }
}
