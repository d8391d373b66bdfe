//! Parses the body of a response into an answer.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::aws_eventstream::EventStreamParser;
use super::base64::Base64Decoder;
use super::embeddings::Embeddings;
use super::event_template::{EventPart, EventTemplate, event_length};
use super::format::{Format, Framing};
use super::framed_data::FramedData;
use super::opening::Openings;
use super::provider::{InnerAnswer, Provider};
use super::sse::SseParser;
use crate::json::{Scanner, Token};

/// Parses the body of one response while it arrives.
#[derive(Clone, Debug)]
pub struct AnswerParser {
    framer: Framer,
    scanner: Scanner<AnswerKey>,
    provider: Provider,
    event: EventState,
    template: TemplateState,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Framer {
    /// Server-sent events, or JSON without framing.
    Sse(SseParser),
    AwsEventStream(EventStreamParser),
}

/// The state of the current event.
#[derive(Clone, Debug, Default)]
struct EventState {
    is_named_error: bool,
    /// Whether its name says that it only keeps the connection alive.
    is_ping: bool,
    /// How many bytes of [`DONE`] its data equals so far; `None` once it differs.
    done_bytes: Option<usize>,
    has_data: bool,
    /// Whether an earlier event was [`DONE`].
    was_done: bool,
    /// The answer of a model within Bedrock's events, which have it in Base64.
    inner: Option<Box<InnerAnswer>>,
}

/// The shape of the events of this stream.
#[derive(Clone, Debug)]
struct TemplateState {
    template: Option<Box<EventTemplate>>,
    /// How many more templates may be made before one is used. Reset when a template is used.
    attempts_left: u8,
}

/// How many templates are made in a row of which none is used. After them no more are made, because each
/// costs time and memory.
const MAX_ATTEMPTS: u8 = 4;

/// The data of the event that ends a stream in OpenAI's Chat format. White space around it is
/// ignored.
const DONE: &[u8] = b"[DONE]";

// === impl AnswerParser ===

impl AnswerParser {
    /// A parser of a body in this format. It keeps the first `opening_bytes` bytes of each text
    /// of the answer, folded.
    pub fn new(format: Format, framing: Framing, opening_bytes: usize) -> Self {
        Self {
            framer: match framing {
                Framing::Sse => Framer::Sse(SseParser::default()),
                Framing::Json | Framing::JsonLines => Framer::Sse(SseParser::expecting_json()),
                Framing::AwsEventStream => Framer::AwsEventStream(EventStreamParser::default()),
            },
            scanner: Scanner::default(),
            provider: Provider::new(format),
            event: EventState::default(),
            template: TemplateState::default(),
            answer: Answer { openings: Openings::new(opening_bytes), ..Answer::default() },
        }
    }

    /// Keeps the text of the answer's first choice, if it has at most `max_bytes` bytes.
    pub fn capture_text(&mut self, max_bytes: usize) {
        self.answer.openings.capture_text(max_bytes);
    }

    /// A parser of embeddings, of which token counts and model are read.
    pub fn of_embeddings(framing: Framing) -> Self {
        let parser = Self::new(Format::Chat, framing, 0);
        Self { provider: Provider::Embeddings(Embeddings::default()), ..parser }
    }

    /// Whether generated content has arrived.
    pub fn has_content(&self) -> bool {
        self.answer.has_content
    }

    /// Whether the body turned out to be a stream, whatever its content type: it has events, or
    /// is Gemini's list of responses.
    pub fn is_stream(&self) -> bool {
        match &self.framer {
            Framer::Sse(sse) if sse.has_events() => true,
            _ => matches!(&self.provider, Provider::Gemini(gemini) if gemini.is_list()),
        }
    }

    /// Whether the body is one document so far, although its content type promises a stream: some servers
    /// send JSON as `text/plain`. Ollama's streams are documents, one a line.
    pub fn is_one_document(&self) -> bool {
        let is_raw = matches!(&self.framer, Framer::Sse(sse) if sse.is_unannounced_raw());
        is_raw && self.answer.documents <= 1 && !matches!(self.provider, Provider::Ollama)
    }

