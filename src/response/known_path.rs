//! What a path reveals of the API behind it: the format of its answers, or that it has none.

use super::format::{Format, without_query};

/// An API that is recognised by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownApi {
    /// A model answers in this format.
    Answers {
        /// The format.
        format: Format,
        /// Whether the path is that of this API alone. Applications have paths such as
        /// `/api/chat` and `/orders/1/messages` of their own: there the body must have a mark of
        /// the format.
        is_certain: bool,
    },
    /// Embeddings: no answers, but token counts.
    Embeddings,
    /// An API without answers, such as images.
    Other,
}

use KnownApi::{Embeddings, Other};

// === impl Format ===

impl Format {
    /// The format of the answers at `path`, by what the path reveals.
    ///
    /// ```
    /// use verdigris::response::Format;
    /// let path = b"/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    /// assert_eq!(Format::from_path(path), Some(Format::Gemini));
    /// assert_eq!(Format::from_path(b"/v1/models"), None);
    /// ```
    pub fn from_path(path: &[u8]) -> Option<Self> {
        match known_api(path)? {
            KnownApi::Answers { format, .. } => Some(format),
            Embeddings | Other => None,
        }
    }

    /// The format of the requests at `path`, where a patch knows their form. Requests to a model
    /// behind another API have its name or their prompt in other places.
    pub fn of_requests_at(path: &[u8]) -> Option<Self> {
        const OTHER_FORMS: [&[u8]; 6] = [
            b"invoke",
            b"invoke-with-response-stream",
            b"invocations",
            b"compact",
            b"rawPredict",
            b"streamRawPredict",
        ];
        let (before_query, _) = split_query(path);
        // Zhipu's answer is fetched later. Perplexity has the request in `request`.
        if before_query.ends_with(b"/paas/v4/async/chat/completions") {
            return Some(Self::Chat);
        }
        let (parent, name) = split_last_segment(before_query);
        let is_other = OTHER_FORMS.iter().any(|form| name.ends_with(form));
        let is_stored = parent.ends_with(b"/responses");
        // Code Assist has Gemini's request in `request`, beside `model` and `project`.
        let is_wrapped = name.starts_with(b"v1internal");
        if is_other || is_stored || is_wrapped { None } else { Self::from_path(path) }
    }
}

/// Whether `path` is that of an LLM API alone. Applications have paths like the others, such as
/// `/orders/7/messages`.
///
/// ```
/// use verdigris::response::known_path::is_certain;
/// assert!(is_certain(b"/v1/messages"));
/// assert!(!is_certain(b"/orders/7/messages"));
/// ```
pub fn is_certain(path: &[u8]) -> bool {
    matches!(known_api(path), Some(KnownApi::Answers { is_certain: true, .. }))
}

/// Whether requests to the Chat API at `path` have a `prompt` in place of messages, and so no
/// system prompt: OpenAI's completions, and those that fill in the middle. At Mistral's
/// `/v1/agents/completions` they have messages.
///
/// ```
/// use verdigris::response::known_path::is_text_completion;
/// assert!(is_text_completion(b"/v1/completions?x=1"));
/// assert!(!is_text_completion(b"/v1/chat/completions"));
/// ```
pub fn is_text_completion(path: &[u8]) -> bool {
    let (path, _) = split_query(path);
    let (parent, name) = split_last_segment(path);
    let (_, kind) = split_last_segment(parent);
    name == b"completions" && !matches!(kind, b"chat" | b"agents")
}

/// The API behind `path`.
///
/// ```
/// use verdigris::response::Format;
/// use verdigris::response::known_path::{KnownApi, known_api};
/// let (format, is_certain) = (Format::Ollama, false);
/// assert_eq!(known_api(b"/api/chat"), Some(KnownApi::Answers { format, is_certain }));
/// assert_eq!(known_api(b"/v1/images/generations"), Some(KnownApi::Other));
/// ```
pub fn known_api(path: &[u8]) -> Option<KnownApi> {
    let (path, query) = split_query(path);
    let (parent, name) = split_last_segment(path);
    other_api(path, name)
        .or_else(|| google_method(path, name))
        .or_else(|| bedrock_operation(parent, name))
        .or_else(|| by_name(parent, name))
        .or_else(|| {
            // A stream that is taken up again: `/v1/responses/ID?stream=true`.
            let is_resumed = parent.ends_with(b"/responses")
                && query.split(|byte| *byte == b'&').any(|part| part == b"stream=true");
            is_resumed.then_some(certain(Format::Responses))
        })
}

