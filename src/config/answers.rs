//! What is looked at of responses.

use serde_json::{Value, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::examples::write_example;
use super::raw::root::{RawAnswers, RawPath, RawPrice};
use crate::response::{Format, Formats, LimitPolicy, Phrases, Price, Prices};

/// What is looked at of responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswersConfig {
    /// Whether bodies are read, and not only statuses and endings looked at.
    pub read: bool,
    /// Whether the upstream is asked for answers that are not compressed.
    pub plain: bool,
    /// How answers open that are refusals.
    pub refusal_phrases: Phrases,
    /// How 429 counts, and 503 by one of Envoy's own limits.
    pub limits: LimitPolicy,
    /// What tokens cost.
    pub prices: Prices,
}

/// The answers that are to be looked at. `formats` are blue's and green's own, each with
/// whether it is needed for requests; what is written of others is added.
pub(super) fn answers(
    written: Option<RawAnswers>,
    written_prices: Vec<(String, RawPrice)>,
    formats: &mut Formats,
    for_requests: [bool; 2],
    problems: &mut Diagnostics,
) -> Option<AnswersConfig> {
    let prices = prices(written_prices, problems);
    let [blue_needs, green_needs] = for_requests;
    let Some(written) = written else {
        let idle = [
            ("prices", prices != Prices::default()),
            ("versions.blue.format", formats.blue.is_some() && !blue_needs),
            ("versions.green.format", formats.green.is_some() && !green_needs),
        ];
        let mend = "has no effect, since no answers are read: write \"answers\": {} as well";
        refuse_idle(&idle, mend, problems);
        return None;
    };
    let read = written.read.unwrap_or(true);
    if !read {
        let idle = [
            ("answers.format", written.format.is_some()),
            ("answers.paths", !written.paths.is_empty()),
            ("answers.plain", written.plain),
            ("answers.include_usage", written.include_usage),
            ("answers.refusal_phrases", !written.refusal_phrases.is_empty()),
        ];
        refuse_idle(
            &idle,
            "has no effect where answers.read is false: remove one of them",
            problems,
        );
    }
    let paths = written.paths.into_iter().filter_map(|path| checked_path(path, problems));
    formats.paths = paths.collect();
    formats.default = written.format;
    let mut refusal_phrases = Phrases::default();
    for phrase in written.refusal_phrases {
        if !refusal_phrases.add(&phrase) {
            problems.push(FieldError::new(
                "answers.refusal_phrases",
                &json!(phrase),
                format!(
                    "write how a refusal opens, such as \"I'm sorry\": not empty, no white space \
                     around it, at most {} bytes",
                    Phrases::MAX_LENGTH
                ),
            ));
        }
    }
    let limits = written.status_429;
    Some(AnswersConfig { read, plain: written.plain, refusal_phrases, limits, prices })
}

/// Notes the fields that are written and have no effect.
fn refuse_idle(fields: &[(&str, bool)], mend: &str, problems: &mut Diagnostics) {
    for (field, _) in fields.iter().filter(|(_, is_written)| *is_written) {
        let problem = FieldError { field: (*field).into(), value: "set".into(), fix: mend.into() };
        problems.push(problem);
    }
}

fn checked_path(path: RawPath, problems: &mut Diagnostics) -> Option<(Box<[u8]>, Format)> {
    match (path.prefix, path.format) {
        (Some(prefix), Some(format)) if prefix.starts_with('/') => {
            Some((prefix.into_bytes().into(), format))
        }
        (prefix, _) => {
            problems.push(FieldError::new(
                "answers.paths",
                &prefix.map_or(Value::Null, Value::from),
                r#"write a prefix that begins with "/" and its format, such as {"prefix": "/v1/ask", "format": "chat"}"#,
            ));
            None
        }
    }
}

fn prices(written: Vec<(String, RawPrice)>, problems: &mut Diagnostics) -> Prices {
    let mut prices = Prices::default();
    for (model, price) in written {
        let field = format!("prices.{model}");
        let mut millionths = |name: &str, dollars: Option<f64>| {
            let field = format!("{field}.{name}");
            match dollars {
                None => {
                    problems.push(FieldError::missing(field, write_example("prices")));
                    None
                }
                Some(dollars) => micro_dollars(dollars).or_else(|| {
                    let mend = "write US dollars for a million tokens, from 0 to 1000000";
                    problems.push(FieldError::new(field, &json!(dollars), mend));
                    None
                }),
            }
        };
        let input = millionths("input", price.input);
        let output = millionths("output", price.output);
        let mut or_input = |name: &str, dollars: Option<f64>| match dollars {
            Some(_) => millionths(name, dollars),
            None => input,
        };
        let cached_input = or_input("cached_input", price.cached_input);
        let cache_write = or_input("cache_write", price.cache_write);
        let (Some(input), Some(output), Some(cached_input), Some(cache_write)) =
            (input, output, cached_input, cache_write)
        else {
            continue;
        };
        if !prices.add(&model, Price { input, cached_input, cache_write, output }) {
            let mend = "name a model, or with one * at its end all models that begin so";
            problems.push(FieldError::new("prices", &json!(model), mend));
        }
    }
    prices
}

/// A price as an integer: what is finer than a millionth of a dollar for a million
/// tokens is rounded.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range by the check")]
fn micro_dollars(dollars: f64) -> Option<u64> {
    (0.0..=1e6).contains(&dollars).then(|| (dollars * 1e6).round() as u64)
}
