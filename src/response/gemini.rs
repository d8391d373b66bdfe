//! Gemini `generateContent` and `streamGenerateContent`, which streams events or an array of
//! responses.
//!
//! Usage is cumulative, and every chunk states it: the last one counts. Input is the sum of
//! prompt and tool results, output the sum of candidates and thoughts. There is no terminator:
//! an answer is complete once it states why it ended, by the `finishReason` of each candidate or
//! the prompt's `blockReason`. The index identifies a candidate. The parser does not count reasons:
//! older models state one in each chunk. Code Assist wraps each response in an object `response`.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::format::Format;
use crate::json::Token;

/// The state of reading a response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini {
    /// `promptTokenCount`.
    prompt_tokens: Option<u64>,
    /// `toolUsePromptTokenCount`.
    tool_tokens: Option<u64>,
    /// `candidatesTokenCount`.
    candidate_tokens: Option<u64>,
    /// How many candidates the current response has.
    candidates: u32,
    /// The current candidate.
    candidate: Option<Candidate>,
    /// The indexes of the candidates of the answer, a bit for each.
    seen: u64,
    /// Those of the candidates that have stated why they ended.
    ended: u64,
    /// Whether the prompt is blocked, which ends an answer, too.
    is_blocked: bool,
    /// Whether the body is a list of responses.
    is_list: bool,
}

/// A candidate whose index may not have come yet.
#[derive(Clone, Copy, Debug, Default)]
struct Candidate {
    /// Its index. The first candidate may leave it out.
    index: u64,
    has_ended: bool,
}

// === impl Gemini ===

impl Gemini {
    /// Whether the body is a list of responses, as a stream without `alt=sse` is.
    pub fn is_list(&self) -> bool {
        self.is_list
    }

    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        self.is_list |= path == [Item];
        let path = path.strip_prefix(&[Item]).unwrap_or(path);
        let path = path.strip_prefix(&[Response]).unwrap_or(path);
        match (path, token) {
            ([Candidates, Item, rest @ ..], token) => self.read_candidate(rest, token, answer),
            ([UsageMetadata, field], Token::Number(Some(count))) => {
                answer.is_recognized = true;
                self.read_usage(*field, count, answer);
            }
            ([PromptFeedback, BlockReason], Token::String(reason)) if !reason.is_empty() => {
                answer.is_recognized = true;
                answer.finished = true;
                answer.refusal = true;
                self.is_blocked = true;
            }
            ([ModelVersion], Token::String(name)) => answer.set_model(name),
            // A response of an array, or a document.
            ([], Token::Object | Token::End) => {
                self.end_candidate(answer);
                answer.openings.end_choice();
                self.candidates = 0;
            }
            _ => {}
        }
    }

    fn read_candidate(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([], Token::Object) => {
                self.end_candidate(answer);
                self.candidate = Some(Candidate::default());
                answer.set_has_answer();
                answer.openings.begin_choice(self.candidates as usize);
                self.candidates = self.candidates.saturating_add(1);
            }
            ([Index], Token::Number(Some(index))) => {
                if let Some(candidate) = &mut self.candidate {
                    candidate.index = index;
                }
                answer.openings.place_choice(usize::try_from(index).unwrap_or(usize::MAX));
            }
            ([FinishReason], Token::String(reason)) => {
                let has_ended = answer.finish(Format::Gemini, reason);
                if let Some(candidate) = &mut self.candidate {
                    candidate.has_ended |= has_ended;
                }
            }
            ([Content, Parts, Item, rest @ ..], token) => read_part(rest, token, answer),
            _ => {}
        }
    }

    /// Ends the current candidate of a response, if there is one.
    fn end_candidate(&mut self, answer: &mut Answer) {
        let Some(candidate) = self.candidate.take() else { return };
        // No model has so many candidates; one beyond the bits decides nothing.
        let shift = u32::try_from(candidate.index).unwrap_or(u32::MAX);
        let bit = 1_u64.checked_shl(shift).unwrap_or_default();
        self.seen |= bit;
        self.ended |= if candidate.has_ended { bit } else { 0 };
        answer.finished = self.is_blocked || (self.seen > 0 && self.seen == self.ended);
    }

    fn read_usage(&mut self, field: AnswerKey, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            PromptTokenCount => self.prompt_tokens = Some(count),
            ToolUsePromptTokenCount => self.tool_tokens = Some(count),
            CachedContentTokenCount => tokens.cached = Some(count),
            CandidatesTokenCount => self.candidate_tokens = Some(count),
            ThoughtsTokenCount => tokens.reasoning = Some(count),
            _ => return,
        }
        tokens.input = sum(self.prompt_tokens, self.tool_tokens);
        tokens.output = sum(self.candidate_tokens, tokens.reasoning);
    }
}

/// Reads a part of a candidate's content.
fn read_part(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([], Token::Object) => answer.openings.begin_part(),
        // A thought is content, and not the answer's text.
        ([Thought], Token::True) => answer.openings.drop_part(),
        ([Text], Token::Text(text)) => answer.add_text(text),
        (
            [
                FunctionCall | FunctionResponse | InlineData | FileData | ExecutableCode
                | CodeExecutionResult | ToolCall | ToolResponse,
            ],
            Token::Object,
        ) => answer.has_content = true,
        _ => {}
    }
}

/// The sum of two counts; `None` where neither is stated.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        _ => one.unwrap_or_default().checked_add(other.unwrap_or_default()),
    }
}
