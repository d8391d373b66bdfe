//! What is read of a response's body.

use super::answer::Answer;
use super::answer_parser::AnswerParser;
use super::expected_response::{ExpectedResponse, OtherApi};
use super::format::{Format, Framing};
use super::grpc::{GrpcFraming, WebTrailers};
use super::outcome::UnreadReason;
use super::refusal_phrases::Phrases;
use super::response_head::ResponseHead;

/// What is read of a response's body.
#[derive(Clone, Debug, Default)]
pub enum ObservedBody {
    /// Nothing: the body is not an answer.
    #[default]
    Ignored,
    /// Nothing: the body is an answer that cannot be read.
    Unread(UnreadReason),
    /// Nothing: the body is an answer, and those of other units are read.
    LeftOut,
    /// The answer.
    Answer {
        /// Parses the body.
        parser: Box<AnswerParser>,
        /// Whether the content type is that of a stream.
        is_stream: bool,
        /// What the body is without a mark of the format; `None` where it is an answer all the same.
        unrecognized: Option<Unrecognized>,
        /// Whether it is one document in response to a request that sends nothing to a model.
        is_retrieved_document: bool,
        /// Whether the path or the content type promises an answer, so that an empty body is none.
        is_due: bool,
    },
    /// The error of a response that failed, which may state a refusal.
    Error(Box<AnswerParser>),
    /// Embeddings, of which token counts are read.
    Embeddings(Box<AnswerParser>),
    /// The status in a gRPC-Web body.
    GrpcWeb(WebTrailers),
}

/// What a body is that has no mark of the format that its path suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecognized {
    /// An answer in an unknown format: a stream of events.
    Unread,
    /// No answer of a model.
    Ignored,
    /// An answer in an unknown form, if it is one whole document: that of a model behind InvokeModel.
    UnreadDocument,
}

/// What a body has revealed.
#[derive(Clone, Debug, Default)]
pub struct FinishedBody {
    /// The answer, where one was expected.
    pub answer: Option<Result<Answer, UnreadReason>>,
    /// What a response with embeddings states.
    pub embeddings: Option<Answer>,
    /// The gRPC status, where it is in the body.
    pub grpc_status: Option<u32>,
    /// Whether it is an answer that was not read, because those of other units are.
    pub is_left_out: bool,
}

// === impl ObservedBody ===

impl ObservedBody {
    /// What the body has revealed, once the stream has ended. `is_empty` is whether it has no bytes.
    pub fn finish(self, is_empty: bool) -> FinishedBody {
        let nothing = FinishedBody::default();
        match self {
            Self::Ignored => nothing,
            // Any server answers like this that has nothing to say.
            Self::Answer { is_due: false, .. } if is_empty => nothing,
            Self::LeftOut => FinishedBody { is_left_out: true, ..nothing },
            Self::GrpcWeb(trailers) => FinishedBody { grpc_status: trailers.status(), ..nothing },
            Self::Unread(reason) => FinishedBody { answer: Some(Err(reason)), ..nothing },
            Self::Answer { parser, unrecognized, is_retrieved_document, .. } => {
                let answer = parser.finish();
                let answer = match unrecognized.filter(|_| !answer.is_recognized) {
                    None if answer.is_list && !answer.has_answer => None,
                    None if is_retrieved_document && answer.is_other_document() => None,
                    None => Some(Ok(answer)),
                    Some(Unrecognized::UnreadDocument) if !answer.is_other_document() => {
                        Some(Ok(answer))
                    }
                    Some(Unrecognized::Unread | Unrecognized::UnreadDocument) => {
                        Some(Err(UnreadReason::UnknownFormat))
                    }
                    Some(Unrecognized::Ignored) => None,
                };
                FinishedBody { answer, ..nothing }
            }
            Self::Error(parser) => {
                let answer = parser.finish_failure();
                FinishedBody { answer: answer.is_filtered.then_some(Ok(answer)), ..nothing }
            }
            Self::Embeddings(parser) => {
                let embeddings = Some(parser.finish()).filter(|answer| !answer.malformed);
                FinishedBody { embeddings, ..nothing }
            }
        }
    }

