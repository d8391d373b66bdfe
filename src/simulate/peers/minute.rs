//! What a metrics system has of one minute.

use crate::assignment::Version;

/// A response that has ended, as a proxy's access log has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EndedResponse {
    /// The version.
    pub version: Version,
    /// The place of the user in the assignment, from 0 to 1.
    pub bucket: f64,
    /// Whether it failed with a server error.
    pub is_error: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// One minute.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct Minute {
    /// The index of the step.
    pub step: usize,
    /// Whether the step ends with it.
    pub is_last_of_step: bool,
    /// All of blue's responses.
    pub blue: MinuteOfVersion,
    /// The responses of as many of blue's users as green has.
    pub baseline: MinuteOfVersion,
    /// Green's responses.
    pub green: MinuteOfVersion,
}

/// The responses of one minute.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct MinuteOfVersion {
    /// How many failed.
    pub errors: u64,
    /// All durations, in milliseconds.
    pub durations_ms: Vec<f64>,
}

// === impl Minute ===

impl Minute {
    /// Adds a response. `share` is green's share of users, from 0 to 1.
    pub fn add(&mut self, response: &EndedResponse, share: f64) {
        match response.version {
            Version::Green => self.green.add(response),
            Version::Blue => {
                self.blue.add(response);
                if response.bucket >= 1.0 - share {
                    self.baseline.add(response);
                }
            }
        }
    }
}

// === impl MinuteOfVersion ===

impl MinuteOfVersion {
    fn add(&mut self, response: &EndedResponse) {
        self.errors += u64::from(response.is_error);
        self.durations_ms.push(response.duration_ms);
    }

    /// How many responses ended.
    pub fn responses(&self) -> u64 {
        self.durations_ms.len() as u64
    }

    /// How many took longer than this, in milliseconds.
    pub fn slower_than(&self, limit_ms: f64) -> u64 {
        self.durations_ms.iter().filter(|it| **it > limit_ms).count() as u64
    }

    /// The fraction that failed; `None` without responses.
    pub fn error_rate(&self) -> Option<f64> {
        (self.responses() > 0).then(|| self.errors as f64 / self.responses() as f64)
    }

    /// The mean duration, in milliseconds; `None` without responses.
    pub fn mean_ms(&self) -> Option<f64> {
        let sum: f64 = self.durations_ms.iter().sum();
        (self.responses() > 0).then(|| sum / self.responses() as f64)
    }

    /// A quantile of the durations, in milliseconds; `None` without responses.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let mut sorted = self.durations_ms.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }
}
