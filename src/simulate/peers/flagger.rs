//! Flagger: fixed thresholds at each interval, and a counter of failed checks.
//!
//! At each interval the canary's success rate and its 99th percentile of durations are compared
//! with fixed thresholds. An interval beyond either of them, or without data, is a failed check.
//! After as many failed checks as the threshold, in a row or not, the canary is rolled back:
//! nothing but a new revision sets the counter to 0.
//!
//! Source: Flagger at commit 15bd6ad: `pkg/controller/scheduler.go` (the counter),
//! `pkg/controller/scheduler_metrics.go` (the checks) and `pkg/metrics/observers/istio.go` (the
//! queries). The interval and the threshold are those of its documentation,
//! `docs/gitbook/usage/deployment-strategies.md`: a minute, and 10. Quantiles are of the durations
//! themselves, and not of a histogram's buckets.

use super::minute::Minute;
use super::peer_rule::PeerRule;
use super::settings::PeerSettings;

/// How many failed checks roll back.
const THRESHOLD: u32 = 10;

/// Flagger's rule.
pub(super) struct Flagger {
    settings: PeerSettings,
    failed_checks: u32,
}

// === impl Flagger ===

impl Flagger {
    pub fn new(settings: PeerSettings) -> Self {
        Self { settings, failed_checks: 0 }
    }
}

impl PeerRule for Flagger {
    fn is_worse(&mut self, minute: &Minute) -> bool {
        let error_rate = minute.green.error_rate();
        let p99_ms = minute.green.quantile_ms(0.99);
        let is_passed = error_rate.is_some_and(|it| it <= self.settings.max_error_rate)
            && p99_ms.is_some_and(|it| it <= self.settings.max_p99_ms);
        self.failed_checks += u32::from(!is_passed);
        self.failed_checks >= THRESHOLD
    }
}
