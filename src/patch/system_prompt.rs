//! The system prompt, in each provider's place.
//!
//! | format | place |
//! |---|---|
//! | Chat | the `system` and `developer` messages with which `messages` begins |
//! | Responses | `instructions` |
//! | Anthropic | `system` |
//! | Gemini | `systemInstruction`, or `system_instruction` |
//! | Ollama | as Chat in `/api/chat`, which has `messages`; `system` in `/api/generate`, which has a `prompt` |
//! | Cohere | as Chat |
//! | Bedrock | `system`, a list of blocks |
//!
//! Sources: the providers' API references; for Gemini's two names, that its API is
//! protobuf's JSON mapping, which takes either.

use crate::json::splice::{Array, Change, Object, quoted, unquoted};
use crate::response::Format;

/// Where a text goes with respect to the system prompt that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In its place.
    Replace,
    /// Before it.
    Prepend,
    /// After it.
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

/// What stands between a system prompt and what is added to it.
const BETWEEN: &str = "\n\n";

// === impl System ===

impl System {
    /// The member of the request that changes, and what it becomes; `None` where the
    /// request is none of this format, or has something else in the place.
    pub fn change(&self, request: &Object<'_>, format: Format) -> Option<(&'static str, Change)> {
        let (name, value) = match format {
            Format::Ollama if request.get("messages").is_none() => {
                // What has neither has Ollama load a model, and asks it nothing.
                request.get("prompt")?;
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
        Some((name, Change::Set(value)))
    }

    /// In Chat's messages.
    fn in_messages(&self, messages: &str) -> Option<String> {
        let messages = Array::parse(messages)?;
        let is_system = |message: &&&str| {
            let role = Object::parse(message).and_then(|it| unquoted(it.get("role")?));
            matches!(role.as_deref(), Some("system" | "developer"))
        };
        let prompts: Vec<&str> = messages.items().iter().take_while(is_system).copied().collect();
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

    /// In a text, or a list of text parts.
    fn in_text_or_parts(&self, place: Option<&str>) -> Option<String> {
        let place = place.filter(|it| *it != "null" && self.placement != Placement::Replace);
        let Some(place) = place else { return Some(quoted(&self.text)) };
        if let Some(text) = unquoted(place) {
            return Some(quoted(&self.beside(&text)));
        }
        let part = format!(r#"{{"type":"text","text":{}}}"#, quoted(&self.text));
        Some(self.among(&Array::parse(place)?, part))
    }

    /// In Gemini's content, which has parts.
    fn in_content(&self, content: Option<&str>) -> Option<String> {
        let part = format!(r#"{{"text":{}}}"#, quoted(&self.text));
        let content = match content.filter(|it| *it != "null") {
            Some(content) => Object::parse(content)?,
            None => Object::EMPTY,
        };
        let there = content.get("parts").filter(|_| self.placement != Placement::Replace);
        let parts = match there {
            // One part alone is taken for a list of one.
            Some(one) if Object::parse(one).is_some() => {
                self.among(&Array::parse(&format!("[{one}]"))?, part)
            }
            Some(parts) => self.among(&Array::parse(parts)?, part),
            None => format!("[{part}]"),
        };
        Some(content.with_members(&[("parts", Change::Set(parts))]))
    }

    /// In Bedrock's blocks, none of which may be empty.
    fn in_blocks(&self, blocks: Option<&str>) -> Option<String> {
        if self.text.is_empty() {
            return Some("[]".to_owned());
        }
        let block = format!(r#"{{"text":{}}}"#, quoted(&self.text));
        Some(self.among(&Array::parse(blocks.filter(|it| *it != "null").unwrap_or("[]"))?, block))
    }

    fn beside(&self, text: &str) -> String {
        let added = &*self.text;
        match self.placement {
            Placement::Replace => added.to_owned(),
            _ if text.is_empty() => added.to_owned(),
            Placement::Prepend => [added, BETWEEN, text].concat(),
            Placement::Append => [text, BETWEEN, added].concat(),
        }
    }

    fn among(&self, parts: &Array<'_>, part: String) -> String {
        match self.placement {
            Placement::Replace => format!("[{part}]"),
            Placement::Prepend => parts.with_first(&part),
            Placement::Append => parts.with_last(part),
        }
    }
}
