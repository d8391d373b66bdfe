//! What a response's outcome tells the analysis.

use std::time::Duration;

use crate::analysis::{Measurements, Metric};
use crate::response::{Answer, Class, ClassifiedOutcome, Method, Outcome, StreamEnd};

/// The metrics that only a body tells.
const BODY_METRICS: [Metric; 6] = [
    Metric::RefusalRate,
    Metric::EmptyRate,
    Metric::TruncationRate,
    Metric::Ttft,
    Metric::OutputTokens,
    Metric::Cost,
];

impl Measurements {
    /// Measures a response by its outcome. `objective` is the time from which a response is
    /// slow, where a gate looks at that.
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
    pub fn from_outcome(
        classified: &ClassifiedOutcome<'_>,
        objective: Option<Duration>,
    ) -> Measurements {
        let outcome = classified.outcome();
        if outcome.has_failed_over {
            // The rest is the other version's.
            return Measurements::default().with_rate(Metric::ErrorRate, true);
        }
        let class = classified.class();
        let is_aborted = outcome.ending == StreamEnd::Aborted;
        match class {
            Class::Neutral => Measurements::default(),
            Class::NoAnswerExpected if outcome.method == Method::Bodyless => {
                Measurements::default()
            }
            Class::NoAnswerExpected => {
                let missing = [Metric::ErrorRate, Metric::SlowRate, Metric::Duration];
                let missing = missing.into_iter().chain(BODY_METRICS);
                // No failure is seen, and whether there is one is not known.
                missing
                    .fold(Measurements::default(), Measurements::with_missing)
                    .with_rate(Metric::ErrorRate, false)
                    .with_rate(Metric::ClientErrorRate, false)
            }
            // A response fails in one way, and what it would have come to otherwise is not known.
            Class::Error | Class::Limited | Class::AnswerMissing | Class::ClientError => {
                let is_rejected = class == Class::ClientError;
                let failure = if is_rejected { Metric::ClientErrorRate } else { Metric::ErrorRate };
                let measurements = Measurements::default().with_rate(failure, true);
                let measurements = if is_aborted {
                    measurements.with_rate(Metric::AbortRate, true)
                } else {
                    measurements
                };
                let measurements = if class == Class::Limited {
                    measurements.with_rate_limited()
                } else {
                    measurements
                };
                with_known_failures(
                    with_slow_rate(measurements, outcome, objective, true),
                    classified,
                )
            }
            Class::Aborted => {
                let measurements = Measurements::default().with_rate(Metric::AbortRate, true);
                let measurements = match outcome.status {
                    Some(_) => measurements.with_rate(Metric::ClientErrorRate, false),
                    None => measurements,
                };
                let measurements = with_known_failures(
                    with_slow_rate(measurements, outcome, objective, true),
                    classified,
                );
                with_times(measurements, outcome)
            }
            Class::Unread => {
                let measurements = of_success(outcome, objective);
                BODY_METRICS
                    .into_iter()
                    .chain([Metric::ErrorRate])
                    .fold(measurements, Measurements::with_missing)
            }
            Class::Success => match outcome.read_answer() {
                Some(answer) => with_answer(of_success(outcome, objective), classified, answer),
                None => of_success(outcome, objective),
            },
        }
    }
}

/// What a response tells by its status and end alone.
fn of_success(outcome: &Outcome, objective: Option<Duration>) -> Measurements {
    let measurements = Measurements::default()
        .with_rate(Metric::ErrorRate, false)
        .with_rate(Metric::ClientErrorRate, false)
        .with_rate(Metric::AbortRate, false);
    if outcome.is_tunnel() {
        return measurements;
    }
    with_times(with_slow_rate(measurements, outcome, objective, false), outcome)
}

/// Whether it was slow; of one that is not known to have come to its end only where it was.
fn with_slow_rate(
    measurements: Measurements,
    outcome: &Outcome,
    objective: Option<Duration>,
    only_if_slow: bool,
) -> Measurements {
    let Some(objective) = objective else { return measurements };
    let is_slow = outcome.duration > objective;
    if is_slow || !only_if_slow {
        measurements.with_rate(Metric::SlowRate, is_slow)
    } else {
        measurements
    }
}

fn with_times(measurements: Measurements, outcome: &Outcome) -> Measurements {
    let measurements = measurements.with_value(Metric::Duration, milliseconds(outcome.duration));
    let waited_in_vain = outcome.ending == StreamEnd::Aborted && outcome.is_stream;
    match outcome.ttft {
        Some(ttft) => measurements.with_value(Metric::Ttft, milliseconds(ttft)),
        None if waited_in_vain => {
            measurements.with_value(Metric::Ttft, milliseconds(outcome.duration))
        }
        None => measurements,
    }
}

/// What a part of an answer tells for sure: what was refused or cut, was.
fn with_known_failures(
    measurements: Measurements,
    classified: &ClassifiedOutcome<'_>,
) -> Measurements {
    let Some(answer) = classified.answer() else { return measurements };
    let bad = [
        (Metric::RefusalRate, classified.is_refusal()),
        (Metric::TruncationRate, answer.truncation),
    ];
    bad.into_iter()
        .filter(|(_, is_bad)| *is_bad)
        .fold(measurements, |measurements, (metric, is_bad)| measurements.with_rate(metric, is_bad))
}

/// What a whole answer tells.
fn with_answer(
    measurements: Measurements,
    classified: &ClassifiedOutcome<'_>,
    answer: &Answer,
) -> Measurements {
    let mut measurements = measurements
        .with_rate(Metric::RefusalRate, classified.is_refusal())
        .with_rate(Metric::EmptyRate, answer.is_empty())
        .with_rate(Metric::TruncationRate, answer.truncation);
    if classified.outcome().ttft.is_none() {
        measurements = measurements.with_missing(Metric::Ttft);
    }
    let Some(output) = answer.tokens.output else {
        return measurements.with_missing(Metric::OutputTokens).with_missing(Metric::Cost);
    };
    measurements = measurements.with_value(Metric::OutputTokens, output as f32);
    match classified.uncached_cost_microusd() {
        Some(microusd) => measurements.with_value(Metric::Cost, microusd as f32 / 1e6),
        None => measurements.with_missing(Metric::Cost),
    }
}

/// With what is finer than a millisecond: values that are equal tell nothing.
fn milliseconds(duration: Duration) -> f32 {
    (duration.as_secs_f64() * 1e3) as f32
}
