//! A rule.

use super::minute::Minute;

/// A rule that decides at the end of each minute.
pub(in crate::simulate) trait PeerRule {
    /// Adds a minute. Returns whether the rule rolls back.
    fn is_worse(&mut self, minute: &Minute) -> bool;
}
