//! Bytes in, an answer out.

use super::answer::{Answer, TextPrefix};
use super::anthropic::Anthropic;
use super::aws_eventstream::EventStreamParser;
use super::bedrock::Bedrock;
use super::cohere::Cohere;
use super::format::{Format, Framing};
use super::gemini::Gemini;
use super::json_key::Key;
use super::ollama;
use super::openai_chat::OpenAiChat;
use super::openai_responses::OpenAiResponses;
use super::sse::{FramedData, SseParser};
use crate::json::scanner::{Scanner, Token};

/// Reads one response's body as it comes.
#[derive(Clone, Debug)]
pub struct AnswerParser {
    frames: Framer,
    scanner: Scanner,
    provider: Provider,
    event: SseEvent,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Framer {
    Sse(SseParser),
    Amazon(EventStreamParser),
    /// There are none: all of the body is JSON.
    None,
}

#[derive(Clone, Copy, Debug)]
enum Provider {
    Chat(OpenAiChat),
    Responses(OpenAiResponses),
    Anthropic(Anthropic),
    Gemini(Gemini),
    Ollama,
    Cohere(Cohere),
    Bedrock(Bedrock),
}

/// The event at hand.
#[derive(Clone, Copy, Debug, Default)]
struct SseEvent {
    is_named_error: bool,
    /// How much of [`DONE`] its data is so far; `None` once it is something else.
    done: Option<usize>,
    has_data: bool,
}

/// The data of the event that ends a stream of OpenAI's Chat format.
const DONE: &[u8] = b"[DONE]";

// === impl Reader ===

impl AnswerParser {
    /// A reader of a body in this format, which keeps the first `opening` bytes of
    /// the answer's text.
    pub fn new(format: Format, framing: Framing, opening: usize) -> Self {
        Self {
            frames: match framing {
                Framing::Events => Framer::Sse(SseParser::default()),
                Framing::Amazon => Framer::Amazon(EventStreamParser::default()),
                Framing::Json | Framing::Lines => Framer::None,
            },
            scanner: Scanner::default(),
            provider: Provider::new(format),
            event: SseEvent::default(),
            answer: Answer {
                opening: (opening > 0).then(|| TextPrefix::new(opening)),
                ..Answer::default()
            },
        }
    }

    /// Whether anything that was generated has come.
    pub fn has_content(&self) -> bool {
        self.answer.has_content
    }

    /// Reads the next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self { frames, scanner, provider, event, answer } = self;
        match frames {
            Framer::Sse(sse) => {
                sse.feed(bytes, &mut |piece| event.piece(piece, scanner, provider, answer));
            }
            Framer::Amazon(amazon) => {
                amazon.feed(bytes, &mut |piece| event.piece(piece, scanner, provider, answer));
            }
            Framer::None => {
                provider.scan(scanner, bytes, answer);
            }
        }
    }

    /// The body has ended: what the answer has told.
    pub fn finish(mut self) -> Answer {
        let Self { frames, scanner, provider, event, answer } = &mut self;
        let is_document = match frames {
            Framer::Sse(sse) if !sse.is_raw() => {
                // A document that is cut is not malformed: its stream has no end.
                if scanner.is_between_documents() || event.done.is_some() {
                    sse.finish(&mut |piece| event.piece(piece, scanner, provider, answer));
                }
                false
            }
            Framer::Amazon(amazon) => {
                answer.malformed |= amazon.is_broken();
                answer.finished &= amazon.is_between_messages();
                false
            }
            Framer::Sse(_) | Framer::None => true,
        };
        if is_document {
            answer.malformed |= scanner.is_broken();
            let is_whole = scanner.is_between_documents() && answer.documents > 0;
            // Of Ollama's lines the last one says that it is.
            answer.finished =
                is_whole && (answer.finished || !matches!(provider, Provider::Ollama));
        }
        self.answer
    }
}

// === impl Event ===

impl SseEvent {
    fn piece(
        &mut self,
        piece: FramedData<'_>,
        scanner: &mut Scanner,
        provider: &mut Provider,
        answer: &mut Answer,
    ) {
        match piece {
            FramedData::Name(name) => self.is_named_error = name == b"error",
            FramedData::Data(data) => {
                let so_far = if self.has_data { self.done } else { Some(0) };
                self.has_data = true;
                self.done = so_far.and_then(|so_far| {
                    let rest = DONE.get(so_far..)?;
                    rest.starts_with(data).then_some(so_far + data.len())
                });
                provider.scan(scanner, data, answer);
            }
            FramedData::End => {
                if self.done == Some(DONE.len()) {
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
            Format::Chat => Self::Chat(OpenAiChat::default()),
            Format::Responses => Self::Responses(OpenAiResponses::default()),
            Format::Anthropic => Self::Anthropic(Anthropic::default()),
            Format::Gemini => Self::Gemini(Gemini::default()),
            Format::Ollama => Self::Ollama,
            Format::Cohere => Self::Cohere(Cohere::default()),
            Format::Bedrock => Self::Bedrock(Bedrock::default()),
        }
    }

    /// One function for all framings: the scanner's code is there once.
    fn scan(&mut self, scanner: &mut Scanner, bytes: &[u8], answer: &mut Answer) {
        scanner.feed(bytes, &mut |path, token| self.value(path, token, answer));
    }

    fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        if matches!(token, Token::End) {
            answer.documents = answer.documents.saturating_add(1);
        }
        answer.error |= is_error(path, token);
        match self {
            Self::Chat(chat) => chat.value(path, token, answer),
            Self::Responses(responses) => responses.value(path, token, answer),
            Self::Anthropic(anthropic) => anthropic.value(path, token, answer),
            Self::Gemini(gemini) => gemini.value(path, token, answer),
            Self::Ollama => ollama::value(path, token, answer),
            Self::Cohere(cohere) => cohere.value(path, token, answer),
            Self::Bedrock(bedrock) => bedrock.value(path, token, answer),
        }
    }
}

/// Whether this is an error in one of the places in which providers and gateways have one:
/// an object or a text `error` at the top, in an event or in a list of them; Groq's
/// `x_groq.error`; MiniMax's `base_resp.status_code`, which is 0 where all is well.
fn is_error(path: &[Key], token: Token<'_>) -> bool {
    match (path, token) {
        ([Key::Error] | [Key::Item, Key::Error] | [Key::XGroq, Key::Error], Token::Object) => true,
        (
            [Key::Error] | [Key::Item, Key::Error] | [Key::XGroq, Key::Error],
            Token::String(text),
        ) => !text.is_empty(),
        ([Key::BaseResp, Key::StatusCode], Token::Number(code)) => code != Some(0),
        _ => false,
    }
}
