//! Why a model stopped: one table for each format, one normalisation for all.
//!
//! Gateways pass the reasons of one provider through the format of another one, so a reason that
//! the format's own table does not have is searched for in the others. No two tables disagree.
//! Before the search, a reason is brought into one form: `MAX_TOKENS`, `max-tokens`, `maxTokens`
//! and `FinishReason.MAX_TOKENS` are all `max_tokens`. Gemini's OpenAI endpoint appends its own
//! reason after a colon (`content_filter: PROHIBITED_CONTENT`): the part before it decides,
//! where it is known.

use super::format::Format;
use crate::json::{BoundedText, Prefix};

/// What a finish reason says about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended its answer, or its turn.
    Complete,
    /// The model called a tool.
    ToolCall,
    /// A token limit ended the answer.
    Truncated,
    /// The model refused, or a filter stopped it.
    Refused,
    /// The model or the provider failed.
    Failed,
    /// The provider stopped a model that repeated itself.
    Repetition,
    /// No table has the reason.
    Unknown,
}

use FinishReason::{Complete, Failed, Refused, Repetition, ToolCall, Truncated};

type Table = &'static [(&'static str, FinishReason)];

/// Chat Completions. Source: the types of openai 3.51.0 for Python; the values of compatible
/// servers are from their documentation and source, with the server beside each.
const CHAT: Table = &[
    ("stop", Complete),
    ("tool_calls", ToolCall),
    ("function_call", ToolCall),
    ("length", Truncated),
    ("content_filter", Refused),
    // OpenRouter, Mistral and vLLM, where the provider failed.
    ("error", Failed),
    // Together and TGI.
    ("eos", Complete),
    ("eos_token", Complete),
    // Baidu.
    ("normal", Complete),
    // LM Studio.
    ("eos_found", Complete),
    ("stop_string_found", Complete),
    ("max_predicted_tokens_reached", Truncated),
    ("context_length_reached", Truncated),
    // Mistral.
    ("model_length", Truncated),
    // Zhipu.
    ("sensitive", Refused),
    ("network_error", Failed),
    // DeepSeek.
    ("insufficient_system_resource", Failed),
    // vLLM and SGLang, where the server dropped the request.
    ("abort", Failed),
    ("aborted", Failed),
    // vLLM, and Moonshot.
    ("repetition", Repetition),
    ("repetition_detected", Repetition),
    ("repeat", Repetition),
    // Gemini's OpenAI endpoint, before a reason of its own.
    ("function_call_filter", Failed),
    // watsonx.
    ("token_limit", Truncated),
    ("time_limit", Truncated),
    ("cancelled", Failed),
    // Gateways.
    ("tool_call", ToolCall),
    ("max_length", Truncated),
    ("max_new_tokens", Truncated),
    ("max_completion_tokens", Truncated),
    ("context_length", Truncated),
    ("context_length_exceeded", Truncated),
    ("context_window_exceeded", Truncated),
    ("truncated", Truncated),
    ("content_policy", Refused),
    ("content_policy_violation", Refused),
    ("content_blocked", Refused),
    ("moderation", Refused),
    ("policy_violation", Refused),
    ("canceled", Failed),
    ("failed", Failed),
    ("internal_error", Failed),
    ("internal_server_error", Failed),
    ("server_error", Failed),
    ("provider_error", Failed),
    ("upstream_error", Failed),
    ("engine_overloaded", Failed),
    ("overloaded", Failed),
    ("rate_limit", Failed),
    ("rate_limit_exceeded", Failed),
];

/// `incomplete_details.reason` of Responses. Source: the types of openai 3.51.0 for Python.
const RESPONSES: Table = &[
    ("max_output_tokens", Truncated),
    ("max_messages", Truncated),
    ("content_filter", Refused),
    ("steered", Complete),
];

/// Source: the types of anthropic 2.12.0 for Python, with those of the beta.
const ANTHROPIC: Table = &[
    ("end_turn", Complete),
    ("stop_sequence", Complete),
    // The turn can be continued: neither complete nor truncated by a limit of its own.
    ("pause_turn", Complete),
    ("compaction", Complete),
    ("tool_use", ToolCall),
    ("max_tokens", Truncated),
    ("model_context_window_exceeded", Truncated),
    ("refusal", Refused),
];

/// Source: the types of google-genai 3.4.0 for Python. `OTHER` is a refusal because Gemini's
/// OpenAI endpoint names it `content_filter`, and so do gateways.
const GEMINI: Table = &[
    ("stop", Complete),
    ("max_tokens", Truncated),
    ("continuation", Truncated),
    ("safety", Refused),
    ("recitation", Refused),
    ("language", Refused),
    ("other", Refused),
    ("blocklist", Refused),
    ("prohibited_content", Refused),
    ("spii", Refused),
    ("model_armor", Refused),
    ("escalation", Refused),
    ("image_safety", Refused),
    ("image_prohibited_content", Refused),
    ("image_recitation", Refused),
    ("image_other", Refused),
    ("no_image", Failed),
    ("malformed_function_call", Failed),
    ("malformed_response", Failed),
    ("unexpected_tool_call", Failed),
    ("too_many_tool_calls", Failed),
    ("missing_thought_signature", Failed),
    ("pup_limited_disabled", Failed),
];

