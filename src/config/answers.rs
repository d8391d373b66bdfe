//! The `answers` and `prices` sections: how responses are observed.

use serde_json::{Number, json};

use super::FieldError;
use super::checks::as_written;
use super::diagnostics::Diagnostics;
use super::examples::example_fix;
use super::ramp_steps::share_from_percent;
use super::raw::root::{RawAnswers, RawPath, RawPrice};
use super::raw::sections::RawRequest;
use crate::assignment::Share;
use crate::response::{Format, Formats, LimitPolicy, Phrases, Price, Prices};

/// How responses are observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswersConfig {
    /// Whether bodies are read. If not, only the status, the end of the stream and the duration
    /// are observed.
    pub read: bool,
    /// The share of units whose bodies are read.
    pub sample: Share,
    /// Whether the upstream is asked not to compress responses.
    pub plain: bool,
    /// Phrases that begin a refusal.
    pub refusal_phrases: Phrases,
    /// How a 429, or a 503 from one of Envoy's own limits, is counted.
    pub limits: LimitPolicy,
    /// The prices of tokens.
    pub prices: Prices,
}

/// Whether each version needs its format to patch requests.
pub(super) struct FormatsInRequests {
    pub blue: bool,
    pub green: bool,
}

impl FormatsInRequests {
    /// Of versions with these patches.
    pub fn new(blue: Option<&RawRequest>, green: Option<&RawRequest>) -> Self {
        Self { blue: blue.is_some(), green: green.is_some() }
    }
}

/// Checks the `answers` and `prices` sections. Adds the formats of `answers` to `formats`, which
/// has those of the versions.
pub(super) fn check_answers(
    raw: Option<RawAnswers>,
    raw_prices: Vec<(String, RawPrice)>,
    formats: &mut Formats,
    in_requests: &FormatsInRequests,
    diagnostics: &mut Diagnostics,
) -> Option<AnswersConfig> {
    let prices = check_prices(raw_prices, diagnostics);
    let Some(raw) = raw else {
        let unused = [
            ("prices", prices != Prices::default()),
            ("versions.blue.format", formats.blue.is_some() && !in_requests.blue),
            ("versions.green.format", formats.green.is_some() && !in_requests.green),
        ];
        let fix = "has no effect, because responses are not read; add \"answers\": {}";
        reject_unused(&unused, fix, diagnostics);
        return None;
    };
    let read = raw.read.unwrap_or(true);
    if !read {
        let unused = [
            ("answers.sample", raw.sample.is_some()),
            ("answers.format", raw.format.is_some()),
            ("answers.paths", !raw.paths.is_empty()),
            ("answers.plain", raw.plain),
            ("answers.include_usage", raw.include_usage),
            ("answers.refusal_phrases", !raw.refusal_phrases.is_empty()),
        ];
        let fix = "has no effect while answers.read is false; remove one of them";
        reject_unused(&unused, fix, diagnostics);
    }
    formats.paths =
        raw.paths.into_iter().enumerate().filter_map(|it| check_path(it, diagnostics)).collect();
    formats.default = raw.format;
    let sample = check_read_sample(raw.sample.as_ref(), diagnostics);
    let refusal_phrases = check_refusal_phrases(&raw.refusal_phrases, diagnostics);
    let limits = raw.status_429;
    Some(AnswersConfig { read, sample, plain: raw.plain, refusal_phrases, limits, prices })
}

/// Checks the share of units whose answers are read.
fn check_read_sample(raw: Option<&Number>, diagnostics: &mut Diagnostics) -> Share {
    let Some(raw) = raw else { return Share::ALL };
    share_from_percent(raw).unwrap_or_else(|| {
        let fix = "write the share of units whose answers are read, in percent, above 0 and at most \
                   100, with at most two decimals, such as 25";
        diagnostics.push(FieldError::new("answers.sample", &json!(raw), fix));
        Share::ALL
    })
}

/// Adds an error for each field that is set although it has no effect.
fn reject_unused(fields: &[(&str, bool)], fix: &str, diagnostics: &mut Diagnostics) {
    for (field, _) in fields.iter().filter(|(_, is_set)| *is_set) {
        diagnostics.push(FieldError::unneeded(*field, fix));
    }
}

fn check_path(
    (index, RawPath { prefix, format }): (usize, RawPath),
    diagnostics: &mut Diagnostics,
) -> Option<(Box<[u8]>, Format)> {
    match (prefix, format) {
        // No path with another character can arrive.
        (Some(prefix), Some(format))
            if prefix.starts_with('/') && prefix.chars().all(|it| it.is_ascii_graphic()) =>
        {
            Some((prefix.into_bytes().into(), format))
        }
        (prefix, format) => {
            let format = format.map(Format::as_str);
            diagnostics.push(FieldError::new(
                format!("answers.paths[{index}]"),
                &as_written(json!({"prefix": prefix, "format": format})),
                r#"write a prefix in ASCII that begins with "/", without spaces, and its format, such as {"prefix": "/v1/ask", "format": "chat"}"#,
            ));
            None
        }
    }
}

fn check_refusal_phrases(raw: &[String], diagnostics: &mut Diagnostics) -> Phrases {
    let mut phrases = Phrases::default();
    for (index, phrase) in raw.iter().enumerate() {
        if !phrases.add(phrase) {
            let fix = format!(
                "write the first words of a refusal, such as \"I'm sorry\": not empty, without \
                 surrounding whitespace, at most {} bytes",
                Phrases::MAX_LENGTH
            );
            let field = format!("answers.refusal_phrases[{index}]");
            diagnostics.push(FieldError::new(field, &json!(phrase), fix));
        }
    }
    phrases
}

fn check_prices(raw: Vec<(String, RawPrice)>, diagnostics: &mut Diagnostics) -> Prices {
    let mut prices = Prices::default();
    for (model, raw_price) in raw {
        let Some(price) = check_price(&model, raw_price, diagnostics) else { continue };
        if !prices.add(&model, price) {
            let fix = "name a model, or a prefix followed by one *";
            diagnostics.push(FieldError::new("prices", &json!(model), fix));
        }
    }
    prices
}

fn check_price(model: &str, raw: RawPrice, diagnostics: &mut Diagnostics) -> Option<Price> {
    let mut price = |name: &str, dollars: Option<Number>| {
        let field = format!("prices.{model}.{name}");
        let Some(dollars) = dollars else {
            diagnostics.push(FieldError::missing(field, example_fix("prices")));
            return None;
        };
        let micro_dollars = dollars.as_f64().and_then(micro_dollars);
        if micro_dollars.is_none() {
            let fix = "write US dollars per million tokens, from 0 to 1000000";
            diagnostics.push(FieldError::new(field, &json!(dollars), fix));
        }
        micro_dollars
    };
    let input = price("input", raw.input);
    let output = price("output", raw.output);
    let mut price_or_input = |name: &str, dollars: Option<Number>| match dollars {
        Some(_) => price(name, dollars),
        None => input,
    };
    let cached_input = price_or_input("cached_input", raw.cached_input);
    let cache_write = price_or_input("cache_write", raw.cache_write);
    Some(Price {
        input: input?,
        cached_input: cached_input?,
        cache_write: cache_write?,
        output: output?,
    })
}

/// Converts US dollars to micro-dollars, rounded to the nearest integer. `None` if the price is
/// out of range.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range by the check")]
fn micro_dollars(dollars: f64) -> Option<u64> {
    (0.0..=1e6).contains(&dollars).then(|| (dollars * 1e6).round() as u64)
}
