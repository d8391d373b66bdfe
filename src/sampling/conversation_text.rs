//! The messages in the body of a request, in any of the formats.
//!
//! Sources: OpenAI's Chat Completions (`messages`), Completions (`prompt`) and Responses (`instructions`,
//! `input`); Anthropic's Messages and Ollama (`system`, `messages`); Gemini (`systemInstruction`,
//! `contents`); Cohere (`preamble`, `chat_history`, `messages`, `message`).

use crate::json::splice::{Array, Object, parse_string};
use crate::json::without_lone_surrogates;

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who wrote it: `system`, `user`, `assistant`, or another role of the format.
    pub role: String,
    /// Its text. A part that is not text, such as an image, is replaced by its type in brackets.
    pub text: String,
}

// === impl Message ===

impl Message {
    /// How many bytes it has as JSON, before quoting.
    pub fn json_bytes(&self) -> usize {
        const FIELDS: usize = r#"{"role":"","text":""},"#.len();
        FIELDS + self.role.len() + self.text.len()
    }
}

/// The members that have messages, with the role of those that name no role.
const MEMBERS: [(&str, &str); 12] = [
    ("system", "system"),
    ("preamble", "system"),
    ("systemInstruction", "system"),
    ("system_instruction", "system"),
    ("instructions", "system"),
    // What was said before Cohere's `message`.
    ("chat_history", "user"),
    ("messages", "user"),
    ("contents", "user"),
    ("input", "user"),
    ("inputText", "user"),
    ("message", "user"),
    ("prompt", "user"),
];

/// How deep lists and objects in a message are read. Deeper ones are no text that a model reads, and
/// each level would take from the stack.
const MAX_DEPTH: usize = 8;

/// The messages in the body of a request. A body that is not JSON, or has none of the known members, is
/// one message as a whole. `None` where it is not UTF-8 or empty.
pub fn read_messages(body: &[u8]) -> Option<Vec<Message>> {
    let body = str::from_utf8(body).ok().filter(|body| !body.trim().is_empty())?;
    let mut messages = Vec::new();
    // A text with half a surrogate pair would not be read, and its message left out.
    let json = without_lone_surrogates(body);
    if let Some(object) = Object::parse(&json) {
        for (member, role) in MEMBERS {
            if let Some(json) = object.get(member) {
                add_messages(json, role, MAX_DEPTH, &mut messages);
            }
        }
    }
    if messages.is_empty() {
        messages.push(Message { role: "user".to_owned(), text: body.to_owned() });
    }
    Some(messages)
}

/// Adds the messages in `json`: a text, a message, or a list of them.
fn add_messages(json: &str, role: &str, depth: usize, messages: &mut Vec<Message>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let is_list_of_messages = |array: &Array<'_>| {
        array.items().iter().any(|it| Object::parse(it).is_some_and(|it| content(&it).is_some()))
    };
    if let Some(array) = Array::parse(json).filter(is_list_of_messages) {
        array.items().iter().for_each(|item| add_messages(item, role, depth, messages));
        return;
    }
    let object = Object::parse(json);
    let own_role = object.as_ref().and_then(|it| parse_string(it.get("role")?)).map(common_role);
    let text = match object.as_ref().and_then(content) {
        Some(content) => part_text(content, depth),
        None => part_text(json, depth),
    };
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        messages.push(Message { role: own_role.unwrap_or_else(|| role.to_owned()), text });
    }
}

/// The name that most APIs have for a role.
fn common_role(role: String) -> String {
    match role.as_str() {
        "USER" => "user".to_owned(),
        "CHATBOT" => "assistant".to_owned(),
        "SYSTEM" => "system".to_owned(),
        "TOOL" => "tool".to_owned(),
        _ => role,
    }
}

/// The content of a message, which has it under `content`, under `parts`, or, in Cohere's
/// `chat_history`, under `message`.
fn content<'a>(message: &Object<'a>) -> Option<&'a str> {
    ["content", "parts", "message"].into_iter().find_map(|name| message.get(name))
}

/// The text of a part, or of a list of parts.
fn part_text(json: &str, depth: usize) -> Option<String> {
    if let Some(text) = parse_string(json) {
        return Some(text);
    }
    let Some(depth) = depth.checked_sub(1) else { return Some("[part]".to_owned()) };
    if let Some(parts) = Array::parse(json) {
        let texts: Vec<String> =
            parts.items().iter().filter_map(|part| part_text(part, depth)).collect();
        return Some(texts.join("\n"));
    }
    let part = Object::parse(json)?;
    let text = part.get("text").and_then(parse_string);
    let kind = || part.get("type").and_then(parse_string).unwrap_or_else(|| "part".to_owned());
    Some(text.unwrap_or_else(|| format!("[{}]", kind())))
}
