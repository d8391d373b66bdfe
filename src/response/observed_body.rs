//! What is read of a response's body.

use super::answer_parser::AnswerParser;
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
    /// The answer.
    Answer {
        /// Parses the body.
        parser: Box<AnswerParser>,
        /// Whether the body arrives while it is generated.
        is_stream: bool,
    },
    /// The status in a gRPC-Web body.
    GrpcWeb(WebTrailers),
}

// === impl ObservedBody ===

impl ObservedBody {
    /// What is read of the body after `head`, where the request lets expect an answer in
    /// `format`. `phrases` are the refusal phrases; `None` where answers are not read.
    pub fn new(head: &ResponseHead, format: Option<Format>, phrases: Option<&Phrases>) -> Self {
        match (head.grpc, head.status, phrases) {
            (Some(GrpcFraming::Native), _, _) => Self::Ignored,
            (Some(_), _, _) if head.is_encoded => Self::Unread(UnreadReason::Encoded),
            (Some(framing), _, _) => {
                Self::GrpcWeb(WebTrailers::new(framing == GrpcFraming::WebText))
            }
            // Other statuses of success have no answer.
            (None, Some(200 | 201 | 203 | 206..=299), Some(phrases)) => {
                Self::of_success(head, format, phrases)
            }
            (None, _, _) => Self::Ignored,
        }
    }

    fn of_success(head: &ResponseHead, format: Option<Format>, phrases: &Phrases) -> Self {
        let Some(format) = format else {
            // A stream of events is an answer even at an unknown path; other bodies are not.
            return match head.is_event_stream {
                true => Self::Unread(UnreadReason::UnknownFormat),
                false => Self::Ignored,
            };
        };
        if head.is_encoded {
            return Self::Unread(UnreadReason::Encoded);
        }
        if head.framing == Framing::AwsEventStream && format != Format::Bedrock {
            // Bedrock's older API has the model's own format within its messages.
            return Self::Unread(UnreadReason::UnknownFormat);
        }
        let parser = AnswerParser::new(format, head.framing, phrases.longest());
        Self::Answer { parser: Box::new(parser), is_stream: head.framing.is_stream() }
    }

    /// Whether the bytes of the body are read.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Answer { .. } | Self::GrpcWeb(_))
    }

    /// Reads the next piece of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Ignored | Self::Unread(_) => {}
            Self::GrpcWeb(trailers) => trailers.feed(bytes),
            Self::Answer { parser, .. } => parser.feed(bytes),
        }
    }

    /// Whether the body is a stream.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Answer { is_stream: true, .. })
    }

    /// Whether the body is a stream in which generated content has arrived.
    pub fn is_stream_with_content(&self) -> bool {
        matches!(self, Self::Answer { parser, is_stream: true } if parser.has_content())
    }
}
