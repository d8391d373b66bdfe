//! How many requests to the console were refused lately. The count limits guesses of the token, and the
//! lines that refusals write to the log.

use serde::{Deserialize, Serialize};

/// The requests that were refused in the current minute. All VMs of a process share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRequests {
    /// When the minute began, in seconds of a monotonic clock.
    began_s: u64,
    /// How many were refused in it.
    in_minute: u64,
    /// How many were refused since the last line in the log.
    unlogged: u64,
}

/// What follows from one more refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether there were more than [`RefusedRequests::MAX_PER_MINUTE`].
    pub is_limited: bool,
    /// Where the log gets a line: how many were refused since the line before.
    pub log: Option<u64>,
}

const MINUTE_S: u64 = 60;

// === impl RefusedRequests ===

impl RefusedRequests {
    /// How many requests a minute are answered by what is wrong with them. Further ones are answered
    /// with 429.
    pub const MAX_PER_MINUTE: u64 = 60;

    /// Counts a request that was refused at `now_s`, in seconds of a monotonic clock.
    ///
    /// ```
    /// use verdigris::console::{Refusal, RefusedRequests};
    /// let mut refused = RefusedRequests::default();
    /// assert_eq!(refused.add(7), Refusal { is_limited: false, log: Some(0) });
    /// assert_eq!(refused.add(8), Refusal { is_limited: false, log: None });
    /// assert_eq!(refused.add(67), Refusal { is_limited: false, log: Some(1) });
    /// ```
    pub fn add(&mut self, now_s: u64) -> Refusal {
        let is_new = self.in_minute == 0 || now_s.saturating_sub(self.began_s) >= MINUTE_S;
        if is_new {
            (self.began_s, self.in_minute) = (now_s, 0);
        }
        self.in_minute = self.in_minute.saturating_add(1);
        let log = is_new.then(|| std::mem::take(&mut self.unlogged));
        self.unlogged = self.unlogged.saturating_add(u64::from(!is_new));
        Refusal { is_limited: self.in_minute > Self::MAX_PER_MINUTE, log }
    }
}
