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

use super::operator_command::{CommandError, CommandKind, OperatorCommand};
use super::transition_log::TransitionLog;
use super::{Phase, Transition};
use crate::assignment::{EffectiveShare, Share};

/// What is known of weights that are set by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManualRollout {
    /// Green's share in the configuration.
    pub configured_share: Share,
    /// What was ordered and holds.
    pub command: Option<OperatorCommand>,
    /// The last decisions.
    pub log: TransitionLog,
}

// === impl Weights ===

impl ManualRollout {
    /// A rollout begins with these weights.
    pub fn new(written: Share, unix_s: u64) -> Self {
        let mut weights =
            Self { configured_share: written, command: None, log: TransitionLog::default() };
        let from = (Phase::ByHand, 0);
        weights.record_transition(from, "the configuration has these weights".to_owned(), unix_s);
        weights
    }

    /// What an order has put in force; `None` where the configuration's weights hold.
    pub fn share_override(&self) -> Option<EffectiveShare> {
        match self.command.as_ref()?.kind {
            CommandKind::Rollback => Some(EffectiveShare::RolledBack),
            CommandKind::Promote => Some(EffectiveShare::Share(Share::ALL)),
            CommandKind::Weights(share) => Some(EffectiveShare::Share(share)),
            CommandKind::Pause | CommandKind::Resume | CommandKind::Approve => None,
        }
    }

    /// Does as ordered.
    pub fn apply(
        &mut self,
        order: OperatorCommand,
        unix_s: u64,
    ) -> Result<Transition, CommandError> {
        let held = self.command.as_ref().map(|order| order.kind);
        let refused = match order.kind {
            CommandKind::Pause => Some("weights are set by hand: there is no ramp to pause"),
            CommandKind::Approve => Some("weights are set by hand: no step waits for a person"),
            CommandKind::Resume if held.is_none() => {
                Some("nothing was ordered: the configuration's weights are in force")
            }
            CommandKind::Rollback if held == Some(CommandKind::Rollback) => {
                Some("it is rolled back already")
            }
            CommandKind::Promote if held == Some(CommandKind::Promote) => {
                Some("green has everything already")
            }
            _ => None,
        };
        if let Some(refused) = refused {
            return Err(CommandError(refused));
        }
        let (from, why) = (self.position(), order.to_string());
        self.command = (order.kind != CommandKind::Resume).then_some(order);
        Ok(self.record_transition(from, why, unix_s))
    }

    /// Follows the configuration: other weights in it end what was ordered.
    pub fn reconcile_share(&mut self, written: Share, unix_s: u64) -> Option<Transition> {
        if self.configured_share == written {
            return None;
        }
        let from = self.position();
        self.configured_share = written;
        let why = match self.command.take() {
            Some(order) => format!(
                "the configuration has other weights, which ends what was ordered: {}",
                order.kind.as_str()
            ),
            None => "the configuration has other weights".to_owned(),
        };
        Some(self.record_transition(from, why, unix_s))
    }

    /// Where it stands: the phase, and green's share in basis points.
    pub fn position(&self) -> (Phase, u32) {
        match self.share_override() {
            Some(EffectiveShare::RolledBack) => (Phase::RolledBack, 0),
            Some(EffectiveShare::Share(share)) => (Phase::ByHand, share.basis_points()),
            None => (Phase::ByHand, self.configured_share.basis_points()),
        }
    }

    fn record_transition(&mut self, from: (Phase, u32), why: String, unix_s: u64) -> Transition {
        let entry = Transition { at_s: unix_s, from, to: self.position(), why };
        self.log.push(entry.clone());
        entry
    }
}
