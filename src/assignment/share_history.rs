//! The history of green's share, by which conversations keep their version.

use serde::{Deserialize, Serialize};

use super::{Epoch, Share};

/// A share, and the ramp step that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareSetting {
    /// Green's share.
    pub share: Share,
    /// The share of all units that the ramp's step compares.
    pub analysed_share: Share,
    /// The epoch of the ramp's step; [`Epoch::MANUAL`] for weights that the operator set.
    pub epoch: Epoch,
}

/// An interval with a constant share. It ends where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareInterval {
    /// The start, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Green's share.
    pub share: Share,
    /// The share of all units that the ramp's step compares.
    pub analysed_share: Share,
    /// The epoch of the ramp's step; [`Epoch::MANUAL`] for weights that the operator set.
    pub epoch: Epoch,
}

/// The intervals of a rollout, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareHistory(Vec<ShareInterval>);

/// What happens to green's open conversations after a rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollbackPolicy {
    /// They continue on blue.
    #[default]
    Move,
    /// They finish on green.
    Finish,
}

/// The number of intervals that are kept. A conversation that began in a dropped interval is on
/// blue.
pub const MAX_INTERVALS: usize = 64;

/// The delay after which a new share applies to conversations, in milliseconds. Within it, all
/// workers learn of the change, so that they agree on every conversation that begins after it.
pub const PROPAGATION_MS: u64 = 2_000;

// === impl ShareHistory ===

impl ShareHistory {
    /// Creates a history of intervals in any order.
    pub fn new(intervals: Vec<ShareInterval>) -> Self {
        let mut history = Self::default();
        for interval in intervals {
            let index = history.0.partition_point(|it| it.since_ms <= interval.since_ms);
            history.0.insert(index, interval);
        }
        history
    }

    /// The interval in force at `time_ms`; `None` before the first one.
    pub fn at(&self, time_ms: u64) -> Option<&ShareInterval> {
        let next = self.0.partition_point(|interval| interval.since_ms <= time_ms);
        self.0.get(next.checked_sub(1)?)
    }

    /// The newest interval.
    pub fn last(&self) -> Option<&ShareInterval> {
        self.0.last()
    }

    /// Records the share in force. Returns whether the history changed.
    ///
    /// A share of zero applies at once ([`Self::record_rollback`]), any other share after a delay
    /// ([`Self::record_delayed`]).
    pub fn record(&mut self, now_ms: u64, setting: ShareSetting, policy: RollbackPolicy) -> bool {
        if setting.share.is_zero() {
            self.record_rollback(now_ms, setting, policy)
        } else {
            self.record_delayed(now_ms, setting)
        }
    }

    /// Records a share that applies [`PROPAGATION_MS`] from now. Returns whether the history
    /// changed.
    ///
    /// The first weights of the configuration apply at once, because each worker has the
    /// configuration before its first request.
    pub fn record_delayed(&mut self, now_ms: u64, setting: ShareSetting) -> bool {
        let delayed_ms = now_ms.saturating_add(PROPAGATION_MS);
        let since_ms = match self.0.last() {
            Some(last) if last.setting() == setting => return false,
            Some(last) => last.since_ms.max(delayed_ms),
            None if setting.epoch == Epoch::MANUAL => now_ms,
            None => delayed_ms,
        };
        self.push(ShareInterval::new(since_ms, setting));
        true
    }

    /// Records that all units are on blue from now on. Returns whether the history changed.
    ///
    /// With [`RollbackPolicy::Move`], one interval in which all units are on blue replaces the
    /// whole history, so that no open conversation stays on green.
    ///
    /// The interval keeps what `setting` has besides the share: a baseline learns from conversations
    /// on blue, and a shadow step pairs them. After a rollback no assignment is evidence anyway.
    pub fn record_rollback(
        &mut self,
        now_ms: u64,
        setting: ShareSetting,
        policy: RollbackPolicy,
    ) -> bool {
        let all_blue = ShareSetting { share: Share::ZERO, ..setting };
        if policy == RollbackPolicy::Move {
            let always_blue = [ShareInterval::new(0, all_blue)];
            let is_changed = self.0 != always_blue;
            self.0 = always_blue.into();
            return is_changed;
        }
        if self.0.last().is_some_and(|last| last.setting() == all_blue) {
            return false;
        }
        self.0.retain(|interval| interval.since_ms <= now_ms);
        self.push(ShareInterval::new(now_ms, all_blue));
        true
    }

    fn push(&mut self, interval: ShareInterval) {
        self.0.push(interval);
        if self.0.len() > MAX_INTERVALS {
            self.0.remove(0);
        }
    }

    /// This history, preceded by those configured intervals that began before it.
    pub fn with_earlier(&self, configured: &Self) -> Self {
        let first_ms = self.0.first().map_or(u64::MAX, |interval| interval.since_ms);
        let earlier = configured.0.iter().filter(|interval| interval.since_ms < first_ms);
        Self(earlier.chain(&self.0).copied().collect())
    }
}

// === impl ShareInterval ===

impl ShareInterval {
    /// An interval that begins at `since_ms`, in milliseconds since the Unix epoch.
    pub fn new(since_ms: u64, setting: ShareSetting) -> Self {
        let ShareSetting { share, analysed_share, epoch } = setting;
        Self { since_ms, share, analysed_share, epoch }
    }

    fn setting(&self) -> ShareSetting {
        let Self { share, analysed_share, epoch, .. } = *self;
        ShareSetting { share, analysed_share, epoch }
    }
}
