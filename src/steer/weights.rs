//! A rollout without a ramp, and the order that holds in it.
//!
//! | order | what it does |
//! |---|---|
//! | `weights` | green has this share |
//! | `promote` | green has everything |
//! | `rollback` | blue has everything, forced and pinned requests too |
//! | `resume` | the configuration's weights hold again; refused where they do |
//! | `pause`, `approve` | refused: there is no ramp |

use serde::{Deserialize, Serialize};

use super::order::{Order, Refusal, Verb};
use crate::assign::{Share, Standing};
use crate::ramp::log::Log;
use crate::ramp::{Entry, Phase};

/// What is known of weights that are set by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Green's share in the configuration.
    pub written: Share,
    /// What was ordered and holds.
    pub order: Option<Order>,
    /// The last decisions.
    pub log: Log,
}

// === impl Weights ===

impl Weights {
    /// A rollout begins with these weights.
    pub fn begin(written: Share, unix_s: u64) -> Self {
        let mut weights = Self { written, order: None, log: Log::default() };
        let from = (Phase::ByHand, 0);
        weights.note(from, "the configuration has these weights".to_owned(), unix_s);
        weights
    }

    /// What an order has put in force; `None` where the configuration's weights hold.
    pub fn ordered(&self) -> Option<Standing> {
        match self.order.as_ref()?.verb {
            Verb::Rollback => Some(Standing::RolledBack),
            Verb::Promote => Some(Standing::Share(Share::ALL)),
            Verb::Weights(share) => Some(Standing::Share(share)),
            Verb::Pause | Verb::Resume | Verb::Approve => None,
        }
    }

    /// Does as ordered.
    pub fn obey(&mut self, order: Order, unix_s: u64) -> Result<Entry, Refusal> {
        let held = self.order.as_ref().map(|order| order.verb);
        let refused = match order.verb {
            Verb::Pause => Some("weights are set by hand: there is no ramp to pause"),
            Verb::Approve => Some("weights are set by hand: no step waits for a person"),
            Verb::Resume if held.is_none() => {
                Some("nothing was ordered: the configuration's weights are in force")
            }
            Verb::Rollback if held == Some(Verb::Rollback) => Some("it is rolled back already"),
            Verb::Promote if held == Some(Verb::Promote) => Some("green has everything already"),
            _ => None,
        };
        if let Some(refused) = refused {
            return Err(Refusal(refused));
        }
        let (from, why) = (self.place(), order.to_string());
        self.order = (order.verb != Verb::Resume).then_some(order);
        Ok(self.note(from, why, unix_s))
    }

    /// Follows the configuration: other weights in it end what was ordered.
    pub fn follow(&mut self, written: Share, unix_s: u64) -> Option<Entry> {
        if self.written == written {
            return None;
        }
        let from = self.place();
        self.written = written;
        let why = match self.order.take() {
            Some(order) => format!(
                "the configuration has other weights, which ends what was ordered: {}",
                order.verb.as_str()
            ),
            None => "the configuration has other weights".to_owned(),
        };
        Some(self.note(from, why, unix_s))
    }

    /// Where it stands: the phase, and green's share in basis points.
    pub fn place(&self) -> (Phase, u32) {
        match self.ordered() {
            Some(Standing::RolledBack) => (Phase::RolledBack, 0),
            Some(Standing::Share(share)) => (Phase::ByHand, share.basis_points()),
            None => (Phase::ByHand, self.written.basis_points()),
        }
    }

    fn note(&mut self, from: (Phase, u32), why: String, unix_s: u64) -> Entry {
        let entry = Entry { at: unix_s, from, to: self.place(), why };
        self.log.add(entry.clone());
        entry
    }
}
