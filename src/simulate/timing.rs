//! How long responses take in a world where they do not all end by themselves.

use rand::RngExt;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Exp};

use crate::analysis::{ByVersion, Measurements, Metric};
use crate::assignment::Version;

/// What changes the durations of a world's behaviours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// The mean of the exponentially distributed time after which a version's users give up, in
    /// seconds; `None` where they never do.
    pub patience_s: ByVersion<Option<f64>>,
    /// The fraction of green's responses that take longer, and how many times as long.
    pub green_tail: Option<(f64, f64)>,
    /// By which fraction green's durations grow in each minute since the step began.
    pub green_growth_per_minute: f64,
    /// The fraction of green's responses that hang until Envoy cuts their streams.
    pub green_hangs: f64,
}

/// How a simulated response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself.
    Complete,
    /// The user gave up.
    Aborted,
    /// Envoy cut the stream.
    Cut,
}

/// After how many milliseconds Envoy cuts a stream that hangs.
const CUT_AFTER_MS: f64 = 300_000.0;

// === impl Timing ===

impl Timing {
    /// The duration of a response in milliseconds, and how it ends. Without a change it would take
    /// `duration_ms`; its step began `in_step_s` seconds ago.
    pub(super) fn of_response(
        &self,
        version: Version,
        duration_ms: f64,
        in_step_s: u64,
        random: &mut SmallRng,
    ) -> (f64, Ending) {
        let mut chance = |fraction: f64| fraction > 0.0 && random.random::<f64>() < fraction;
        let (mut duration_ms, mut ending) = (duration_ms, Ending::Complete);
        if version == Version::Green {
            duration_ms *= 1.0 + self.green_growth_per_minute * in_step_s as f64 / 60.0;
            if let Some((_, times)) = self.green_tail.filter(|(fraction, _)| chance(*fraction)) {
                duration_ms *= times;
            }
            if chance(self.green_hangs) {
                (duration_ms, ending) = (CUT_AFTER_MS, Ending::Cut);
            }
        }
        let patience = self.patience_s.get(version).and_then(|mean| Exp::new(1.0 / mean).ok());
        match patience.map(|patience| patience.sample(random) * 1e3) {
            Some(patience_ms) if patience_ms < duration_ms => (patience_ms, Ending::Aborted),
            _ => (duration_ms, ending),
        }
    }

    /// Whether users give up.
    pub(super) fn has_aborts(&self) -> bool {
        self.patience_s.blue.is_some() || self.patience_s.green.is_some()
    }
}

/// What is known of a response that was aborted after so many milliseconds, if these are the
/// measurements that it would have had.
pub(super) fn aborted(complete: &Measurements, after_ms: f64) -> Measurements {
    let at_least_ms = after_ms as f32;
    let measurements = Measurements::default()
        .with_rate(Metric::AbortRate, true)
        .with_rate(Metric::ClientErrorRate, false);
    let measurements = match complete.is_known(Metric::Duration) {
        true => measurements.with_censored_time(Metric::Duration, at_least_ms),
        false => measurements,
    };
    match complete.value_of(Metric::Ttft) {
        Some(ttft_ms) if ttft_ms < after_ms => {
            measurements.with_value(Metric::Ttft, ttft_ms as f32)
        }
        Some(_) => measurements.with_censored_time(Metric::Ttft, at_least_ms),
        None => measurements,
    }
}
