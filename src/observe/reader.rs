//! Bytes in, an answer out.

use super::answer::{Answer, Opening};
use super::anthropic::Anthropic;
use super::chat::Chat;
use super::detect::{Format, Framing};
use super::gemini::Gemini;
use super::json::{Scanner, Token};
use super::keys::Key;
use super::responses::Responses;
use super::sse::{Piece, Sse};

/// Reads one response's body as it comes.
#[derive(Clone, Debug)]
pub struct Reader {
    sse: Option<Sse>,
    scanner: Scanner,
    provider: Provider,
    event: Event,
    answer: Answer,
}

#[derive(Clone, Copy, Debug)]
enum Provider {
    Chat(Chat),
    Responses(Responses),
    Anthropic(Anthropic),
    Gemini(Gemini),
}

/// The event at hand.
#[derive(Clone, Copy, Debug, Default)]
struct Event {
    is_named_error: bool,
    /// How much of [`DONE`] its data is so far; `None` once it is something else.
    done: Option<usize>,
    has_data: bool,
}

/// The data of the event that ends a stream of OpenAI's Chat format.
const DONE: &[u8] = b"[DONE]";

// === impl Reader ===

impl Reader {
    /// A reader of a body in this format, which keeps the first `opening` bytes of
    /// the answer's text.
    pub fn new(format: Format, framing: Framing, opening: usize) -> Self {
        Self {
            sse: (framing == Framing::Events).then(Sse::default),
            scanner: Scanner::default(),
            provider: Provider::new(format),
            event: Event::default(),
            answer: Answer {
                opening: (opening > 0).then(|| Opening::new(opening)),
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
        let Self { sse, scanner, provider, event, answer } = self;
        match sse {
            Some(sse) => {
                sse.feed(bytes, &mut |piece| event.piece(piece, scanner, provider, answer));
            }
            None => {
                scanner.feed(bytes, &mut |path, token| provider.value(path, token, answer));
            }
        }
    }

    /// The body has ended: what the answer has told.
    pub fn finish(mut self) -> Answer {
        let Self { sse, scanner, provider, event, answer } = &mut self;
        let is_document = match sse {
            Some(sse) if !sse.is_raw() => {
                // A document that is cut is not malformed: its stream has no end.
                if scanner.is_between_documents() || event.done.is_some() {
                    sse.finish(&mut |piece| event.piece(piece, scanner, provider, answer));
                }
                false
            }
            _ => true,
        };
        if is_document {
            answer.malformed |= scanner.is_broken();
            answer.finished = scanner.is_between_documents() && answer.documents > 0;
        }
        self.answer
    }
}

// === impl Event ===

impl Event {
    fn piece(
        &mut self,
        piece: Piece<'_>,
        scanner: &mut Scanner,
        provider: &mut Provider,
        answer: &mut Answer,
    ) {
        match piece {
            Piece::Name(name) => self.is_named_error = name == b"error",
            Piece::Data(data) => {
                let so_far = if self.has_data { self.done } else { Some(0) };
                self.has_data = true;
                self.done = so_far.and_then(|so_far| {
                    let rest = DONE.get(so_far..)?;
                    rest.starts_with(data).then_some(so_far + data.len())
                });
                scanner.feed(data, &mut |path, token| provider.value(path, token, answer));
            }
            Piece::End => {
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
            Format::Chat => Self::Chat(Chat::default()),
            Format::Responses => Self::Responses(Responses::default()),
            Format::Anthropic => Self::Anthropic(Anthropic::default()),
            Format::Gemini => Self::Gemini(Gemini::default()),
        }
    }

    fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        if matches!(token, Token::End) {
            answer.documents = answer.documents.saturating_add(1);
        }
        match self {
            Self::Chat(chat) => chat.value(path, token, answer),
            Self::Responses(responses) => responses.value(path, token, answer),
            Self::Anthropic(anthropic) => anthropic.value(path, token, answer),
            Self::Gemini(gemini) => gemini.value(path, token, answer),
        }
    }
}
