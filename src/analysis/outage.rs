//! Times after which a version's responses are not comparable for a while: its outages begin and
//! end.
//!
//! When a version answers again after an outage, its short responses end first. For some seconds it
//! looks fast, and has few slow or refused ones, while the other version has its usual mix. So
//! from a sudden change of the fraction of a version's responses that fail until a warm-up after it,
//! only failures count, on both versions. A fraction that stays as it is, however high, is no
//! outage. Each unit counts for the fraction [once a minute](super::repeats): otherwise one client, whose
//! requests fail and succeed in turn, would leave out the evidence of all others.
//!
//! **Why the tests stay valid.** Whether a response counts depends on failures before it, and not on
//! its own values. So each round stays fair, given what came before. What is left out is evidence for
//! neither side.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::measurements::Measurements;
use super::metric::Metric;
use super::observation::Observation;

/// The newest outage of any version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outages {
    failing: ByVersion<FailingFraction>,
    /// Responses that end before this time do not count, in nanoseconds of the observations' clock.
    settled_ns: u64,
}

/// The fraction of a version's responses that fail, recently and for longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct FailingFraction {
    responses: u64,
    recent: f64,
    usual: f64,
}

/// The number of responses over which each average is taken.
const RECENT: u64 = 32;
const USUAL: u64 = 1024;

/// From this difference of both on, the fraction has changed suddenly. Where half of the responses
/// fail, that is five standard deviations of the recent average.
const SUDDEN: f64 = 0.3;

// === impl Outages ===

impl Outages {
    /// Records a response, and returns what counts of it. The next `warmup_ns` nanoseconds after a
    /// sudden change are left out. `is_counted` is called for a response that has failed or is known not
    /// to have failed, and says whether its unit counts again.
    pub(super) fn record(
        &mut self,
        observation: &Observation,
        warmup_ns: u64,
        is_counted: impl FnOnce() -> bool,
    ) -> Measurements {
        let Observation { at_ns, version, measurements, .. } = *observation;
        if let Some(has_failed) = has_failed(&measurements).filter(|_| is_counted()) {
            let failing = self.failing.get_mut(version);
            failing.record(has_failed);
            if failing.has_changed() {
                self.settled_ns = self.settled_ns.max(at_ns.saturating_add(warmup_ns));
            }
        }
        match at_ns < self.settled_ns && measurements.is_response() {
            true => measurements.failures_only(),
            false => measurements,
        }
    }
}

/// Whether a response that has ended has failed; `None` where that is not known.
fn has_failed(measurements: &Measurements) -> Option<bool> {
    let is_bad = |metric| measurements.is_bad(metric) == Some(true);
    let is_known = measurements.is_known(Metric::ErrorRate) || is_bad(Metric::ClientErrorRate);
    is_known.then(|| is_bad(Metric::ErrorRate) || is_bad(Metric::ClientErrorRate))
}

// === impl FailingFraction ===

impl FailingFraction {
    fn record(&mut self, has_failed: bool) {
        self.responses = self.responses.saturating_add(1);
        let value = f64::from(u8::from(has_failed));
        self.recent += (value - self.recent) / self.responses.min(RECENT) as f64;
        self.usual += (value - self.usual) / self.responses.min(USUAL) as f64;
    }

    fn has_changed(self) -> bool {
        (self.recent - self.usual).abs() > SUDDEN
    }
}
