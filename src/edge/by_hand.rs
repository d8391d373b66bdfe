//! Weights that are set by hand: their history, and what was ordered in their place, as VMs
//! share it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::generation::{Generation, Newest};
use super::host::{self, Cas, set_shared, shared};
use super::walker::{key_of_format, say};
use crate::assignment::{EffectiveShare, Share};
use crate::rollout::Transition;
use crate::rollout::{CommandError, ManualRollout, OperatorCommand};

thread_local! {
    /// Those of this VM. Like metrics, they outlive a configuration.
    static KNOWN: RefCell<Vec<Rc<ByHand>>> = RefCell::default();
}

/// How often a change is tried that other VMs come between.
const TRIES: usize = 4;

/// A rollout without a ramp, in this VM.
pub struct ByHand {
    rollout: String,
    newest: Newest,
    ordered: Cell<Option<EffectiveShare>>,
}

// === impl ByHand ===

impl ByHand {
    /// That of `rollout`, made at the first call in this VM.
    pub fn of(rollout: &str) -> Rc<Self> {
        KNOWN.with_borrow_mut(|all| {
            let known = all.iter().find(|it| it.rollout == rollout);
            known.map(Rc::clone).unwrap_or_else(|| {
                let newest = Newest::of(rollout);
                let ordered = Cell::default();
                let made = Rc::new(Self { rollout: rollout.to_owned(), newest, ordered });
                all.push(Rc::clone(&made));
                made
            })
        })
    }

    /// The rollout has a ramp: what was ordered before ends.
    pub fn forget(rollout: &str) {
        let key = key_of_format(rollout, "weights");
        if shared(&key).is_some_and(|(it, _)| !it.is_empty()) {
            let _ = set_shared(&key, &[], Cas::ANY);
        }
    }

    /// Which configuration is the newest.
    pub fn newest(&self) -> &Newest {
        &self.newest
    }

    /// What an order has put in force, as this VM knows it; `None` where the
    /// configuration's weights hold.
    pub fn ordered(&self) -> Option<EffectiveShare> {
        self.ordered.get()
    }

    /// A configuration with these weights begins in this VM: it is the newest.
    pub fn begin(&self, generation: Generation, written: Share) {
        self.newest.begin(generation);
        self.follow(written);
    }

    /// Learns what other VMs know, and follows the configuration if it is the newest;
    /// whether it is.
    pub fn tick(&self, generation: Generation, used: u64, written: Share) -> bool {
        let is_newest = self.newest.is(generation, used);
        if is_newest {
            self.follow(written);
        } else {
            self.ordered.set(self.state().and_then(|it| it.share_override()));
        }
        is_newest
    }

    /// What all VMs know of it.
    pub fn state(&self) -> Option<ManualRollout> {
        let (text, _) = shared(&self.key())?;
        postcard::from_bytes(&text).ok()
    }

    /// Does as ordered, under a configuration with these weights; what that has decided.
    pub fn order(
        &self,
        written: Share,
        order: &OperatorCommand,
    ) -> Result<Transition, CommandError> {
        let obeyed = self.change(written, |weights, now| {
            if weights.configured_share != written {
                return Err(CommandError::ConfigChanging);
            }
            weights.apply(order.clone(), now).map(Some)
        });
        obeyed?.ok_or(CommandError::StoreUnavailable)
    }

    fn follow(&self, written: Share) {
        // What does not come about now does at the next tick.
        let _ = self.change(written, |weights, now| Ok(weights.reconcile_share(written, now)));
    }

    /// Changes what is shared, in one piece; what that has decided.
    fn change(
        &self,
        written: Share,
        change: impl Fn(&mut ManualRollout, u64) -> Result<Option<Transition>, CommandError>,
    ) -> Result<Option<Transition>, CommandError> {
        let now = host::wall_time().map_err(|_| CommandError::StoreUnavailable)? / 1_000_000_000;
        for _ in 0..TRIES {
            let found = shared(&self.key());
            let cas = found.as_ref().map_or(Cas::ANY, |(_, cas)| *cas);
            let known =
                found.and_then(|(text, _)| postcard::from_bytes::<ManualRollout>(&text).ok());
            let is_new = known.is_none();
            let mut weights = known.unwrap_or_else(|| ManualRollout::new(written, now));
            let entry = change(&mut weights, now)?;
            let is_shared = (entry.is_none() && !is_new)
                || postcard::to_allocvec(&weights)
                    .is_ok_and(|text| set_shared(&self.key(), &text, cas).is_ok());
            if is_shared {
                self.ordered.set(weights.share_override());
                entry.iter().for_each(|entry| say(&self.rollout, entry));
                return Ok(entry);
            }
        }
        Err(CommandError::StoreUnavailable)
    }

    fn key(&self) -> String {
        key_of_format(&self.rollout, "weights")
    }
}