    /// What is read of the body after `head`, where the request promises `expected`.
    /// `phrases` are the refusal phrases; `None` where answers are not read.
    pub fn new(
        head: &ResponseHead,
        expected: &ExpectedResponse,
        phrases: Option<&Phrases>,
    ) -> Self {
        match (head.grpc, head.status, phrases) {
            (Some(GrpcFraming::Native), _, _) => Self::Ignored,
            (Some(_), _, _) if head.is_encoded => Self::Unread(UnreadReason::Encoded),
            (Some(framing), _, _) => {
                Self::GrpcWeb(WebTrailers::new(framing == GrpcFraming::WebText))
            }
            // Other statuses of success have no answer.
            (None, Some(200 | 201 | 203 | 206..=299), Some(phrases)) => {
                Self::of_success(head, expected, phrases)
            }
            (None, Some(status), Some(_)) if may_be_refusal(status) && !head.is_encoded => {
                match expected.format {
                    Some(format) => {
                        Self::Error(Box::new(AnswerParser::new(format, head.framing, 0)))
                    }
                    None => Self::Ignored,
                }
            }
            (None, _, _) => Self::Ignored,
        }
    }

    fn of_success(head: &ResponseHead, expected: &ExpectedResponse, phrases: &Phrases) -> Self {
        let format = match (expected.format, expected.other_api) {
            (Some(format), _) => format,
            (None, Some(OtherApi::Embeddings)) if expected.is_left_out => return Self::LeftOut,
            (None, Some(OtherApi::Embeddings)) if !head.is_encoded && !head.is_event_stream => {
                return Self::Embeddings(Box::new(AnswerParser::of_embeddings(head.framing)));
            }
            // A stream of events is an answer even at an unknown path; other bodies are not.
            (None, None) if head.is_event_stream => {
                return Self::Unread(UnreadReason::UnknownFormat);
            }
            (None, _) => return Self::Ignored,
        };
        let unrecognized = match head.is_event_stream {
            _ if !expected.is_format_guessed => None,
            true => Some(Unrecognized::Unread),
            false => Some(Unrecognized::Ignored),
        };
        if expected.is_left_out {
            // A body whose format is only guessed may not be an answer.
            return match unrecognized {
                Some(Unrecognized::Ignored) => Self::Ignored,
                _ => Self::LeftOut,
            };
        }
        if head.is_encoded {
            return match unrecognized {
                Some(Unrecognized::Ignored) => Self::Ignored,
                _ => Self::Unread(UnreadReason::Encoded),
            };
        }
        let is_amazon = head.framing == Framing::AwsEventStream;
        if is_amazon && !matches!(format, Format::Bedrock | Format::Anthropic) {
            return Self::Unread(UnreadReason::UnknownFormat);
        }
        // A client can ask for a page of an application at a model's path.
        let is_retrieved_document = expected.is_retrieval && !head.is_event_stream;
        let unrecognized = unrecognized
            .or(is_retrieved_document.then_some(Unrecognized::Ignored))
            .or(expected.has_unknown_form.then_some(Unrecognized::UnreadDocument));
        let parser = Box::new(AnswerParser::new(format, head.framing, phrases.longest()));
        let is_stream = head.framing.is_stream();
        let is_json = matches!(head.framing, Framing::Json | Framing::JsonLines);
        let is_due = expected.is_path_certain || head.is_event_stream || is_json;
        Self::Answer { parser, is_stream, unrecognized, is_retrieved_document, is_due }
    }

    /// Keeps the text of an answer, if it has at most `max_bytes` bytes.
    pub fn capture_text(&mut self, max_bytes: usize) {
        if let Self::Answer { parser, .. } = self {
            parser.capture_text(max_bytes);
        }
    }

    /// Whether the bytes of the body are read.
    pub fn is_read(&self) -> bool {
        !matches!(self, Self::Ignored | Self::Unread(_) | Self::LeftOut)
    }

    /// Reads the next piece of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Ignored | Self::Unread(_) | Self::LeftOut => {}
            Self::GrpcWeb(trailers) => trailers.feed(bytes),
            Self::Answer { parser, .. } | Self::Error(parser) | Self::Embeddings(parser) => {
                parser.feed(bytes);
            }
        }
    }

    /// Whether the body is a stream.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Answer { parser, is_stream, .. } => {
                *is_stream && !parser.is_one_document() || parser.is_stream()
            }
            _ => false,
        }
    }

    /// Whether the body is a stream in which generated content has arrived.
    pub fn is_stream_with_content(&self) -> bool {
        matches!(self, Self::Answer { parser, .. } if parser.has_content()) && self.is_stream()
    }
}

/// Whether a response with this status may state that a content filter refused. Azure, OpenAI,
/// DeepSeek and others use 400, xAI and OpenRouter 403, SiliconFlow 451, Portkey 446, MiniMax 500.
fn may_be_refusal(status: u16) -> bool {
    matches!(status, 400 | 403 | 406 | 409 | 412 | 418..=428 | 430..=499 | 500)
}
