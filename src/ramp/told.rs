//! What a response's outcome tells the judge.

use std::time::Duration;

use crate::judge::{Metric, Told};
use crate::observe::answer::ModelName;
use crate::observe::{Ending, Outcome, Phrases, Prices, Tokens};

/// What the judge is told of an outcome.
///
/// A response that the client gave up is known to have lasted at least so long, and
/// enters the times so: to leave it out would take the slowest answers away. Whether it
/// would have failed is not known.
///
/// All input is priced as if no cache had been there: a version with few users has
/// colder caches, and would seem dearer than it is.
pub fn told(
    outcome: &Outcome,
    phrases: &Phrases,
    prices: &Prices,
    objective: Option<Duration>,
) -> Told {
    if outcome.has_failed_over {
        // The rest is the other version's.
        return Told::default().rate(Metric::ErrorRate, true);
    }
    let is_aborted = outcome.ending == Ending::Aborted;
    let is_error = outcome.is_error();
    let mut told = Told::default()
        .rate(Metric::AbortRate, is_aborted)
        .value(Metric::Duration, outcome.duration_ms as f32);
    if !is_aborted || is_error {
        told = told.rate(Metric::ErrorRate, is_error);
    }
    if let Some(objective) = objective {
        let is_slow = u128::from(outcome.duration_ms) > objective.as_millis();
        if is_slow || !is_aborted {
            told = told.rate(Metric::SlowRate, is_slow);
        }
    }
    if let Some(ttft) = outcome.ttft_ms {
        told = told.value(Metric::Ttft, ttft as f32);
    }
    let Some(Ok(answer)) = &outcome.answer else { return told };
    if answer.malformed {
        return told;
    }
    if is_aborted && outcome.ttft_ms.is_none() && outcome.is_stream {
        told = told.value(Metric::Ttft, outcome.duration_ms as f32);
    }
    let opens_like_refusal =
        answer.opening.as_ref().is_some_and(|opening| phrases.open(opening.bytes()));
    let is_refusal = answer.refusal || opens_like_refusal;
    // What is not over may yet be refused or cut, but what was, was.
    let is_over = answer.finished || outcome.ending == Ending::Complete;
    for (metric, is_bad) in
        [(Metric::RefusalRate, is_refusal), (Metric::TruncationRate, answer.truncation)]
    {
        if is_bad || is_over {
            told = told.rate(metric, is_bad);
        }
    }
    if let (Some(output), true) = (answer.tokens.output, is_over) {
        told = told.value(Metric::OutputTokens, output as f32);
        let model = answer.model.as_ref().map(ModelName::bytes).unwrap_or_default();
        if let Some(price) = prices.find(model) {
            let uncached = Tokens { cached: None, cache_write: None, ..answer.tokens };
            told = told.value(Metric::Cost, price.cost(&uncached) as f32 / 1e6);
        }
    }
    told
}
