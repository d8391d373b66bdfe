//! An asymptotic confidence sequence for the difference of two means, looked at each minute.
//!
//! One-sided, on the answers of the step so far: errors as 0 and 1, and the logarithm of the
//! duration. It is rolled back when the lower limit of either difference is above 0. α is divided
//! by the number of steps and metrics; the sequence itself allows for all looks.
//!
//! Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, *Time-uniform central limit theory and
//! asymptotic confidence sequences*, Annals of Statistics 2024 (arXiv 2103.06476): proposition 2.2
//! in its one-sided form, and equation 14 for ρ.

use super::minute::{Minute, MinuteOfVersion};
use super::peer_rule::PeerRule;
use super::settings::PeerSettings;
use crate::analysis::ByVersion;
use crate::analysis::moments::Moments;

/// The number of metrics.
const METRICS: f64 = 2.0;

/// The number of responses at which the sequence is narrowest.
const TIGHTEST_AT: f64 = 5000.0;

/// The least number of responses of each version, for the sequence is valid only asymptotically.
const MIN_RESPONSES: u64 = 30;

/// The confidence sequence.
pub(super) struct MeanSequence {
    level: f64,
    errors: ByVersion<Moments>,
    log_durations: ByVersion<Moments>,
}

// === impl MeanSequence ===

impl MeanSequence {
    pub fn new(settings: PeerSettings) -> Self {
        let level = settings.alpha / (METRICS * settings.steps as f64);
        let (errors, log_durations) = (ByVersion::default(), ByVersion::default());
        Self { level, errors, log_durations }
    }
}

impl PeerRule for MeanSequence {
    fn is_worse(&mut self, minute: &Minute) -> bool {
        let add = |minute: &MinuteOfVersion, errors: &mut Moments, logs: &mut Moments| {
            *errors += Moments::from_rate(minute.responses(), minute.errors);
            minute.durations_ms.iter().for_each(|it| logs.add(libm::log(it.max(1.0))));
        };
        add(&minute.blue, &mut self.errors.blue, &mut self.log_durations.blue);
        add(&minute.green, &mut self.errors.green, &mut self.log_durations.green);
        let is_above_0 = |it: &ByVersion<Moments>| lower_limit(it, self.level) > Some(0.0);
        let is_worse = is_above_0(&self.errors) || is_above_0(&self.log_durations);
        if minute.is_last_of_step {
            (self.errors, self.log_durations) = (ByVersion::default(), ByVersion::default());
        }
        is_worse
    }
}

/// The lower limit of green's mean minus blue's; `None` with too few responses.
fn lower_limit(versions: &ByVersion<Moments>, alpha: f64) -> Option<f64> {
    let ByVersion { blue, green } = versions;
    if blue.count.min(green.count) < MIN_RESPONSES {
        return None;
    }
    let count = (blue.count + green.count) as f64;
    let variance =
        count * (green.variance()? / green.count as f64 + blue.variance()? / blue.count as f64);
    let log_alpha = libm::log(alpha);
    let rho_squared = (-2.0 * log_alpha + libm::log(1.0 - 2.0 * log_alpha)) / TIGHTEST_AT;
    let scale = count * rho_squared + 1.0;
    let log = libm::log1p(scale.sqrt() / (2.0 * alpha));
    let half_width = (variance * 2.0 * scale / (count * count * rho_squared) * log).sqrt();
    (variance > 0.0).then_some(green.mean()? - blue.mean()? - half_width)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed elsewhere, with 10 of 1000 errors of blue and 40 of 500 of green.
    #[test]
    fn a_lower_limit() {
        let rates =
            ByVersion { blue: Moments::from_rate(1000, 10), green: Moments::from_rate(500, 40) };
        let found = lower_limit(&rates, 0.05 / 8.0);
        assert!(found.is_some_and(|it| (it - 0.024_668_28).abs() < 1e-6), "{found:?}");
        let few = ByVersion { green: Moments::from_rate(20, 20), ..rates };
        assert_eq!(lower_limit(&few, 0.05), None);
    }
}
