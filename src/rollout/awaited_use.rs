//! Whether a configuration is in use before its first request.
//!
//! A proxy may build a configuration and never use it: it rejects the listener for another reason, or
//! the listener waits for its routes or secrets. A request under the configuration proves that it is in use.
//! Before one comes, the configuration counts as used once no other configuration of the rollout gets
//! requests.

/// A configuration that has had no request yet.
///
/// ```
/// use verdigris::rollout::AwaitedUse;
///
/// // The rollout had 10 requests when the configuration came, and none since.
/// assert!(AwaitedUse::new(10, 0).tick(10));
/// // It has requests, which go to another configuration.
/// assert!(!AwaitedUse::new(10, 0).tick(11));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedUse {
    /// When the configuration came, on the monotonic clock.
    came_ns: u64,
    /// The requests of the rollout that were counted at the last tick.
    requests: u64,
    /// How many more ticks without a request there must be.
    ticks_left: u32,
    /// Whether other configurations had requests since this one came.
    has_others: bool,
}

/// How many ticks there must be without a request, once there was one: half a minute, twice the time
/// that Envoy waits for a listener's routes and secrets by default (`initial_fetch_timeout`).
const QUIET_TICKS: u32 = 60;

/// The first tick decides whether a configuration without requests is used. One that has had no tick for
/// this time, in nanoseconds, is not: Envoy 1.38 can keep a configuration that it has replaced, without
/// ticking it, for as long as an earlier one has streams.
const MAX_UNTICKED_NS: u64 = 5_000_000_000;

// === impl AwaitedUse ===

impl AwaitedUse {
    /// A configuration that came at `came_ns` of the monotonic clock, when the rollout had `requests`
    /// requests.
    pub fn new(requests: u64, came_ns: u64) -> Self {
        Self { came_ns, requests, ticks_left: 1, has_others: false }
    }

    /// Called on each tick with the rollout's number of requests. Returns whether the configuration counts
    /// as used.
    pub fn tick(&mut self, requests: u64) -> bool {
        if std::mem::replace(&mut self.requests, requests) != requests {
            (self.ticks_left, self.has_others) = (QUIET_TICKS, true);
            return false;
        }
        self.ticks_left = self.ticks_left.saturating_sub(1);
        self.ticks_left == 0
    }

    /// Whether nothing shows by now that another configuration is used in its place.
    pub fn is_likely(&self, now_ns: u64) -> bool {
        !self.has_others && now_ns.saturating_sub(self.came_ns) < MAX_UNTICKED_NS
    }
}
