//! The token counts of embeddings: of OpenAI and compatible servers, Cohere, Gemini, Ollama.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::openai_usage::OpenAiUsage;
use crate::json::Token;

/// The state of reading embeddings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embeddings {
    usage: OpenAiUsage,
}

// === impl Embeddings ===

impl Embeddings {
    /// Reads a value of a response.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            // Voyage and Jina state the total alone.
            ([Usage, TotalTokens], Token::Number(Some(count))) => {
                answer.tokens.input.get_or_insert(count);
            }
            ([Usage, rest @ ..], Token::Number(Some(count))) => self.usage.read_count(rest, count),
            (
                [PromptEvalCount | InputTextTokenCount]
                | [UsageMetadata, PromptTokenCount]
                | [Meta, BilledUnits | Tokens, InputTokens],
                Token::Number(Some(count)),
            ) => answer.tokens.input = Some(count),
            ([Model], Token::String(name)) => answer.set_model(name),
            ([], Token::End) => self.usage.apply(answer),
            _ => {}
        }
    }
}
