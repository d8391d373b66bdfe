//! Gemini `generateContent` and `streamGenerateContent`, the latter as events or as
//! a list of responses.
//!
//! Usage is cumulative in every chunk: the last one counts. Output is what the
//! candidates and the thoughts hold. There is no terminator: an answer is complete
//! with a reason for its end, the candidate's or the blocked prompt's.

use super::answer::Answer;
use super::json_key::Key;
use super::json_key::Key::*;
use crate::json::bounded_text::BoundedText;
use crate::json::scanner::Token;

/// Candidates' and thoughts' tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini {
    candidates: Option<u64>,
}

// === impl Gemini ===

impl Gemini {
    pub fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        let path = path.strip_prefix(&[Item]).unwrap_or(path);
        match (path, token) {
            ([UsageMetadata, field], Token::Number(Some(count))) => {
                self.usage(*field, count, answer);
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
                answer.text(text);
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
            ([ModelVersion], Token::String(name)) => answer.model(name),
            _ => {}
        }
    }

    fn usage(&mut self, field: Key, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            PromptTokenCount => tokens.input = Some(count),
            CachedContentTokenCount => tokens.cached = Some(count),
            CandidatesTokenCount => self.candidates = Some(count),
            ThoughtsTokenCount => tokens.reasoning = Some(count),
            _ => return,
        }
        if self.candidates.is_some() || tokens.reasoning.is_some() {
            let candidates = self.candidates.unwrap_or_default();
            tokens.output = candidates.checked_add(tokens.reasoning.unwrap_or_default());
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