/// Source: Ollama's `DoneReason`. `load` and `unload` answer a request without a prompt.
const OLLAMA: Table =
    &[("stop", Complete), ("length", Truncated), ("load", Complete), ("unload", Complete)];

/// Source: the types of cohere 5 for Python, of both versions of the API.
const COHERE: Table = &[
    ("complete", Complete),
    ("stop_sequence", Complete),
    ("tool_call", ToolCall),
    ("max_tokens", Truncated),
    ("error_limit", Truncated),
    ("error_toxic", Refused),
    ("error", Failed),
    ("timeout", Failed),
];

/// Converse, and the models behind InvokeModel. Sources: the API model in botocore 1.44.8; for
/// Titan (`finish`), Llama and Mistral, "Inference request parameters" in Bedrock's user guide.
const BEDROCK: Table = &[
    ("end_turn", Complete),
    ("stop_sequence", Complete),
    ("tool_use", ToolCall),
    ("max_tokens", Truncated),
    ("model_context_window_exceeded", Truncated),
    ("guardrail_intervened", Refused),
    ("content_filtered", Refused),
    ("malformed_model_output", Failed),
    ("malformed_tool_use", Failed),
    ("finish", Complete),
    ("finished", Complete),
    ("stop", Complete),
    ("length", Truncated),
];

/// How many bytes of a reason are compared; no table has a longer one.
const MAX_BYTES: usize = 64;

// === impl FinishReason ===

impl FinishReason {
    /// What a reason says in an answer of this format; `None` where it is no reason: empty, or
    /// the text `null`, which some servers send until the end.
    ///
    /// ```
    /// use verdigris::json::BoundedText;
    /// use verdigris::response::Format;
    /// use verdigris::response::finish_reason::FinishReason;
    /// let of_chat = |reason: &str| FinishReason::new(Format::Chat, BoundedText::new(reason.as_bytes()));
    /// assert_eq!(of_chat("length"), Some(FinishReason::Truncated));
    /// assert_eq!(of_chat("content_filter: SPII"), Some(FinishReason::Refused));
    /// assert_eq!(of_chat("MAX_TOKENS"), Some(FinishReason::Truncated));
    /// assert_eq!(of_chat(""), None);
    /// ```
    pub fn new(format: Format, reason: BoundedText<'_>) -> Option<Self> {
        let mut parts = reason.bytes().splitn(2, |byte| *byte == b':').map(normalized);
        let (first, second) = (parts.next()?, parts.next());
        if matches!(first.bytes(), b"" | b"null" | b"none") {
            return None;
        }
        let find = |name: &Prefix<MAX_BYTES>| Self::find(format, name.complete()?);
        Some(find(&first).or_else(|| find(&second?)).unwrap_or(Self::Unknown))
    }

    fn find(format: Format, name: &[u8]) -> Option<Self> {
        let find = |format| {
            let row = table(format).iter().find(|(reason, _)| reason.as_bytes() == name)?;
            Some(row.1)
        };
        find(format).or_else(|| Format::ALL.into_iter().find_map(find))
    }
}

/// The reasons of a format.
fn table(format: Format) -> Table {
    match format {
        Format::Chat => CHAT,
        Format::Responses => RESPONSES,
        Format::Anthropic => ANTHROPIC,
        Format::Gemini => GEMINI,
        Format::Ollama => OLLAMA,
        Format::Cohere => COHERE,
        Format::Bedrock => BEDROCK,
    }
}

/// The names of a format's reasons, normalised, with what they say.
pub fn reasons(format: Format) -> impl Iterator<Item = (&'static str, FinishReason)> {
    table(format).iter().copied()
}

/// The reason in lower case with underscores, without the name of its type.
fn normalized(reason: &[u8]) -> Prefix<MAX_BYTES> {
    let reason = reason.trim_ascii();
    let reason = reason.rsplit(|byte| *byte == b'.').next().unwrap_or(reason);
    let mut name = Prefix::default();
    let mut was_lower = false;
    for &byte in reason {
        if byte.is_ascii_uppercase() && was_lower {
            name.push(b"_");
        }
        was_lower = byte.is_ascii_lowercase();
        let byte = if matches!(byte, b'-' | b' ') { b'_' } else { byte.to_ascii_lowercase() };
        name.push(&[byte]);
    }
    match name.complete().and_then(|name| name.strip_prefix(b"finish_reason_")) {
        Some(name) => Prefix::new(name),
        None => name,
    }
}
