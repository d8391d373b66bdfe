//! Gemini `generateContent` and `streamGenerateContent`, which streams events or an array of
//! responses.
//!
//! Usage is cumulative, and every chunk states it: the last one counts. Output is the sum of
//! candidates and thoughts. There is no terminator: an answer is complete once it states why
//! it ended, by the candidate's `finishReason` or the prompt's `blockReason`.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use crate::json::{BoundedText, Token};

/// The state of reading a response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini {
    /// `candidatesTokenCount`.
    candidate_tokens: Option<u64>,
}

// === impl Gemini ===

impl Gemini {
    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        let path = path.strip_prefix(&[Item]).unwrap_or(path);
        match (path, token) {
            ([UsageMetadata, field], Token::Number(Some(count))) => {
                self.read_usage(*field, count, answer);
            }
            ([Candidates, Item, FinishReason], Token::String(reason)) => {
                answer.finished = true;
                answer.truncation |= reason.is("MAX_TOKENS");
                answer.refusal |= is_refusal(reason);
            }
            ([PromptFeedback, BlockReason], Token::String(_)) => {
                answer.finished = true;
                answer.refusal = true;
            }
            ([Candidates, Item, Content, Parts, Item, Text], Token::String(text)) => {
                answer.add_text(text);
            }
            ([Candidates, Item], Token::Object) => answer.has_answer = true,
            (
                [
                    Candidates,
                    Item,
                    Content,
                    Parts,
                    Item,
                    FunctionCall | InlineData | FileData | ExecutableCode | CodeExecutionResult,
                ],
                Token::Object,
            ) => answer.has_content = true,
            ([ModelVersion], Token::String(name)) => answer.set_model(name),
            _ => {}
        }
    }

    fn read_usage(&mut self, field: AnswerKey, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            PromptTokenCount => tokens.input = Some(count),
            CachedContentTokenCount => tokens.cached = Some(count),
            CandidatesTokenCount => self.candidate_tokens = Some(count),
            ThoughtsTokenCount => tokens.reasoning = Some(count),
            _ => return,
        }
        if self.candidate_tokens.is_some() || tokens.reasoning.is_some() {
            let candidate_tokens = self.candidate_tokens.unwrap_or_default();
            tokens.output = candidate_tokens.checked_add(tokens.reasoning.unwrap_or_default());
        }
    }
}

fn is_refusal(reason: BoundedText<'_>) -> bool {
    [
        "SAFETY",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "RECITATION",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "LANGUAGE",
    ]
    .iter()
    .any(|refusal| reason.is(refusal))
}