const fn certain(format: Format) -> KnownApi {
    KnownApi::Answers { format, is_certain: true }
}

/// The path without slashes at its end, and the query.
fn split_query(path: &[u8]) -> (&[u8], &[u8]) {
    let before = without_query(path);
    let query = path.get(before.len() + 1..).unwrap_or_default();
    let end = before.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    (before.get(..end).unwrap_or_default(), query)
}

/// The path before its last segment, without the slash, and that segment.
fn split_last_segment(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    let (parent, name) = path.split_at(slash.unwrap_or(0));
    (parent, name.strip_prefix(b"/").unwrap_or(name))
}

fn contains(path: &[u8], part: &[u8]) -> bool {
    path.windows(part.len()).any(|window| window == part)
}

/// APIs without answers, most of which have a part of their path in common.
fn other_api(path: &[u8], name: &[u8]) -> Option<KnownApi> {
    const EMBEDDINGS: [&[u8]; 2] = [b"embeddings", b"embed"];
    const NAMES: [&[u8]; 15] = [
        // Gemini's Interactions are answers in a format that is not read.
        b"interactions",
        b"moderations",
        b"moderation",
        b"rerank",
        b"count_tokens",
        b"count-tokens",
        b"input_tokens",
        b"input_items",
        b"cancel",
        b"models",
        b"files",
        b"batches",
        b"tokenize",
        b"detokenize",
        b"classify",
    ];
    const PARTS: [&[u8]; 15] = [
        b"/models/",
        b"/embeddings/",
        b"/images/",
        b"/audio/",
        b"/videos/",
        b"/files/",
        b"/batches/",
        b"/uploads/",
        b"/fine_tuning/",
        b"/vector_stores/",
        b"/threads/",
        b"/assistants/",
        b"/realtime/",
        b"/guardrail/",
        b"/async-invoke/",
    ];
    if EMBEDDINGS.contains(&name) {
        return Some(Embeddings);
    }
    // Perplexity and Zhipu only acknowledge the request; its answer is fetched later.
    if path.ends_with(b"/async/chat/completions") {
        return Some(Other);
    }
    let is_model_call = name.iter().any(|byte| matches!(byte, b':' | b'%'))
        || path.ends_with(b"/completions")
        || path.ends_with(b"/responses");
    let is_other =
        NAMES.contains(&name) || (!is_model_call && PARTS.iter().any(|part| contains(path, part)));
    is_other.then_some(Other)
}

/// Google's methods, which follow a colon: Gemini's own, and those of Vertex AI that pass a
/// request to the model of another vendor.
fn google_method(path: &[u8], name: &[u8]) -> Option<KnownApi> {
    let colon = name.iter().rposition(|byte| *byte == b':').map(|colon| colon + 1);
    let encoded = || {
        let is_colon = |part: &[u8]| part.eq_ignore_ascii_case(b"%3a");
        Some(name.windows(3).rposition(is_colon)? + 3)
    };
    let method = name.get(colon.or_else(encoded)?..)?;
    Some(match method {
        // Claude's count of tokens has the place of a model: `models/count-tokens:rawPredict`.
        b"rawPredict" | b"streamRawPredict" if name.starts_with(b"count-tokens") => Other,
        b"generateContent" | b"streamGenerateContent" => certain(Format::Gemini),
        b"rawPredict" | b"streamRawPredict" if contains(path, b"/publishers/anthropic/") => {
            certain(Format::Anthropic)
        }
        b"rawPredict" | b"streamRawPredict" if contains(name, b"ocr") => Other,
        b"rawPredict" | b"streamRawPredict" => {
            KnownApi::Answers { format: Format::Chat, is_certain: contains(path, b"/publishers/") }
        }
        b"embedContent" | b"batchEmbedContents" => Embeddings,
        b"countTokens" | b"predict" | b"predictLongRunning" | b"batchGenerateContent" => Other,
        _ => return None,
    })
}

