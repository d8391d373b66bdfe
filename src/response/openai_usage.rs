//! Token counts as OpenAI states them, and as compatible providers and gateways vary them.
//!
//! - Cached tokens: `cached_tokens` in the details of the prompt (OpenAI, OpenRouter, Groq,
//!   Fireworks) or beside the counts (Moonshot, Together), `prompt_cache_hit_tokens` (DeepSeek),
//!   `num_cached_tokens` (Mistral), `cache_read_input_tokens` (LiteLLM, Databricks).
//! - Tokens written to the cache: `cache_write_tokens` in the details (OpenAI, OpenRouter),
//!   `cache_creation_tokens` (LiteLLM), `cache_creation_input_tokens` (Alibaba, Databricks).
//! - Reasoning: `reasoning_tokens` in the details of the output, or beside the counts
//!   (Perplexity, SGLang).
//!
//! By OpenAI's accounting, cached tokens are a part of the input and reasoning is a part of the
//! output. A total that is larger than input and output reveals another accounting: xAI states
//! reasoning beside the output, some gateways state cached tokens beside the input, and Gemini's
//! OpenAI endpoint counts thoughts in the total alone.

use super::answer::Answer;
use super::answer_key::AnswerKey::{self, *};

/// The counts of one usage object.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiUsage {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    cache_write: Option<u64>,
    reasoning: Option<u64>,
}

// === impl OpenAiUsage ===

impl OpenAiUsage {
    /// Reads a count at this path in the usage object.
    pub fn read_count(&mut self, path: &[AnswerKey], count: u64) {
        let target = match path {
            [PromptTokens | InputTokens] => &mut self.input,
            [CompletionTokens | OutputTokens] => &mut self.output,
            [TotalTokens] => &mut self.total,
            [PromptTokensDetails | InputTokensDetails, CachedTokens]
            | [CachedTokens | PromptCacheHitTokens | NumCachedTokens | CacheReadInputTokens] => {
                &mut self.cached
            }
            [
                PromptTokensDetails | InputTokensDetails,
                CacheWriteTokens | CacheCreationTokens | CacheCreationInputTokens,
            ]
            | [CacheWriteTokens | CacheCreationInputTokens] => &mut self.cache_write,
            [CompletionTokensDetails | OutputTokensDetails, ReasoningTokens]
            | [ReasoningTokens] => &mut self.reasoning,
            _ => return,
        };
        // A count may be stated twice, once as 0.
        *target = Some(target.unwrap_or_default().max(count));
    }

    /// The output, by OpenAI's accounting.
    pub fn output(&self) -> Option<u64> {
        self.output
    }

    /// Changes the counts to OpenAI's accounting. `model` is the name that the answer states.
    pub fn normalize(&mut self, model: &[u8]) {
        let reasoning = self.reasoning.unwrap_or_default();
        let cache =
            self.cached.unwrap_or_default().saturating_add(self.cache_write.unwrap_or_default());
        let (input, output) = (self.input.unwrap_or_default(), self.output.unwrap_or_default());
        let rest = self
            .total
            .filter(|_| self.input.is_some() && self.output.is_some())
            .map_or(0, |total| total.saturating_sub(input.saturating_add(output)));
        let (added_input, added_output) = match rest {
            // Cached tokens cannot be a part of fewer tokens.
            0 if cache > input && self.input.is_some() => (cache, 0),
            0 => (0, 0),
            rest if rest == reasoning => (0, reasoning),
            rest if rest == cache => (cache, 0),
            rest if rest == reasoning.saturating_add(cache) => (cache, reasoning),
            rest if is_gemini(model) => {
                self.reasoning = self.reasoning.or(Some(rest));
                (0, rest)
            }
            _ => (0, 0),
        };
        self.input = self.input.map(|input| input.saturating_add(added_input));
        self.output = self.output.map(|output| output.saturating_add(added_output));
    }

    /// Sets the counts that were stated. Others keep their value.
    pub fn apply(&self, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        tokens.input = self.input.or(tokens.input);
        tokens.cached = self.cached.or(tokens.cached);
        tokens.cache_write = self.cache_write.or(tokens.cache_write);
        tokens.output = self.output.or(tokens.output);
        tokens.reasoning = self.reasoning.or(tokens.reasoning);
    }
}

fn is_gemini(model: &[u8]) -> bool {
    model.windows(6).any(|part| part == b"gemini")
}
