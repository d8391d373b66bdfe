//! The system prompt, where each format has it.
//!
//! | format | place |
//! |---|---|
//! | Chat | the `system` and `developer` messages at the start of `messages` |
//! | Responses | `instructions`; a replacement also removes the `system` and `developer` items at the start of `input` |
//! | Anthropic | `system` |
//! | Gemini | `systemInstruction`, or `system_instruction` |
//! | Ollama | as Chat in `/api/chat`, which has `messages`; `system` in `/api/generate`, which has a `prompt` |
//! | Cohere | as Chat |
//! | Bedrock | `system`, a list of blocks |
//!
//! Sources: the API references of the providers. Gemini accepts both names because its API is
//! the JSON mapping of protobuf.

use crate::json::splice::{Array, Change, Object, parse_string, quoted};
use crate::response::Format;

/// Where a text goes relative to the existing system prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// It replaces the prompt.
    Replace,
    /// It goes before the prompt.
    Prepend,
    /// It goes after the prompt.
    Append,
}

/// A change of the system prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Where the text goes.
    pub placement: Placement,
    /// The text.
    pub text: Box<str>,
}

/// The separator between the existing prompt and the text.
const SEPARATOR: &str = "\n\n";

// === impl System ===

impl System {
    /// The most bytes around the text, such as a member's name or a message.
    pub(super) const MAX_FRAME: usize = 64;

    /// The members of the request that change, and their changes; `None` where the request does
    /// not have this format, has a value of another type in this place, or takes no system prompt.
    pub fn changes(
        &self,
        request: &Object<'_>,
        format: Format,
    ) -> Option<Vec<(&'static str, Change)>> {
        if !takes_prompt(request, format) {
            return None;
        }
        if self.text.is_empty() {
            return without_prompt(request, format);
        }
        let (name, value) = match format {
            Format::Ollama if request.get("messages").is_none() => {
                ("system", self.in_text_or_parts(request.get("system"))?)
            }
            Format::Chat | Format::Ollama | Format::Cohere => {
                ("messages", self.in_messages(request.get("messages")?)?)
            }
            Format::Bedrock => ("system", self.in_blocks(request.get("system"))?),
            Format::Responses => {
                ("instructions", self.in_text_or_parts(request.get("instructions"))?)
            }
            Format::Anthropic => ("system", self.in_text_or_parts(request.get("system"))?),
            Format::Gemini => {
                let short = "system_instruction";
                let name = if request.get(short).is_some() { short } else { "systemInstruction" };
                (name, self.in_content(request.get(name))?)
            }
        };
        let mut changes = vec![(name, Change::Set(value))];
        if format == Format::Responses && self.placement == Placement::Replace {
            changes.extend(input_without_prompts(request));
        }
        Some(changes)
    }

