//! The parameters of a question to the judge, such as how many tokens the answer may have.

use serde_json::{Map, Value, json};

use crate::json::whole_number;

/// The members of a question beside its model, its messages and the form of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeParameters {
    members: Map<String, Value>,
    max_tokens: u64,
}

/// How many tokens the judge may answer with by default. A verdict has some ten; more are room for models
/// that write white space.
const MAX_TOKENS: u64 = 100;

/// How many tokens may be allowed: models that reason need some thousand.
const ALLOWED_TOKENS: std::ops::RangeInclusive<u64> = 10..=65_536;

/// The members that the filter writes itself, or that would change the form of the answer.
const RESERVED: [&str; 8] =
    ["functions", "messages", "model", "n", "response_format", "stream", "stream_options", "tools"];

/// The members that limit the answer's tokens. OpenAI's newer models refuse the first one.
const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

// === impl JudgeParameters ===

impl JudgeParameters {
    /// The default parameters, changed by these members: a value replaces a default, `null` removes it.
    /// `max_completion_tokens` replaces the default of `max_tokens`, since most APIs refuse both.
    ///
    /// # Errors
    /// The member that is not allowed, its value, and what to write instead.
    pub fn new(changes: Map<String, Value>) -> Result<Self, (String, Value, String)> {
        let Self { mut members, .. } = Self::default();
        let [max_tokens, max_completion_tokens] = LIMITS;
        if changes.get(max_completion_tokens).is_some_and(|it| !it.is_null()) {
            members.remove(max_tokens);
        }
        for (name, value) in changes {
            if RESERVED.contains(&name.as_str()) {
                let fix = "is written by the filter, or changes the form of the answer; remove it";
                return Err((name, value, fix.to_owned()));
            }
            match value {
                Value::Null => drop(members.remove(&name)),
                value => drop(members.insert(name, value)),
            }
        }
        let mut max_tokens = None;
        for name in LIMITS {
            let Some(limit) = members.get(name) else { continue };
            let tokens = limit.as_number().and_then(whole_number);
            let tokens = tokens.filter(|tokens| ALLOWED_TOKENS.contains(tokens));
            let Some(tokens) = tokens else {
                let (least, most) = (ALLOWED_TOKENS.start(), ALLOWED_TOKENS.end());
                let fix = format!("write a whole number of tokens from {least} to {most}");
                return Err((name.to_owned(), limit.clone(), fix));
            };
            // Not every API takes 50.0.
            members.insert(name.to_owned(), json!(tokens));
            max_tokens = max_tokens.max(Some(tokens));
        }
        let Some(max_tokens) = max_tokens else {
            let fix = "without a limit the cost of an answer is not bounded; write \
                       \"max_completion_tokens\" as well, such as 1000";
            return Err(("max_tokens".to_owned(), Value::Null, fix.to_owned()));
        };
        Ok(Self { members, max_tokens })
    }

    /// How many tokens the judge may answer with.
    pub fn max_tokens(&self) -> u64 {
        self.max_tokens
    }

    /// The members of the question.
    pub(super) fn members(&self) -> Map<String, Value> {
        self.members.clone()
    }
}

impl Default for JudgeParameters {
    fn default() -> Self {
        Self {
            members: [("temperature", 0), ("max_tokens", MAX_TOKENS)]
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .into_iter()
                .collect(),
            max_tokens: MAX_TOKENS,
        }
    }
}
