//! A rollout's position: its phase, and green's share.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decimal::PercentOfBasisPoints;
use super::phase::Phase;

/// A rollout's phase, and green's share in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The phase.
    pub phase: Phase,
    /// Green's share, in basis points: 10,000 is everything.
    pub green_bp: u32,
}

// === impl Position ===

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.phase, PercentOfBasisPoints(self.green_bp))
    }
}