    /// The changed messages of a Chat request.
    fn in_messages(&self, messages: &str) -> Option<String> {
        let messages = Array::parse(messages)?;
        let prompts: Vec<&str> =
            messages.items().iter().copied().take_while(|it| is_prompt(it)).collect();
        let changed = match self.placement {
            Placement::Append => prompts.len().saturating_sub(1),
            Placement::Replace | Placement::Prepend => 0,
        };
        let Some(prompt) = prompts.get(changed) else {
            let message = format!(r#"{{"role":"system","content":{}}}"#, quoted(&self.text));
            return Some(messages.with_first(&message));
        };
        let prompt = Object::parse(prompt)?;
        let content = self.in_text_or_parts(prompt.get("content"))?;
        let mut changes =
            vec![(changed, Change::Set(prompt.with_members(&[("content", Change::Set(content))])))];
        if self.placement == Placement::Replace {
            changes.extend((1..prompts.len()).map(|index| (index, Change::Remove)));
        }
        Some(messages.with_items(&changes))
    }

    /// The changed prompt, which is a string or a list of text parts.
    fn in_text_or_parts(&self, prompt: Option<&str>) -> Option<String> {
        let prompt = prompt.filter(|it| *it != "null" && self.placement != Placement::Replace);
        let Some(prompt) = prompt else { return Some(quoted(&self.text)) };
        if let Some(text) = parse_string(prompt) {
            return Some(quoted(&self.joined_with(&text)));
        }
        let part = format!(r#"{{"type":"text","text":{}}}"#, quoted(&self.text));
        Some(self.placed_among(&Array::parse(prompt)?, part))
    }

    /// The changed content of a Gemini request, which has parts.
    fn in_content(&self, content: Option<&str>) -> Option<String> {
        let part = format!(r#"{{"text":{}}}"#, quoted(&self.text));
        let content = match content.filter(|it| *it != "null") {
            Some(content) => Object::parse(content)?,
            None => Object::EMPTY,
        };
        let existing = content.get("parts").filter(|_| self.placement != Placement::Replace);
        let parts = match existing {
            // Gemini takes a single part for a list with one part.
            Some(single) if Object::parse(single).is_some() => {
                self.placed_among(&Array::parse(&format!("[{single}]"))?, part)
            }
            Some(parts) => self.placed_among(&Array::parse(parts)?, part),
            None => format!("[{part}]"),
        };
        Some(content.with_members(&[("parts", Change::Set(parts))]))
    }

    /// The changed blocks of a Bedrock request.
    fn in_blocks(&self, blocks: Option<&str>) -> Option<String> {
        let block = format!(r#"{{"text":{}}}"#, quoted(&self.text));
        let blocks = blocks.filter(|json| *json != "null").unwrap_or("[]");
        Some(self.placed_among(&Array::parse(blocks)?, block))
    }

    /// The text together with the existing prompt.
    fn joined_with(&self, text: &str) -> String {
        let added = &*self.text;
        match self.placement {
            Placement::Replace => added.to_owned(),
            _ if text.is_empty() => added.to_owned(),
            Placement::Prepend => [added, SEPARATOR, text].concat(),
            Placement::Append => [text, SEPARATOR, added].concat(),
        }
    }

    /// The list of the existing parts with this part in its place.
    fn placed_among(&self, parts: &Array<'_>, part: String) -> String {
        match self.placement {
            Placement::Replace => format!("[{part}]"),
            Placement::Prepend => parts.with_first(&part),
            Placement::Append => parts.with_last(part),
        }
    }
}

/// Whether a message is a part of the system prompt.
fn is_prompt(message: &str) -> bool {
    let role = Object::parse(message).and_then(|it| parse_string(it.get("role")?));
    matches!(role.as_deref(), Some("system" | "developer"))
}

/// Whether the API takes a system prompt in this request.
///
/// Gemini takes none beside a cached context, which has its own ("Context caching" in Gemini's
/// documentation); Bedrock none beside the variables of a managed prompt ("Converse" in Bedrock's API
/// reference). Ollama takes none with `raw`, and a request without messages or a prompt only loads a model or
/// unloads it ("API" in Ollama's documentation).
fn takes_prompt(request: &Object<'_>, format: Format) -> bool {
    let has = |name| request.get(name).is_some_and(|json| json != "null");
    match format {
        Format::Gemini => !has("cachedContent") && !has("cached_content"),
        Format::Bedrock => !has("promptVariables"),
        Format::Ollama => match request.get("messages") {
            Some(messages) => !is_empty_array(messages),
            None => has("prompt") && request.get("raw") != Some("true"),
        },
        Format::Chat | Format::Responses | Format::Anthropic | Format::Cohere => true,
    }
}

/// The changes that remove the system prompt: providers reject an empty one. `None` where the request
/// does not have this format.
fn without_prompt(request: &Object<'_>, format: Format) -> Option<Vec<(&'static str, Change)>> {
    let members: &[_] = match format {
        Format::Ollama if request.get("messages").is_none() => &["system"],
        Format::Chat | Format::Ollama | Format::Cohere => {
            let messages = Array::parse(request.get("messages")?)?;
            return Some(without_prompts("messages", &messages).into_iter().collect());
        }
        Format::Responses => &["instructions"],
        Format::Anthropic | Format::Bedrock => &["system"],
        Format::Gemini => &["systemInstruction", "system_instruction"],
    };
    let mut changes: Vec<_> = members.iter().map(|name| (*name, Change::Remove)).collect();
    if format == Format::Responses {
        changes.extend(input_without_prompts(request));
    }
    Some(changes)
}

/// The change of a list that removes the parts of the system prompt at its start; `None` where it has
/// none.
fn without_prompts(name: &'static str, list: &Array<'_>) -> Option<(&'static str, Change)> {
    let count = list.items().iter().take_while(|item| is_prompt(item)).count();
    let removals: Vec<_> = (0..count).map(|index| (index, Change::Remove)).collect();
    (count > 0).then(|| (name, Change::Set(list.with_items(&removals))))
}

/// The same for the input of a Responses request, which may be a text.
fn input_without_prompts(request: &Object<'_>) -> Option<(&'static str, Change)> {
    without_prompts("input", &Array::parse(request.get("input")?)?)
}

/// Whether the JSON is an array without items.
fn is_empty_array(json: &str) -> bool {
    json.strip_prefix('[').is_some_and(|rest| rest.trim_start() == "]")
}
