//! Errors in an answer, wherever a provider or a gateway states them, and which of them are
//! refusals by a content filter.

use super::answer::Answer;
use super::answer_key::AnswerKey::{self, *};
use crate::json::{BoundedText, Token};

/// Reads a value that may be an error or a part of one, whatever the format.
///
/// An error is an object or text `error` at the top level, in an array of events, in `choices`,
/// in `x_groq` or in a wrapping `response`; an item of `errors`, or of an array `error`
/// (Cloudflare); MiniMax's `base_resp.status_code`, which is 0 without an error.
///
/// A text `message` at the top level may be that of an error, too (Bedrock, Databricks), or of an
/// answer: [`Answer::has_filter_message`] only notes it.
#[inline]
pub fn read_token(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    // Nearly no value is one, and each value of an answer comes here.
    match path {
        [Choices, _, Error, ..] | [Message] => {}
        [
            Error | Item | XGroq | Response | Errors | BaseResp | Code | ErrorCode | ErrorType,
            ..,
        ] => {}
        _ => return,
    }
    read_error(path, token, answer);
}

#[inline(never)]
fn read_error(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    let inner = match path {
        [Error, Item, inner @ ..]
        | [Error, inner @ ..]
        | [Item, Error, inner @ ..]
        | [XGroq, Error, inner @ ..]
        | [Response, Error, inner @ ..]
        | [Choices, Item, Error, inner @ ..]
        | [Errors, Item, inner @ ..] => inner,
        [BaseResp, StatusCode] => return read_base_status(token, answer),
        [Message] => {
            if let Token::String(message) = token {
                answer.has_filter_message |= is_filter_message(message);
            }
            return;
        }
        // An error whose code is beside its text, and errors without an object.
        [Code] | [ErrorCode] => return TopLevelCode::new(token).apply(answer),
        [ErrorType] if matches!(token, Token::String(_)) => {
            return TopLevelCode::new(token).apply(answer);
        }
        _ => return,
    };
    match (inner, token) {
        ([], Token::Object | Token::True) => set_error(answer),
        ([], Token::String(text)) if !text.is_empty() => {
            set_error(answer);
            answer.is_filtered |= is_filter_text(text) || is_filter_message(text);
        }
        (
            [Code | Type | Status | Reason] | [InnerError | InnerErrorCamel, Code],
            Token::String(code),
        ) => {
            answer.is_filtered |= is_filter_code(code);
        }
        ([Code], Token::Number(Some(code))) => answer.is_filtered |= code == ZHIPU_UNSAFE,
        // OpenRouter's moderation.
        ([Metadata, FlaggedInput], Token::String(_)) => answer.is_filtered = true,
        // At OpenRouter, `raw` is the error as the provider stated it, in JSON.
        ([Message] | [Metadata, Raw], Token::String(message)) => {
            answer.is_filtered |= is_filter_message(message);
        }
        _ => {}
    }
}

/// The code of Zhipu for harmful content, a number or a text.
const ZHIPU_UNSAFE: u64 = 1301;

fn set_error(answer: &mut Answer) {
    answer.error = true;
    answer.is_recognized = true;
}

/// MiniMax: 1026 is a prompt and 1027 an answer with sensitive content.
fn read_base_status(token: Token<'_>, answer: &mut Answer) {
    match token {
        Token::Number(Some(0)) => {}
        Token::Number(code) => {
            set_error(answer);
            answer.is_filtered |= matches!(code, Some(1026 | 1027));
        }
        _ => {}
    }
}

/// What a code at the top level states: with a text `error` beside it (xAI), or as DashScope,
/// Spark and Baidu state errors. 0 and 200 are no error, and neither is an empty text.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopLevelCode {
    is_error: bool,
    is_filtered: bool,
}

// === impl TopLevelCode ===

impl TopLevelCode {
    /// Reads the value of the code.
    pub fn new(token: Token<'_>) -> Self {
        match token {
            Token::Number(Some(0 | 200)) => Self::default(),
            Token::Number(Some(code)) => Self { is_error: true, is_filtered: code == ZHIPU_UNSAFE },
            Token::String(code) if !is_success(code) => {
                Self { is_error: true, is_filtered: is_filter_code(code) }
            }
            _ => Self::default(),
        }
    }

