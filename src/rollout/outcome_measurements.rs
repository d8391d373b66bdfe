//! From a response's outcome to the measurements of the analysis.
//!
//! - Times, tokens and cost are measured for responses that succeeded: a failed response is
//!   neither fast nor slow. The exception is one that failed after the objective: it is slow.
//! - A response that the client aborted lasted at least until then. Its times are *censored*:
//!   without them the slowest answers would be left out, and as exact values they would make a
//!   slow version with impatient users look fast. Whether it would have failed is not known. One that
//!   the client held up has no times.
//! - What a response should reveal and does not is *missing*. Where it is missing more often on
//!   one version, the ramp holds.
//! - All input is priced as if there were no cache: a version with few users has colder caches,
//!   and would seem more expensive than it is.

use std::time::Duration;

use crate::analysis::{Measurements, Metric};
use crate::response::{Answer, Class, ClassifiedOutcome, Method, Outcome, StreamEnd};

/// The metrics that only a body reveals.
const BODY_METRICS: [Metric; 6] = [
    Metric::RefusalRate,
    Metric::EmptyRate,
    Metric::TruncationRate,
    Metric::Ttft,
    Metric::OutputTokens,
    Metric::Cost,
];

// === impl Measurements ===

impl Measurements {
    /// The measurements of a response with this outcome. `objective` is the duration above which a
    /// response is slow, where a gate compares that.
    pub fn from_outcome(classified: &ClassifiedOutcome<'_>, objective: Option<Duration>) -> Self {
        let outcome = classified.outcome();
        if outcome.has_failed_over {
            // Everything after the failover is the other version's.
            return Self::default().with_rate(Metric::ErrorRate, true);
        }
        let class = classified.class();
        match class {
            Class::Neutral => Self::of_ended_response(),
            Class::NoAnswerExpected if outcome.status.is_none() => unknown_response(),
            Class::NoAnswerExpected if outcome.method == Method::Bodyless => {
                Self::of_ended_response()
            }
            Class::NoAnswerExpected => without_answer(),
            Class::Error | Class::Limited | Class::AnswerMissing | Class::ClientError => {
                failure(classified, objective)
            }
            Class::Aborted => aborted(classified, objective),
            Class::Unread => BODY_METRICS
                .into_iter()
                .chain([Metric::ErrorRate])
                .fold(success_without_body(outcome, objective), Self::with_missing),
            Class::Success => {
                let measurements = success_without_body(outcome, objective);
                match outcome.read_answer() {
                    Some(answer) => with_answer(measurements, classified, answer),
                    None => measurements,
                }
            }
        }
    }
}

/// A response that has ended, whose status, headers and body are unknown.
fn unknown_response() -> Measurements {
    let metrics = [Metric::ErrorRate, Metric::ClientErrorRate, Metric::SlowRate, Metric::Duration];
    let metrics = metrics.into_iter().chain(BODY_METRICS);
    metrics.fold(Measurements::of_ended_response(), Measurements::with_missing)
}

/// A response that has no answer to read: there is no sign of a failure, and whether there is
/// one is not known.
fn without_answer() -> Measurements {
    [Metric::ErrorRate, Metric::SlowRate, Metric::Duration]
        .into_iter()
        .chain(BODY_METRICS)
        .fold(Measurements::default(), Measurements::with_missing)
        .with_rate(Metric::ErrorRate, false)
        .with_rate(Metric::ClientErrorRate, false)
}

/// A response that failed. It fails in one way; how it would have ended otherwise is not known.
fn failure(classified: &ClassifiedOutcome<'_>, objective: Option<Duration>) -> Measurements {
    let (outcome, class) = (classified.outcome(), classified.class());
    let is_rejected = class == Class::ClientError;
    let metric = if is_rejected { Metric::ClientErrorRate } else { Metric::ErrorRate };
    let mut measurements = Measurements::default().with_rate(metric, true);
    if outcome.ending == StreamEnd::Aborted {
        measurements = measurements.with_rate(Metric::AbortRate, true);
    }
    if class == Class::Limited {
        measurements = measurements.with_rate_limited();
    }
    with_certain_defects(with_slow_if_so(measurements, outcome, objective), classified)
}

