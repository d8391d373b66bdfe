//! What a response's outcome tells the analysis.

use std::time::Duration;

use crate::judge::{Metric, Told};
use crate::observe::{
    Answer, Class, Ending, LimitPolicy, Method, Outcome, Phrases, Prices, Tokens,
};

/// By what an outcome is measured.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'a> {
    /// How answers open that are refusals.
    pub phrases: &'a Phrases,
    /// What tokens cost.
    pub prices: &'a Prices,
    /// How limits count.
    pub limits: LimitPolicy,
    /// The time from which a response is slow, where a gate looks at that.
    pub objective: Option<Duration>,
}

/// The metrics that only a body tells.
const OF_BODIES: [Metric; 6] = [
    Metric::RefusalRate,
    Metric::EmptyRate,
    Metric::TruncationRate,
    Metric::Ttft,
    Metric::OutputTokens,
    Metric::Cost,
];

/// What the analysis is told of an outcome.
///
/// - Times, tokens and cost are those of responses that succeeded: a failed one is neither
///   fast nor slow. Only one that failed after the objective is slow all the same.
/// - A response that the client gave up is known to have lasted at least so long, and
///   enters the times so: to leave it out would take the slowest answers away. Whether it
///   would have failed is not known.
/// - What a response should tell and does not is *missing*. Where it is missing more often
///   on one version, the comparison holds.
/// - All input is priced as if no cache had been there: a version with few users has
///   colder caches, and would seem dearer than it is.
pub fn told(outcome: &Outcome, measure: Measure<'_>) -> Told {
    if outcome.has_failed_over {
        // The rest is the other version's.
        return Told::default().rate(Metric::ErrorRate, true);
    }
    let class = outcome.class(measure.limits);
    let is_aborted = outcome.ending == Ending::Aborted;
    match class {
        Class::Neutral => Told::default(),
        Class::NoAnswerExpected if outcome.method == Method::Bodyless => Told::default(),
        Class::NoAnswerExpected => {
            let missing = [Metric::ErrorRate, Metric::SlowRate, Metric::Duration];
            let missing = missing.into_iter().chain(OF_BODIES);
            // No failure is seen, and whether there is one is not known.
            missing
                .fold(Told::default(), Told::missing)
                .rate(Metric::ErrorRate, false)
                .rate(Metric::ClientErrorRate, false)
        }
        // A response fails in one way, and what it would have come to otherwise is not known.
        Class::Error | Class::Limited | Class::AnswerMissing | Class::ClientError => {
            let is_rejected = class == Class::ClientError;
            let failure = if is_rejected { Metric::ClientErrorRate } else { Metric::ErrorRate };
            let told = Told::default().rate(failure, true);
            let told = if is_aborted { told.rate(Metric::AbortRate, true) } else { told };
            let told = if class == Class::Limited { told.limited() } else { told };
            bad_parts(slow(told, outcome, measure, true), outcome, measure)
        }
        Class::Aborted => {
            let told = Told::default().rate(Metric::AbortRate, true);
            let told = match outcome.status {
                Some(_) => told.rate(Metric::ClientErrorRate, false),
                None => told,
            };
            let told = bad_parts(slow(told, outcome, measure, true), outcome, measure);
            times(told, outcome)
        }
        Class::Unread => {
            let told = success(outcome, measure);
            OF_BODIES.into_iter().chain([Metric::ErrorRate]).fold(told, Told::missing)
        }
        Class::Success => match outcome.read_answer() {
            Some(answer) => parts(success(outcome, measure), outcome, answer, measure),
            None => success(outcome, measure),
        },
    }
}

/// What a response tells by its status and end alone.
fn success(outcome: &Outcome, measure: Measure<'_>) -> Told {
    let told = Told::default()
        .rate(Metric::ErrorRate, false)
        .rate(Metric::ClientErrorRate, false)
        .rate(Metric::AbortRate, false);
    if outcome.is_tunnel() {
        return told;
    }
    times(slow(told, outcome, measure, false), outcome)
}

/// Whether it was slow; of one that is not known to have come to its end only where it was.
fn slow(told: Told, outcome: &Outcome, measure: Measure<'_>, only_if_slow: bool) -> Told {
    let Some(objective) = measure.objective else { return told };
    let is_slow = outcome.duration > objective;
    if is_slow || !only_if_slow { told.rate(Metric::SlowRate, is_slow) } else { told }
}

fn times(told: Told, outcome: &Outcome) -> Told {
    let told = told.value(Metric::Duration, milliseconds(outcome.duration));
    let waited_in_vain = outcome.ending == Ending::Aborted && outcome.is_stream;
    match outcome.ttft {
        Some(ttft) => told.value(Metric::Ttft, milliseconds(ttft)),
        None if waited_in_vain => told.value(Metric::Ttft, milliseconds(outcome.duration)),
        None => told,
    }
}

/// What a part of an answer tells for sure: what was refused or cut, was.
fn bad_parts(told: Told, outcome: &Outcome, measure: Measure<'_>) -> Told {
    let Some(answer) = outcome.read_answer() else { return told };
    let bad = [
        (Metric::RefusalRate, answer.is_refusal(measure.phrases)),
        (Metric::TruncationRate, answer.truncation),
    ];
    bad.into_iter()
        .filter(|(_, is_bad)| *is_bad)
        .fold(told, |told, (metric, is_bad)| told.rate(metric, is_bad))
}

/// What a whole answer tells.
fn parts(told: Told, outcome: &Outcome, answer: &Answer, measure: Measure<'_>) -> Told {
    let mut told = told
        .rate(Metric::RefusalRate, answer.is_refusal(measure.phrases))
        .rate(Metric::EmptyRate, answer.is_empty())
        .rate(Metric::TruncationRate, answer.truncation);
    if outcome.ttft.is_none() {
        told = told.missing(Metric::Ttft);
    }
    let Some(output) = answer.tokens.output else {
        return told.missing(Metric::OutputTokens).missing(Metric::Cost);
    };
    told = told.value(Metric::OutputTokens, output as f32);
    match answer.price(measure.prices) {
        Some(price) => {
            let uncached = Tokens { cached: None, cache_write: None, ..answer.tokens };
            told.value(Metric::Cost, price.cost(&uncached) as f32 / 1e6)
        }
        None => told.missing(Metric::Cost),
    }
}

/// With what is finer than a millisecond: values that are equal tell nothing.
fn milliseconds(duration: Duration) -> f32 {
    (duration.as_secs_f64() * 1e3) as f32
}