    /// Adds it to the answer.
    pub fn apply(self, answer: &mut Answer) {
        answer.error |= self.is_error;
        answer.is_filtered |= self.is_filtered;
    }
}

fn is_success(code: BoundedText<'_>) -> bool {
    let code = code.bytes();
    [&b""[..], b"0", b"200", b"ok", b"success"].iter().any(|it| it.eq_ignore_ascii_case(code))
}

/// Whether an error that is a text has the code of a content filter in it. A sentence can have some of
/// their words for another reason ("names are case-sensitive").
fn is_filter_text(text: BoundedText<'_>) -> bool {
    let is_sentence = text.bytes().iter().any(u8::is_ascii_whitespace);
    if is_sentence { contains_any(text.bytes(), &FILTER_NAMES) } else { is_filter_code(text) }
}

/// Whether the code or type of an error is that of a content filter.
///
/// Sources: the references of Azure OpenAI (`content_filter`, `ResponsibleAIPolicyViolation`),
/// OpenAI (`content_policy_violation`, `moderation_blocked`, `bio_policy` and others in the types
/// of openai 3.51.0), Alibaba (`DataInspectionFailed`), Volcengine (`…SensitiveContentDetected`),
/// Moonshot (type `content_filter`), Zhipu (`1301`), MiniMax (`new_sensitive`), LiteLLM
/// (`ContentPolicyViolationError`), Portkey (`hooks_failed`), one-api (`sensitive_words_detected`),
/// StepFun (`censorship_blocked`).
fn is_filter_code(code: BoundedText<'_>) -> bool {
    code.is("1301")
        || contains_any(code.bytes(), &FILTER_NAMES)
        || contains_any(code.bytes(), &FILTER_WORDS)
}

/// Parts of the codes of content filters that no other text has.
const FILTER_NAMES: [&[u8]; 13] = [
    b"content_filter",
    b"contentfilter",
    b"content_policy",
    b"contentpolicy",
    b"policy_violation",
    b"policyviolation",
    b"data_inspection",
    b"datainspection",
    b"content_blocked",
    b"prohibited_content",
    b"hooks_failed",
    b"bio_policy",
    b"cyber_policy",
];

/// Parts of the codes of content filters that are words.
const FILTER_WORDS: [&[u8]; 4] = [b"sensitive", b"moderation", b"guardrail", b"censorship"];

/// Whether the message of an error is that of a content filter, where its code is that of any
/// bad request.
///
/// Sources: messages of Anthropic ("Output blocked by content filtering policy"), Azure ("content
/// management policy"), DeepSeek ("Content Exists Risk"), Moonshot ("considered high risk"), xAI
/// ("Content violates usage guidelines … SAFETY_CHECK_TYPE_…"), OpenAI ("usage policy", "safety
/// system", "limited access to this content", "flagged for possible cybersecurity risk"; their code
/// `invalid_prompt` is that of a malformed request, too), Alibaba ("inappropriate content"),
/// MiniMax ("new_sensitive"), Databricks (`input_guardrail`, `output_guardrail`), LiteLLM ("Violated
/// guardrail policy"), Cloudflare ("blocked due to security configurations").
fn is_filter_message(message: BoundedText<'_>) -> bool {
    const PARTS: [&[u8]; 21] = [
        b"content filter",
        b"content_filter",
        b"content management policy",
        b"content policy",
        b"contentpolicyviolation",
        b"content_policy_violation",
        b"content exists risk",
        b"considered high risk",
        b"usage guidelines",
        b"usage polic",
        b"safety_check_type",
        b"safety system",
        b"inappropriate content",
        b"datainspectionfailed",
        b"new_sensitive",
        b"sensitivecontentdetected",
        b"limited access to this content",
        b"flagged for possible",
        b"put_guardrail",
        b"violated guardrail",
        b"blocked due to security",
    ];
    contains_any(message.bytes(), &PARTS)
}

/// Whether `text` has one of these parts, in any case of letters.
fn contains_any(text: &[u8], parts: &[&[u8]]) -> bool {
    let contains = |part: &&[u8]| text.windows(part.len()).any(|it| it.eq_ignore_ascii_case(part));
    parts.iter().any(contains)
}