/// Whether a model answers at `path` by InvokeModel whose form of answers is not known. Only for paths in
/// Bedrock's format: Claude has one of its own.
///
/// ```
/// use verdigris::response::known_path::has_unknown_form;
/// assert!(has_unknown_form(b"/model/writer.palmyra-x5-v1:0/invoke"));
/// assert!(!has_unknown_form(b"/model/us.meta.llama4-scout-17b-instruct-v1:0/invoke"));
/// ```
pub fn has_unknown_form(path: &[u8]) -> bool {
    // Those whose answers are read. Source: "Inference request parameters and response fields for
    // foundation models" in Bedrock's user guide.
    const KNOWN: [&[u8]; 7] =
        [b"amazon.", b"cohere.", b"deepseek.", b"meta.", b"mistral.", b"openai.", b"twelvelabs."];
    let (before_query, _) = split_query(path);
    is_invoke_model(path) && !KNOWN.iter().any(|part| contains(before_query, part))
}

/// Whether `path` is that of Amazon Bedrock's InvokeModel, where each model has an API of its own.
///
/// ```
/// use verdigris::response::known_path::is_invoke_model;
/// assert!(is_invoke_model(b"/model/meta.llama3-8b-instruct-v1:0/invoke"));
/// assert!(!is_invoke_model(b"/model/meta.llama3-8b-instruct-v1:0/converse"));
/// ```
pub fn is_invoke_model(path: &[u8]) -> bool {
    let (path, _) = split_query(path);
    let (parent, name) = split_last_segment(path);
    is_invoke(parent, name)
}

fn is_invoke(parent: &[u8], name: &[u8]) -> bool {
    matches!(name, b"invoke" | b"invoke-with-response-stream") && contains(parent, b"/model/")
}

/// The operations of Amazon Bedrock: `/model/ID/OPERATION`.
fn bedrock_operation(parent: &[u8], name: &[u8]) -> Option<KnownApi> {
    let is_model = contains(parent, b"/model/");
    match name {
        b"converse" | b"converse-stream" => {
            Some(KnownApi::Answers { format: Format::Bedrock, is_certain: is_model })
        }
        _ if is_invoke(parent, name) => {
            let (_, model) = split_last_segment(parent);
            Some(bedrock_model(model))
        }
        _ => None,
    }
}

/// What a model of Bedrock answers, by its name. The name may have a region before it (`us.`), or be the end of an
/// ARN in percent-encoding, which leaves letters, dots and hyphens as they are.
fn bedrock_model(name: &[u8]) -> KnownApi {
    // Models that rank texts, or make images or videos. Source: "Supported foundation models" in
    // Bedrock's user guide.
    const WITHOUT_TEXT: [&[u8]; 6] =
        [b"rerank", b"stability.", b"titan-image", b"nova-canvas", b"nova-reel", b"luma."];
    if contains(name, b"embed") {
        Embeddings
    } else if WITHOUT_TEXT.iter().any(|part| contains(name, part)) {
        Other
    } else if contains(name, b"anthropic") || contains(name, b"claude") {
        certain(Format::Anthropic)
    } else {
        certain(Format::Bedrock)
    }
}

/// APIs whose paths end with a name.
fn by_name(parent: &[u8], name: &[u8]) -> Option<KnownApi> {
    let parent_is = |names: &[&[u8]]| names.iter().any(|name| parent.ends_with(name));
    let (format, is_certain) = match name {
        b"completions" => (
            Format::Chat,
            parent_is(&[b"/chat", b"/v1", b"/fim", b"/beta", b"/v1/agents", b"/model"])
                || parent.is_empty()
                || contains(parent, b"/deployments/")
                || contains(parent, b"/engines/"),
        ),
        b"responses" => (Format::Responses, parent_is(&[b"/v1", b"/openai", b"/codex"])),
        b"compact" if parent.ends_with(b"/responses") => (Format::Responses, true),
        b"messages" => (Format::Anthropic, parent_is(&[b"/v1", b"/anthropic"])),
        b"chat" | b"generate" if parent.ends_with(b"/api") => (Format::Ollama, false),
        b"chat" if parent.ends_with(b"/v2") => {
            (Format::Cohere, parent == b"/v2" || parent_is(&[b"/cohere/v2"]))
        }
        // Databricks and SageMaker.
        b"invocations" => (Format::Chat, false),
        _ => return None,
    };
    Some(KnownApi::Answers { format, is_certain })
}