/// A response that the client aborted.
fn aborted(classified: &ClassifiedOutcome<'_>, objective: Option<Duration>) -> Measurements {
    let outcome = classified.outcome();
    let mut measurements = Measurements::default().with_rate(Metric::AbortRate, true);
    if outcome.status.is_some() {
        measurements = measurements.with_rate(Metric::ClientErrorRate, false);
    }
    let measurements = with_certain_defects(measurements, classified);
    if outcome.is_held_up() {
        return measurements;
    }
    with_times(with_slow_if_so(measurements, outcome, objective), outcome)
}

/// What the status and the end of a successful response reveal.
fn success_without_body(outcome: &Outcome, objective: Option<Duration>) -> Measurements {
    let measurements = Measurements::default()
        .with_rate(Metric::ErrorRate, false)
        .with_rate(Metric::ClientErrorRate, false)
        .with_rate(Metric::AbortRate, false);
    if outcome.is_tunnel() {
        return measurements;
    }
    let measurements = match is_slow(outcome, objective) {
        Some(is_slow) => measurements.with_rate(Metric::SlowRate, is_slow),
        None => measurements,
    };
    with_times(measurements, outcome)
}

/// Whether the response took longer than the objective from the end of its request on; `None` without
/// an objective.
fn is_slow(outcome: &Outcome, objective: Option<Duration>) -> Option<bool> {
    objective.map(|objective| outcome.duration.saturating_sub(outcome.upload) > objective)
}

/// Adds that the response was slow, if it was. One that has not reached its end is not known to
/// be fast.
fn with_slow_if_so(
    measurements: Measurements,
    outcome: &Outcome,
    objective: Option<Duration>,
) -> Measurements {
    match is_slow(outcome, objective) {
        Some(true) => measurements.with_rate(Metric::SlowRate, true),
        _ => measurements,
    }
}

/// Adds the times. A response that the client aborted lasted at least until then, and so did the
/// wait for the content of a stream that had none.
fn with_times(measurements: Measurements, outcome: &Outcome) -> Measurements {
    let is_aborted = outcome.ending == StreamEnd::Aborted;
    let duration_ms = milliseconds(outcome.duration);
    let measurements = match is_aborted {
        true => measurements.with_censored_time(Metric::Duration, duration_ms),
        false => measurements.with_value(Metric::Duration, duration_ms),
    };
    match outcome.ttft {
        Some(ttft) => measurements.with_value(Metric::Ttft, milliseconds(ttft)),
        None if is_aborted && outcome.is_stream => {
            measurements.with_censored_time(Metric::Ttft, duration_ms)
        }
        None => measurements,
    }
}

/// Adds the defects that a part of an answer proves: a refusal and a truncation.
fn with_certain_defects(
    measurements: Measurements,
    classified: &ClassifiedOutcome<'_>,
) -> Measurements {
    let Some(answer) = classified.answer() else { return measurements };
    let defects = [
        (Metric::RefusalRate, classified.is_refusal()),
        (Metric::TruncationRate, answer.truncation),
    ];
    let present = defects.into_iter().filter(|(_, is_present)| *is_present);
    present.fold(measurements, |measurements, (metric, _)| measurements.with_rate(metric, true))
}

/// Adds what a complete answer reveals.
fn with_answer(
    measurements: Measurements,
    classified: &ClassifiedOutcome<'_>,
    answer: &Answer,
) -> Measurements {
    let mut measurements = measurements
        .with_rate(Metric::RefusalRate, classified.is_refusal())
        .with_rate(Metric::EmptyRate, answer.is_empty())
        .with_rate(Metric::TruncationRate, answer.truncation);
    let outcome = classified.outcome();
    // An answer that is no stream has no first content before its end.
    if outcome.is_stream && outcome.ttft.is_none() {
        measurements = measurements.with_missing(Metric::Ttft);
    }
    let Some(output) = answer.tokens.output else {
        return measurements.with_missing(Metric::OutputTokens).with_missing(Metric::Cost);
    };
    measurements = measurements.with_value(Metric::OutputTokens, output as f32);
    match classified.uncached_cost_microusd() {
        Some(cost) => measurements.with_value(Metric::Cost, cost as f32 / 1e6),
        None => measurements.with_missing(Metric::Cost),
    }
}

/// A duration in milliseconds, with fractions: equal values would reveal nothing.
fn milliseconds(duration: Duration) -> f32 {
    (duration.as_secs_f64() * 1e3) as f32
}
