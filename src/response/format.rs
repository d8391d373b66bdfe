//! The format of an answer, and the framing of its body.

/// A provider's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI Chat Completions, and the older Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini.
    Gemini,
    /// Ollama's own API.
    Ollama,
    /// Cohere Chat, version 2.
    Cohere,
    /// Amazon Bedrock: Converse, and InvokeModel.
    Bedrock,
}

/// How a body is divided into JSON documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events; a body that begins like JSON is read as JSON.
    Sse,
    /// One JSON document, or several in a row.
    Json,
    /// A stream of JSON documents, one on each line.
    JsonLines,
    /// Amazon's event stream.
    AwsEventStream,
}

/// The part of a request's `:path` before its query.
pub fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'?').next().unwrap_or(path)
}

// === impl Format ===

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] = [
        Self::Chat,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Ollama,
        Self::Cohere,
        Self::Bedrock,
    ];

    /// The name that the configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Cohere => "cohere",
            Self::Bedrock => "bedrock",
        }
    }
}

// === impl Framing ===

impl Framing {
    /// The framing of a content type. A type that is neither JSON nor known is read as
    /// server-sent events, which are read as JSON where they begin like it.
    pub fn from_content_type(content_type: &[u8]) -> Self {
        let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        let media_type = media_type.trim_ascii_end();
        let ends_with = |suffix: &[u8]| {
            let start = media_type.len().checked_sub(suffix.len());
            let end = start.and_then(|start| media_type.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
        };
        if ends_with(b"ndjson") {
            Self::JsonLines
        } else if ends_with(b"json") {
            Self::Json
        } else if ends_with(b"/vnd.amazon.eventstream") {
            Self::AwsEventStream
        } else {
            Self::Sse
        }
    }

    /// Whether a body with this framing arrives while it is generated.
    pub fn is_stream(self) -> bool {
        self != Self::Json
    }
}
