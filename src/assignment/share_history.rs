//! Which share was in force when.

use serde::{Deserialize, Serialize};

use super::{AnalysedShare, Epoch, Share};

/// A time in which one share was in force, up to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareInterval {
    /// From when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Green's share.
    pub share: Share,
    /// The share of all units that a ramp compared.
    pub analysed_share: Share,
    /// The ramp's epoch; [`Epoch::MANUAL`] for manual weights.
    pub epoch: Epoch,
}

/// The shares that were in force, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareHistory(Vec<ShareInterval>);

/// How many eras are kept. With the oldest the memory of conversations that began in it
/// goes, and they are blue's.
pub const MAX_INTERVALS: usize = 64;

/// For how long after a change the share before stays in force for conversations, in
/// milliseconds: until then all workers know of the change, and agree on every
/// conversation that begins after it.
pub const PROPAGATION_MS: u64 = 2_000;

// === impl ShareInterval ===

impl ShareInterval {
    /// The units that were compared.
    pub fn analysed(&self) -> AnalysedShare {
        AnalysedShare { epoch: self.epoch, share: self.analysed_share }
    }
}

// === impl ShareHistory ===

impl ShareHistory {
    /// A history of these eras.
    pub fn new(eras: Vec<ShareInterval>) -> Self {
        let mut history = Self::default();
        for era in eras {
            let place = history.0.partition_point(|it| it.since_ms <= era.since_ms);
            history.0.insert(place, era);
        }
        history
    }

    /// What was in force at a time; `None` before all that is known.
    pub fn at(&self, time: u64) -> Option<&ShareInterval> {
        let after = self.0.partition_point(|era| era.since_ms <= time);
        self.0.get(after.checked_sub(1)?)
    }

    /// The last change that is known.
    pub fn last(&self) -> Option<&ShareInterval> {
        self.0.last()
    }

    /// Notes what is in force from now on, and whether that is new: nothing for green at
    /// once, as [`Self::record_rollback`] does, all else as [`Self::record_delayed`] does.
    pub fn record(
        &mut self,
        now: u64,
        share: Share,
        analysed: AnalysedShare,
        may_finish: bool,
    ) -> bool {
        if share.is_zero() {
            self.record_rollback(now, may_finish)
        } else {
            self.record_delayed(now, share, analysed)
        }
    }

    /// Notes what is in force from now on, once all workers know of it; whether that is
    /// new. The first weights that are set by hand hold at once: each worker has them
    /// before it has a request.
    pub fn record_delayed(&mut self, now: u64, share: Share, analysed: AnalysedShare) -> bool {
        let is_known = |era: &ShareInterval| (era.share, era.analysed()) == (share, analysed);
        let since = match self.0.last() {
            Some(last) if is_known(last) => return false,
            Some(last) => last.since_ms.max(now.saturating_add(PROPAGATION_MS)),
            None if analysed.epoch == Epoch::MANUAL => now,
            None => now.saturating_add(PROPAGATION_MS),
        };
        self.0.push(ShareInterval {
            since_ms: since,
            share,
            analysed_share: analysed.share,
            epoch: analysed.epoch,
        });
        if self.0.len() > MAX_INTERVALS {
            self.0.remove(0);
        }
        true
    }

    /// Notes that blue has everything from now on, at once; whether that is new. Unless
    /// conversations under way may finish where they are, blue has had everything always.
    pub fn record_rollback(&mut self, now: u64, may_finish: bool) -> bool {
        let blue = |since| ShareInterval {
            since_ms: since,
            share: Share::ZERO,
            analysed_share: Share::ZERO,
            epoch: Epoch::MANUAL,
        };
        if !may_finish {
            let always = [blue(0)];
            let is_new = self.0 != always;
            self.0 = always.into();
            return is_new;
        }
        if self.0.last().is_some_and(|last| last.share == Share::ZERO) {
            return false;
        }
        self.0.retain(|era| era.since_ms <= now);
        self.0.push(blue(now));
        true
    }

    /// This history, with what the operator wrote of the time before it.
    pub fn with_earlier(&self, written: &Self) -> Self {
        let first = self.0.first().map_or(u64::MAX, |era| era.since_ms);
        let before = written.0.iter().filter(|era| era.since_ms < first);
        Self(before.chain(&self.0).copied().collect())
    }
}