    /// Reads the next piece of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        let rest = if self.template.is_used() { self.feed_events(bytes) } else { bytes };
        if !rest.is_empty() {
            self.feed_bytes(rest);
        }
    }

    fn feed_bytes(&mut self, bytes: &[u8]) {
        let Self { framer, scanner, provider, event, answer, .. } = self;
        let mut sink = |data: FramedData<'_>| event.read(data, scanner, provider, answer);
        match framer {
            Framer::Sse(sse) => sse.feed(bytes, &mut sink),
            Framer::AwsEventStream(stream) => stream.feed(bytes, &mut sink),
        }
    }

    /// Reads events that are whole in this piece, those of a known shape by their template. Returns the
    /// bytes that are left.
    fn feed_events<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while !rest.is_empty() && self.is_between_events() && self.template.is_used() {
            let Self { provider, template, answer, .. } = self;
            let read = |part: EventPart, path: &[AnswerKey], token: Token<'_>| {
                provider.read_part(part, path, token, answer);
            };
            let replayed = match &mut template.template {
                Some(template) => template.replay(rest, read),
                None => None,
            };
            let length = match replayed {
                Some(length) => {
                    template.attempts_left = MAX_ATTEMPTS;
                    length
                }
                None => match event_length(rest) {
                    Some(length) => {
                        self.feed_new_event(rest.get(..length).unwrap_or_default());
                        length
                    }
                    None => return rest,
                },
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        rest
    }

    /// Scans an event, and makes a template of it.
    fn feed_new_event(&mut self, event: &[u8]) {
        let (documents, was_malformed) = (self.answer.documents, self.answer.malformed);
        self.feed_bytes(event);
        let Self { provider, template, answer, .. } = self;
        template.attempts_left = template.attempts_left.saturating_sub(1);
        if template.attempts_left == 0 {
            template.template = None;
        } else if answer.documents == documents.saturating_add(1)
            && answer.malformed == was_malformed
            && let Some(new) = EventTemplate::new(event, |path| provider.part_at(path, answer))
        {
            template.template = Some(Box::new(new));
        }
    }

    /// Whether an event has ended and left nothing that the next one depends on.
    fn is_between_events(&self) -> bool {
        let Framer::Sse(sse) = &self.framer else { return false };
        let EventState { is_named_error, is_ping, has_data, inner, .. } = &self.event;
        sse.is_between_events()
            && self.scanner.is_between_documents()
            && !(*is_named_error || *is_ping || *has_data || inner.is_some())
    }

    /// Ends the body of a response that failed, and returns what it states. Its text `message` is
    /// that of the error.
    pub fn finish_failure(mut self) -> Answer {
        self.answer.is_filtered |= self.answer.has_filter_message;
        self.finish()
    }

    /// Ends the body and returns the answer.
    pub fn finish(mut self) -> Answer {
        let Self { framer, scanner, provider, event, answer, .. } = &mut self;
        match framer {
            // After events, raw data is an error or a line of a log, and not the end of the stream.
            Framer::Sse(sse) if sse.is_raw() && !sse.has_events() => {
                let is_whole = answer.documents > 0 && !scanner.is_in_document();
                let is_finished = match provider {
                    // Its last line has a mark.
                    Provider::Ollama => answer.finished,
                    // Chunks of a stream without framing.
                    Provider::OpenAiChat(chat) if chat.has_delta() => chat.is_finished(),
                    // Other formats are complete with their document.
                    _ => true,
                };
                answer.finished = is_whole && is_finished;
                // What follows the answer, such as `data: [DONE]`, does not make it unreadable.
                answer.malformed |= scanner.is_broken() && !answer.finished;
            }
            Framer::Sse(sse) => {
                // A document that is cut is not malformed, and neither is a part of `[DONE]`: the
                // stream has no end, unless it has stated one before.
                if scanner.is_between_documents() || event.is_done() {
                    sse.finish(&mut |data| event.read(data, scanner, provider, answer));
                }
                answer.malformed |= sse.is_other_text();
                if let Provider::OpenAiChat(chat) = provider {
                    answer.finished |= chat.is_finished();
                    let is_without_reason = event.was_done && !chat.has_finish_reason();
                    // A server whose model failed before its first token ends with `[DONE]`, too.
                    answer.has_answer &= !is_without_reason || answer.has_content;
                    answer.finish_unknown |=
                        is_without_reason && answer.has_content && !answer.error;
                }
            }
            Framer::AwsEventStream(stream) => {
                answer.malformed |= stream.is_broken();
                answer.finished &= stream.is_between_messages();
            }
        }
        answer.openings.end_choice();
        answer.conclude();
        self.answer
    }
}

