//! Conversations keep the version they began with.
//!
//! Nothing is stored of a conversation. When it began is known by its id or its marker,
//! and the share that was in force then decides, for as long as it lasts.

use super::share_history::{ShareHistory, ShareInterval};
use super::{AnalysedShare, Share, id_timestamp, start_marker};

/// What is known of when a conversation began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTime {
    /// At this time, in milliseconds since 1970.
    Known(u64),
    /// Nothing: it is taken to begin now.
    Unknown,
}

/// The share that a conversation has a claim to, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StickyShare {
    /// Green's share of the conversations that are like it.
    pub share: Share,
    /// Whether that is a share of the past.
    pub is_drained: bool,
    /// The units that the analysis compares in the epoch in which it began; `None` where it
    /// began in none, and is no evidence.
    pub step: Option<AnalysedShare>,
}

// === impl Beginning ===

impl StartTime {
    /// When the conversation `id` began, by the id itself or else by a marker. A time in
    /// the future is none: what it is of cannot be known before.
    pub fn find(id: &[u8], marker: Option<&[u8]>, now: u64) -> Self {
        let by_id = id_timestamp::unix_ms_of_id(id).filter(|time| *time <= now);
        let by_marker = || start_marker::find_start_ms(marker?, id).filter(|time| *time <= now);
        by_id.or_else(by_marker).map_or(Self::Unknown, Self::Known)
    }
}

// === impl Claim ===

impl StickyShare {
    /// What a conversation has that began then. One that is older than `max_age_ms` goes
    /// by the share of now; one from before all that is known is blue's, and so is one of
    /// now as long as the first share does not hold yet. `None` where nothing is known at
    /// all.
    pub fn find(
        history: &ShareHistory,
        began: StartTime,
        now: u64,
        max_age_ms: u64,
    ) -> Option<Self> {
        history.last()?;
        let Some(current) = history.at(now) else {
            return Some(Self { share: Share::ZERO, is_drained: false, step: None });
        };
        let step = |era: &ShareInterval| Some(era.analysed());
        let began = match began {
            StartTime::Unknown => {
                return Some(Self { share: current.share, is_drained: false, step: step(current) });
            }
            StartTime::Known(began) => began,
        };
        if now.saturating_sub(began) > max_age_ms {
            return Some(Self { share: current.share, is_drained: false, step: None });
        }
        Some(match history.at(began) {
            Some(era) => Self { share: era.share, is_drained: era != current, step: step(era) },
            None => Self { share: Share::ZERO, is_drained: true, step: None },
        })
    }
}
