//! Simulated worlds: traffic, and what the versions answer.

use std::ops::Range;

use rand::RngExt;
use rand::rngs::SmallRng;

use super::behaviour::Behaviour;
use super::drift::Drift;
use super::population::{SimulatedUser, Users};
use super::request::RequestDeviation;
use super::timing::{self, Ending, Timing};
use crate::analysis::{ByVersion, Measurements, Metric};
use crate::assignment::Version;
use crate::rollout::RampSpec;

/// Traffic and two versions.
#[derive(Clone, Debug)]
pub struct World {
    /// Requests per second, of all users.
    pub per_second: f64,
    /// Who sends the requests.
    pub users: Users,
    /// How the versions behave, metric by metric. Other metrics are not measured.
    pub behaviours: Vec<Behaviour>,
    /// In which seconds of the run green behaves as it does; before and after them it is like blue.
    pub green_differs_s: Range<u64>,
    /// An incident.
    pub incident: Option<Incident>,
    /// Whose answers cannot be read.
    pub unread: ByVersion<bool>,
    /// How long a failed response takes, in milliseconds; `None` if failing does not change the
    /// duration.
    pub failure_ms: Option<f64>,
    /// What changes the durations.
    pub timing: Timing,
    /// The fraction of the variance of values' logarithms that the class of the request explains.
    pub explained: f64,
    /// The fraction of pairs on which a judge gives a verdict that agrees in both orders, from 0 to 1.
    pub judged_pairs: f64,
    /// How traffic, rates and values of both versions change over time, if they do.
    pub drift: Option<Drift>,
}

/// An incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// When it happens, in seconds of the run.
    pub seconds: Range<u64>,
    /// The factor of all rates, on both versions.
    pub times: f64,
    /// The additional fraction of each version's responses that fails.
    pub failing: ByVersion<f64>,
}

/// A simulated response.
pub(super) struct SimulatedResponse {
    /// What is known of it.
    pub measurements: Measurements,
    /// How long it takes, in seconds.
    pub duration_s: f64,
    /// Whether it succeeds.
    pub is_success: bool,
}

/// The duration of answers where the world does not define it: a median of 4 s.
const DEFAULT_DURATION: Behaviour =
    Behaviour { metric: Metric::Duration, blue: 4000.0, spread: 0.8, green: 1.0 };

// === impl World ===

impl World {
    /// All seconds of a run.
    pub const WHOLE_RUN: Range<u64> = 0..u64::MAX;

    /// A response of a version to a user's request in this second of the run.
    ///
    /// As for a real response, only the failure is known of one that failed, and only its status
    /// of one that cannot be read.
    pub(super) fn respond(
        &self,
        version: Version,
        user: SimulatedUser<'_>,
        second: u64,
        in_step_s: u64,
        random: &mut SmallRng,
    ) -> SimulatedResponse {
        let incident = self.incident.as_ref().filter(|it| it.seconds.contains(&second));
        let drift = self.drift.map_or(1.0, |it| it.factor(second));
        let rate_factor = incident.map_or(1.0, |it| it.times) * drift;
        let failing = incident.map_or(0.0, |it| *it.failing.get(version));
        let (mut measurements, mut duration_ms) = (Measurements::default(), None);
        let (mut failure, mut has_failed) = (Measurements::default(), false);
        let request = RequestDeviation::draw(self.explained, random);
        let differs = self.green_differs_s.contains(&second);
        let behaves_like = if differs { version } else { Version::Blue };
        for (index, behaviour) in self.behaviours.iter().enumerate() {
            let metric = behaviour.metric;
            if metric.quantile().is_some() || metric.is_of_pairs() {
                // A quantile follows from the time.
                continue;
            }
            if !behaviour.is_rate() {
                let value =
                    behaviour.value(behaves_like, user.deviation(index), request, random) * drift;
                if metric == Metric::Duration {
                    duration_ms = Some(value);
                    continue;
                }
                measurements = measurements.with_value(metric, value as f32);
                continue;
            }
            let rate = behaviour.center(behaves_like) * rate_factor * user.rate_factor(index);
            let rate = if metric == Metric::ErrorRate { rate + failing } else { rate };
            let is_failure = matches!(metric, Metric::ErrorRate | Metric::ClientErrorRate);
            // A request fails in one way only.
            let is_bad = random.random::<f64>() < rate && !(is_failure && has_failed);
            if is_failure && is_bad {
                has_failed = true;
                failure = failure.with_rate(metric, true);
            }
            measurements = measurements.with_rate(metric, is_bad);
        }
        let has_duration = duration_ms.is_some();
        let duration_ms = duration_ms
            .unwrap_or_else(|| DEFAULT_DURATION.value(behaves_like, 0.0, request, random) * drift);
        if has_failed {
            let duration_s = self.failure_ms.unwrap_or(duration_ms) / 1e3;
            return SimulatedResponse { measurements: failure, duration_s, is_success: false };
        }
        let (duration_ms, ending) =
            self.timing.of_response(behaves_like, duration_ms, in_step_s, random);
        let duration_s = duration_ms / 1e3;
        if has_duration {
            measurements = measurements.with_value(Metric::Duration, duration_ms as f32);
        }
        let measurements = match ending {
            Ending::Complete if self.timing.has_aborts() => {
                measurements.with_rate(Metric::AbortRate, false)
            }
            Ending::Complete => measurements,
            Ending::Aborted => timing::aborted(&measurements, duration_ms),
            Ending::Cut => Measurements::default().with_rate(Metric::ErrorRate, true),
        };
        let is_success = ending == Ending::Complete;
        let measurements = match *self.unread.get(version) && is_success {
            true => self.without_body(measurements),
            false => measurements,
        };
        let measurements = measurements.with_request_class(request.class);
        SimulatedResponse { measurements, duration_s, is_success }
    }

    /// What is known of a response whose body cannot be read.
    fn without_body(&self, measurements: Measurements) -> Measurements {
        let metrics = self.behaviours.iter().map(|behaviour| behaviour.metric);
        measurements
            .with_all_missing(metrics.filter(|metric| RampSpec::is_from_body(*metric)))
            .with_missing(Metric::ErrorRate)
    }
}