// === impl TemplateState ===

impl Default for TemplateState {
    fn default() -> Self {
        Self { template: None, attempts_left: MAX_ATTEMPTS }
    }
}

impl TemplateState {
    /// Whether events are compared with a template, or one may be made.
    fn is_used(&self) -> bool {
        self.template.is_some() || self.attempts_left > 0
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
            FramedData::Name(name) => {
                self.is_named_error = name == b"error";
                self.is_ping =
                    matches!(name, b"ping" | b"heartbeat" | b"keepalive" | b"keep-alive");
                // That of an earlier event is not the message of this error.
                answer.has_filter_message &= !self.is_named_error;
            }
            // Its data may be no JSON, such as a time.
            FramedData::Data(_) | FramedData::NextLine if self.is_ping => self.has_data = true,
            FramedData::Data(bytes) => {
                let done_bytes = if self.has_data { self.done_bytes } else { Some(0) };
                self.has_data = true;
                self.done_bytes = done_bytes.and_then(|matched| match_done(matched, bytes));
                provider.scan(scanner, bytes, answer, &mut self.inner);
            }
            // Some servers end each event by one line break instead of two.
            FramedData::NextLine if scanner.is_between_documents() || self.is_done() => {
                self.end(scanner, provider, answer);
            }
            FramedData::NextLine => provider.scan(scanner, b"\n", answer, &mut self.inner),
            FramedData::End => {
                self.end(scanner, provider, answer);
                self.is_named_error = false;
                self.is_ping = false;
            }
        }
    }

    /// Whether the data of the event is [`DONE`].
    fn is_done(&self) -> bool {
        self.done_bytes == Some(DONE.len())
    }

    fn end(
        &mut self,
        scanner: &mut Scanner<AnswerKey>,
        provider: &mut Provider,
        answer: &mut Answer,
    ) {
        if self.is_done() {
            // Other formats have an end of their own. Gateways append this one to a stream that
            // broke before it.
            answer.finished |= matches!(provider, Provider::OpenAiChat(_));
            self.was_done = true;
            scanner.reset();
        } else if !scanner.is_between_documents() {
            // A number has no end of its own.
            provider.scan(scanner, b"\n", answer, &mut self.inner);
            if !scanner.is_between_documents() {
                answer.malformed = true;
                scanner.reset();
            }
        }
        if let Some(inner) = &mut self.inner {
            answer.malformed |= !inner.scanner.is_between_documents();
            inner.scanner.reset();
            inner.decoder = Base64Decoder::default();
        }
        answer.error |= self.is_named_error;
        answer.is_filtered |= self.is_named_error && answer.has_filter_message;
        self.done_bytes = None;
        self.has_data = false;
    }
}

/// How many bytes of [`DONE`] the data equals, after `matched` ones and `bytes`.
fn match_done(matched: usize, bytes: &[u8]) -> Option<usize> {
    bytes.iter().try_fold(matched, |matched, byte| match DONE.get(matched) {
        Some(next) if next == byte => Some(matched + 1),
        _ if byte.is_ascii_whitespace() && (matched == 0 || matched == DONE.len()) => Some(matched),
        _ => None,
    })
}
