//! The formats of answers, one of which reads the values of an answer.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::anthropic::Anthropic;
use super::base64::Base64Decoder;
use super::bedrock::Bedrock;
use super::cohere::Cohere;
use super::embeddings::Embeddings;
use super::error_object;
use super::event_template::EventPart;
use super::format::Format;
use super::gemini::Gemini;
use super::ollama;
use super::openai_chat::OpenAiChat;
use super::openai_responses::OpenAiResponses;
use crate::json::{Scanner, Token};

/// What reads the values of an answer, with its state.
#[derive(Clone, Copy, Debug)]
pub enum Provider {
    OpenAiChat(OpenAiChat),
    OpenAiResponses(OpenAiResponses),
    Anthropic(Anthropic),
    Gemini(Gemini),
    Ollama,
    Cohere(Cohere),
    Bedrock(Bedrock),
    Embeddings(Embeddings),
}

/// JSON in Base64 within the JSON of an event.
#[derive(Clone, Debug, Default)]
pub struct InnerAnswer {
    pub decoder: Base64Decoder,
    pub scanner: Scanner<AnswerKey>,
}

// === impl Provider ===

impl Provider {
    /// The reader of a format, at the beginning of an answer.
    pub fn new(format: Format) -> Self {
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

    /// Scans a piece of JSON. All framings call this function, and so does JSON within JSON, so
    /// that the compiler makes one copy of the scanner.
    pub fn scan(
        &mut self,
        scanner: &mut Scanner<AnswerKey>,
        bytes: &[u8],
        answer: &mut Answer,
        inner: &mut Option<Box<InnerAnswer>>,
    ) {
        scanner.feed(bytes, &mut |path, token| match token {
            Token::Text(text) if path == [AnswerKey::Bytes] => {
                let InnerAnswer { decoder, scanner } = &mut **inner.get_or_insert_default();
                let mut innermost = None;
                decoder.feed(text, &mut |bytes| {
                    self.scan(scanner, bytes, answer, &mut innermost);
                });
            }
            _ => self.read_token(path, token, answer),
        });
    }

    /// What a value at this path is. `Other` is always right.
    pub fn part_at(&self, path: &[AnswerKey], answer: &Answer) -> EventPart {
        match self {
            Self::OpenAiChat(_) => OpenAiChat::part_at(path, answer),
            Self::Anthropic(_) => Anthropic::part_at(path),
            _ => EventPart::Other,
        }
    }

    /// Reads a value as [`read_token`](Self::read_token) does, and sooner where its part is known.
    #[inline(always)]
    pub fn read_part(
        &mut self,
        part: EventPart,
        path: &[AnswerKey],
        token: Token<'_>,
        answer: &mut Answer,
    ) {
        match (part, token, &mut *self) {
            (EventPart::Text, Token::Text(text), Self::OpenAiChat(chat)) => {
                chat.add_piece(text, answer);
            }
            (EventPart::Text, Token::Text(text), Self::Anthropic(anthropic)) => {
                anthropic.add_piece(text, answer);
            }
            (_, Token::End, Self::OpenAiChat(chat)) => {
                answer.end_document();
                chat.end_chunk(answer);
            }
            (EventPart::Choice, Token::Object, Self::OpenAiChat(chat)) => {
                chat.begin_choice(answer);
            }
            (EventPart::ChoiceIndex, Token::Number(Some(index)), Self::OpenAiChat(chat)) => {
                chat.place_choice(index, answer);
            }
            _ => self.read_token(path, token, answer),
        }
    }

    // Not inlined, so that there is one copy for the scanner and the templates.
    #[inline(never)]
    fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match token {
            Token::End => answer.end_document(),
            Token::String(object) if path == [AnswerKey::Object] && !answer.has_answer => {
                answer.is_list |= object.is("list");
            }
            // The format knows whether it is an error's code, or content.
            _ if path == [AnswerKey::Code] && matches!(self, Self::OpenAiResponses(_)) => {}
            _ => error_object::read_token(path, token, answer),
        }
        match self {
            Self::OpenAiChat(chat) => chat.read_token(path, token, answer),
            Self::OpenAiResponses(responses) => responses.read_token(path, token, answer),
            Self::Anthropic(anthropic) => anthropic.read_token(path, token, answer),
            Self::Gemini(gemini) => gemini.read_token(path, token, answer),
            Self::Ollama => ollama::read_token(path, token, answer),
            Self::Cohere(cohere) => cohere.read_token(path, token, answer),
            Self::Bedrock(bedrock) => bedrock.read_token(path, token, answer),
            Self::Embeddings(embeddings) => embeddings.read_token(path, token, answer),
        }
    }
}
