//! A rollout without a ramp in this VM: its share, and the command in force in its place.

use std::cell::Cell;
use std::rc::Rc;

use super::hostcalls;
use super::logger::log_transition;
use super::registry::Registry;
use super::store::config_revision::{ConfigRevision, RevisionTracker};
use super::store::hostcalls::{CasToken, get_shared_data, set_shared_data};
use super::store::keys::versioned;
use super::store::shared_cell::{SharedCell, Update};
use crate::assignment::{EffectiveShare, Share};
use crate::config::CommandRequest;
use crate::rollout::{CommandError, ManualRollout, OperatorCommand, Transition};

thread_local! {
    static WORKERS: Registry<ManualWorker> = const { Registry::new() };
}

/// A rollout without a ramp, in this VM.
pub struct ManualWorker {
    rollout: String,
    revisions: RevisionTracker,
    shared: SharedCell<ManualRollout>,
    share_override: Cell<Option<EffectiveShare>>,
}

fn key(rollout: &str) -> String {
    versioned(rollout, "weights")
}

// === impl ManualWorker ===

impl ManualWorker {
    /// The worker of `rollout`, made at the first call in this VM.
    pub fn for_rollout(rollout: &str) -> Rc<Self> {
        WORKERS.with(|workers| {
            workers.get_or_insert(rollout, || Self {
                rollout: rollout.to_owned(),
                revisions: RevisionTracker::new(rollout),
                shared: SharedCell::new(key(rollout)),
                share_override: Cell::default(),
            })
        })
    }

    /// Drops what was commanded before the rollout had a ramp.
    pub fn clear(rollout: &str) {
        let key = key(rollout);
        if get_shared_data(&key).is_some_and(|(bytes, _)| !bytes.is_empty()) {
            let _ = set_shared_data(&key, &[], CasToken::ANY);
        }
    }

    /// Tracks which configuration is the newest.
    pub fn revisions(&self) -> &RevisionTracker {
        &self.revisions
    }

    /// The share that an operator's command has set, as this VM has last read it; `None` while the
    /// configuration's weights apply.
    pub fn share_override(&self) -> Option<EffectiveShare> {
        self.share_override.get()
    }

    /// A configuration with this share begins in this VM: it is the newest. It came when `before` was
    /// the command in effect; one that was given since stays.
    pub fn begin(
        &self,
        revision: ConfigRevision,
        configured: Share,
        before: Option<&OperatorCommand>,
    ) {
        self.revisions.begin(revision);
        let _ = self.update(configured, |rollout, now_s| {
            Ok(rollout.begin_share(configured, before, now_s))
        });
    }

    /// Reads what other VMs have written, and follows the configuration if it is the newest. Returns
    /// whether it is.
    pub fn tick(&self, revision: ConfigRevision, last_use: u64, configured: Share) -> bool {
        let is_newest = self.revisions.check(revision, last_use);
        if is_newest {
            self.reconcile(configured);
        } else {
            self.follow();
        }
        is_newest
    }

    /// Reads what other VMs have written.
    pub fn follow(&self) {
        self.share_override.set(self.state().and_then(|it| it.share_override()));
    }

    /// What all VMs know of it.
    pub fn state(&self) -> Option<ManualRollout> {
        self.shared.get()
    }

    /// Applies a command under a configuration with this share, and returns the transition.
    ///
    /// # Errors
    /// The command is not valid now, or shared data is not available.
    pub fn apply(
        &self,
        configured: Share,
        request: &CommandRequest,
    ) -> Result<Transition, CommandError> {
        let step = request.expected_step()?;
        let transition = self.update(configured, |rollout, now_s| {
            if rollout.configured_share != configured {
                return Err(CommandError::ConfigChanging);
            }
            rollout.apply(request.command.clone(), step, now_s).map(Some)
        });
        transition?.ok_or(CommandError::StoreUnavailable)
    }

    fn reconcile(&self, configured: Share) {
        // What the host does not take now is tried again at the next tick.
        let _ = self
            .update(configured, |rollout, now_s| Ok(rollout.reconcile_share(configured, now_s)));
    }

    /// Changes what is shared, and returns the transition, if there was one.
    fn update(
        &self,
        configured: Share,
        change: impl Fn(&mut ManualRollout, u64) -> Result<Option<Transition>, CommandError>,
    ) -> Result<Option<Transition>, CommandError> {
        let now_ns = hostcalls::wall_time_ns().map_err(|_| CommandError::StoreUnavailable)?;
        let now_s = now_ns / 1_000_000_000;
        let updated = self.shared.update(|found| {
            let is_new = found.is_none();
            let mut rollout = found.unwrap_or_else(|| ManualRollout::new(configured, now_s));
            let transition = change(&mut rollout, now_s);
            let share_override = rollout.share_override();
            match transition {
                Err(_) => Update::Keep((transition, None)),
                Ok(None) if !is_new => Update::Keep((transition, Some(share_override))),
                Ok(_) => Update::Write(rollout, (transition, Some(share_override))),
            }
        });
        let (transition, share_override) = updated.ok_or(CommandError::StoreUnavailable)?;
        if let Some(share_override) = share_override {
            self.share_override.set(share_override);
        }
        let transition = transition?;
        transition.iter().for_each(|it| log_transition(&self.rollout, it));
        Ok(transition)
    }
}
