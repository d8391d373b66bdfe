//! What an order does to a ramp.
//!
//! | order | `ramping`, `holding` | `paused` | `promoted` | `rolled_back` |
//! |---|---|---|---|---|
//! | `pause` | `paused`, the share stays | refused | refused | refused |
//! | `resume` | refused | goes on with its step, if an order paused it | the same, if an order promoted it | refused |
//! | `rollback` | `rolled_back` | `rolled_back` | `rolled_back` | refused |
//! | `promote` | `promoted`, green has everything | `promoted` | refused | refused |
//! | `approve` | the next step, if `holding` waits for approval | refused | refused | refused |
//! | `weights` | `paused` with this share | the same | the same | refused |
//!
//! Of a ramp that has lost its state, which is `paused`, `pause` and `resume` are refused; what
//! else is ordered holds, and with its end the ramp waits again.
//!
//! Tripwires look at green's responses in any phase. A share by hand is no step's: what it
//! decides is evidence of none, and the judge goes on with what comes late of the step. Nor is
//! its time any step's: bake time and timeout stand still, and the step must get warm anew.
//! A pause goes on gathering evidence at the step's share, and its time counts. After
//! `promote` the judge is not asked.
//!
//! An order holds until the ramp changes in the configuration, in whatever; a rollback until
//! `restart` does.

use super::log::Entry;
use super::machine::REBEGIN;
use super::phase::{Phase, Wait};
use super::settings::Settings;
use super::state::{Identity, Now, State};
use crate::assign::Share;
use crate::steer::{Order, Refusal, Verb};

// === impl State ===

impl State {
    /// Does as ordered; what that has decided.
    pub fn obey(&mut self, settings: &Settings, order: Order, now: Now) -> Result<Entry, Refusal> {
        if self.told != Identity::of(settings) {
            return Err(Refusal::CHANGING);
        }
        self.refuse(order.verb)?;
        self.turn(now);
        let (from, why) = (self.place(settings), order.to_string());
        match order.verb {
            Verb::Pause => {
                (self.phase, self.wait) = (Phase::Paused, Wait::Resume);
                self.order = Some(order);
            }
            Verb::Weights(_) => {
                self.phase = Phase::Paused;
                self.wait_unless_lost(Wait::Resume);
                self.leave(now);
                self.clear_windows(settings);
                self.order = Some(order);
            }
            Verb::Promote => {
                self.phase = Phase::Promoted;
                self.wait_unless_lost(Wait::Nothing);
                self.leave(now);
                self.clear_windows(settings);
                self.order = Some(order);
            }
            Verb::Rollback => {
                (self.phase, self.wait) = (Phase::RolledBack, Wait::Restart);
                self.order = Some(order);
            }
            Verb::Resume => {
                self.release(settings, now);
            }
            Verb::Approve => {
                self.phase = Phase::Ramping;
                self.enter(settings, self.step + 1, now);
            }
        }
        Ok(self.note(settings, from, why, now))
    }

    /// Green's share, where it is ordered and no step's.
    pub fn share_by_hand(&self) -> Option<Share> {
        match self.order.as_ref()?.verb {
            Verb::Weights(share) => Some(share),
            Verb::Promote => Some(Share::ALL),
            Verb::Rollback | Verb::Pause | Verb::Resume | Verb::Approve => None,
        }
    }

    /// What was ordered ends, and the ramp goes on with the step that it was in; what that
    /// was.
    pub(super) fn release(&mut self, settings: &Settings, now: Now) -> Option<Order> {
        let order = self.order.take()?;
        self.come_back(now);
        self.clear_windows(settings);
        let is_lost = self.wait == Wait::StateLost;
        // Whether it waits for anything else the next tick tells.
        if is_lost || settings.is_paused {
            self.phase = Phase::Paused;
            self.wait_unless_lost(Wait::Resume);
        } else {
            (self.phase, self.wait) = (Phase::Ramping, Wait::Bake);
        }
        Some(order)
    }

    /// A ramp that has lost its state still waits for `restart` when an order ends.
    fn wait_unless_lost(&mut self, wait: Wait) {
        if self.wait != Wait::StateLost {
            self.wait = wait;
        }
    }

    fn refuse(&self, verb: Verb) -> Result<(), Refusal> {
        use Phase::{Paused, Promoted, RolledBack};
        let held = self.order.as_ref().map(|order| order.verb);
        let why = match (verb, self.phase) {
            (Verb::Rollback, RolledBack) => "it is rolled back already",
            (_, RolledBack) => REBEGIN,
            (Verb::Rollback | Verb::Weights(_), _) => return Ok(()),
            (Verb::Promote, Promoted) => "it is promoted already",
            (Verb::Promote, _) => return Ok(()),
            (Verb::Resume, _) if held.is_some() => return Ok(()),
            (Verb::Pause | Verb::Resume, Paused) if self.wait == Wait::StateLost => {
                "the ramp has lost its state and is on blue: to begin it again, change \
                 ramp.restart; to go on by hand, order promote or weights"
            }
            (Verb::Resume, Paused) => {
                "it was not paused by hand: the configuration says paused, take ramp.paused out"
            }
            (Verb::Resume, _) => "nothing is paused",
            (Verb::Pause, Paused) if held.is_some() => "it is paused already, by hand",
            (Verb::Pause, Paused) => "the configuration says paused already",
            (Verb::Pause, Promoted) => "it is promoted: there is no step to come that could wait",
            (Verb::Pause, _) => return Ok(()),
            (Verb::Approve, _) if self.wait == Wait::Approval => return Ok(()),
            (Verb::Approve, Paused) => "it is paused: end that first",
            (Verb::Approve, Promoted) => "it is promoted: no step is to come",
            (Verb::Approve, _) => {
                "no step waits for approval: before that comes its bake time is over and green \
                 is shown to be safe"
            }
        };
        Err(Refusal(why))
    }
}
