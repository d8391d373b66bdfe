//! Parses the body of a response into an answer.

use super::answer::{Answer, TextPrefix};
use super::answer_key::AnswerKey;
use super::anthropic::Anthropic;
use super::aws_eventstream::EventStreamParser;
use super::bedrock::Bedrock;
use super::cohere::Cohere;
use super::format::{Format, Framing};
use super::framed_data::FramedData;
use super::gemini::Gemini;
use super::ollama;
use super::openai_chat::OpenAiChat;
use super::openai_responses::OpenAiResponses;
use super::sse::SseParser;
use crate::json::{Scanner, Token};

/// Parses the body of one response while it arrives.
#[derive(Clone, Debug)]
pub struct AnswerParser {
    framer: Framer,
    scanner: Scanner<AnswerKey>,
    provider: Provider,
    event: EventState,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Framer {
    Sse(SseParser),
    AwsEventStream(EventStreamParser),
    /// The body is JSON without framing.
    None,
}

#[derive(Clone, Copy, Debug)]
enum Provider {
    OpenAiChat(OpenAiChat),
    OpenAiResponses(OpenAiResponses),
    Anthropic(Anthropic),
    Gemini(Gemini),
    Ollama,
    Cohere(Cohere),
    Bedrock(Bedrock),
}

/// The state of the current event.
#[derive(Clone, Copy, Debug, Default)]
struct EventState {
    is_named_error: bool,
    /// How many bytes of [`DONE`] its data equals so far; `None` once it differs.
    done_bytes: Option<usize>,
    has_data: bool,
}

/// The data of the event that ends a stream in OpenAI's Chat format.
const DONE: &[u8] = b"[DONE]";

// === impl AnswerParser ===

impl AnswerParser {
    /// A parser of a body in this format. It keeps the first `opening_bytes` bytes of the
    /// answer's text.
    pub fn new(format: Format, framing: Framing, opening_bytes: usize) -> Self {
        Self {
            framer: match framing {
                Framing::Sse => Framer::Sse(SseParser::default()),
                Framing::AwsEventStream => Framer::AwsEventStream(EventStreamParser::default()),
                Framing::Json | Framing::JsonLines => Framer::None,
            },
            scanner: Scanner::default(),
            provider: Provider::new(format),
            event: EventState::default(),
            answer: Answer {
                opening: (opening_bytes > 0).then(|| TextPrefix::new(opening_bytes)),
                ..Answer::default()
            },
        }
    }

    /// Whether generated content has arrived.
    pub fn has_content(&self) -> bool {
        self.answer.has_content
    }

    /// Reads the next piece of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self { framer, scanner, provider, event, answer } = self;
        match framer {
            Framer::Sse(sse) => {
                sse.feed(bytes, &mut |data| event.read(data, scanner, provider, answer));
            }
            Framer::AwsEventStream(stream) => {
                stream.feed(bytes, &mut |data| event.read(data, scanner, provider, answer));
            }
            Framer::None => provider.scan(scanner, bytes, answer),
        }
    }

    /// Ends the body and returns the answer.
    pub fn finish(mut self) -> Answer {
        let Self { framer, scanner, provider, event, answer } = &mut self;
        let is_unframed = match framer {
            Framer::Sse(sse) if !sse.is_raw() => {
                // A document that is cut is not malformed: the stream has no end.
                if scanner.is_between_documents() || event.done_bytes.is_some() {
                    sse.finish(&mut |data| event.read(data, scanner, provider, answer));
                }
                false
            }
            Framer::AwsEventStream(stream) => {
                answer.malformed |= stream.is_broken();
                answer.finished &= stream.is_between_messages();
                false
            }
            Framer::Sse(_) | Framer::None => true,
        };
        if is_unframed {
            answer.malformed |= scanner.is_broken();
            let is_whole = scanner.is_between_documents() && answer.documents > 0;
            // Ollama marks its last line; other formats are complete with their document.
            answer.finished =
                is_whole && (answer.finished || !matches!(provider, Provider::Ollama));
        }
        self.answer
    }
}

// === impl EventState ===

impl EventState {
    fn read(
        &mut self,
        data: FramedData<'_>,
        scanner: &mut Scanner<AnswerKey>,
        provider: &mut Provider,
        answer: &mut Answer,
    ) {
        match data {
            FramedData::Name(name) => self.is_named_error = name == b"error",
            FramedData::Data(bytes) => {
                let done_bytes = if self.has_data { self.done_bytes } else { Some(0) };
                self.has_data = true;
                self.done_bytes = done_bytes.and_then(|done_bytes| {
                    let rest = DONE.get(done_bytes..)?;
                    rest.starts_with(bytes).then_some(done_bytes + bytes.len())
                });
                provider.scan(scanner, bytes, answer);
            }
            FramedData::End => {
                if self.done_bytes == Some(DONE.len()) {
                    answer.finished = true;
                    scanner.reset();
                } else if !scanner.is_between_documents() {
                    answer.malformed = true;
                    scanner.reset();
                }
                answer.error |= self.is_named_error;
                *self = Self::default();
            }
        }
    }
}

// === impl Provider ===

impl Provider {
    fn new(format: Format) -> Self {
        match format {
            Format::Chat => Self::OpenAiChat(OpenAiChat::default()),
            Format::Responses => Self::OpenAiResponses(OpenAiResponses::default()),
            Format::Anthropic => Self::Anthropic(Anthropic::default()),
            Format::Gemini => Self::Gemini(Gemini::default()),
            Format::Ollama => Self::Ollama,
            Format::Cohere => Self::Cohere(Cohere::default()),
            Format::Bedrock => Self::Bedrock(Bedrock::default()),
        }
    }

    /// Scans a piece of JSON. All framings call this function, so that the compiler makes one
    /// copy of the scanner.
    fn scan(&mut self, scanner: &mut Scanner<AnswerKey>, bytes: &[u8], answer: &mut Answer) {
        scanner.feed(bytes, &mut |path, token| self.read_token(path, token, answer));
    }

    fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        if matches!(token, Token::End) {
            answer.documents = answer.documents.saturating_add(1);
        }
        answer.error |= is_error(path, token);
        match self {
            Self::OpenAiChat(chat) => chat.read_token(path, token, answer),
            Self::OpenAiResponses(responses) => responses.read_token(path, token, answer),
            Self::Anthropic(anthropic) => anthropic.read_token(path, token, answer),
            Self::Gemini(gemini) => gemini.read_token(path, token, answer),
            Self::Ollama => ollama::read_token(path, token, answer),
            Self::Cohere(cohere) => cohere.read_token(path, token, answer),
            Self::Bedrock(bedrock) => bedrock.read_token(path, token, answer),
        }
    }
}

/// Whether this is an error in a place where providers and gateways have one: an object or
/// string `error` at the top level or in an array of events, Groq's `x_groq.error`, MiniMax's
/// `base_resp.status_code`, which is 0 without an error.
fn is_error(path: &[AnswerKey], token: Token<'_>) -> bool {
    use AnswerKey::{BaseResp, Error, Item, StatusCode, XGroq};
    match (path, token) {
        ([Error] | [Item, Error] | [XGroq, Error], Token::Object) => true,
        ([Error] | [Item, Error] | [XGroq, Error], Token::String(text)) => !text.is_empty(),
        ([BaseResp, StatusCode], Token::Number(code)) => code != Some(0),
        _ => false,
    }
}
