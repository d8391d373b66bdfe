//! Which format and framing a response has.

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
    /// Cohere's Chat of version 2.
    Cohere,
    /// Amazon Bedrock's Converse.
    Bedrock,
}

/// How a body is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events, or JSON where it turns out to be that.
    Events,
    /// One JSON document, or one after another.
    Json,
    /// A stream of JSON documents, one a line.
    Lines,
    /// Amazon's event stream.
    Amazon,
}

/// The path alone, of a request's path with its query.
pub fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'?').next().unwrap_or(path)
}

const THREADS: &[u8] = b"/threads/";

// === impl Format ===

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Chat,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Ollama,
        Self::Cohere,
        Self::Bedrock,
    ];

    /// The name used in the configuration.
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

    /// The format that answers have at `path`, by the end of the path without its
    /// query.
    ///
    /// ```
    /// use verdigris::response::Format;
    /// let path = b"/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    /// assert_eq!(Format::from_path(path), Some(Format::Gemini));
    /// assert_eq!(Format::from_path(b"/v1/models"), None);
    /// ```
    pub fn from_path(path: &[u8]) -> Option<Self> {
        let path = without_query(path);
        // OpenAI's threads have messages that are no answers.
        if path.windows(THREADS.len()).any(|part| part == THREADS) {
            return None;
        }
        let ends: [(&[u8], Self); 10] = [
            (b"/completions", Self::Chat),
            (b"/responses", Self::Responses),
            (b"/messages", Self::Anthropic),
            (b":generateContent", Self::Gemini),
            (b":streamGenerateContent", Self::Gemini),
            (b"/api/chat", Self::Ollama),
            (b"/api/generate", Self::Ollama),
            (b"/v2/chat", Self::Cohere),
            (b"/converse", Self::Bedrock),
            (b"/converse-stream", Self::Bedrock),
        ];
        ends.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, format)| format)
    }
}

// === impl Framing ===

impl Framing {
    /// The framing of a content type. What is neither JSON nor named is taken for
    /// events, which are JSON where they begin like it.
    pub fn from_content_type(content_type: &[u8]) -> Self {
        let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        let kind = kind.trim_ascii_end();
        let ends_with = |end: &[u8]| {
            let start = kind.len().checked_sub(end.len());
            start.and_then(|at| kind.get(at..)).is_some_and(|it| it.eq_ignore_ascii_case(end))
        };
        if ends_with(b"ndjson") {
            Self::Lines
        } else if ends_with(b"json") {
            Self::Json
        } else if ends_with(b"/vnd.amazon.eventstream") {
            Self::Amazon
        } else {
            Self::Events
        }
    }

    /// Whether a body that is divided so comes while it is made.
    pub fn is_stream(self) -> bool {
        self != Self::Json
    }
}
