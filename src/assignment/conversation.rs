//! Conversations, which keep the version that they began with.
//!
//! The filter stores nothing about a conversation. The time at which it began comes from its id
//! or its start marker, and the share in force at that time decides for as long as it lasts.

use super::share_history::{ShareHistory, ShareInterval};
use super::{Epoch, Share, id_timestamp, start_marker};

/// A conversation, as its requests are assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation<'a> {
    /// The conversation's id.
    pub id: &'a [u8],
    /// The share by which it is assigned.
    pub sticky: StickyShare,
}

/// The start of a conversation, as one of its requests reveals it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationStart {
    /// The time at which the conversation began.
    pub time: StartTime,
    /// The start marker to send with the response, if the client does not have one yet.
    pub new_marker: Option<String>,
}

/// The time at which a conversation began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTime {
    /// In milliseconds since the Unix epoch.
    Known(u64),
    /// Not known. The conversation is treated as new.
    Unknown,
}

/// The share by which a conversation is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StickyShare {
    /// Green's share among conversations that began in the same interval.
    pub share: Share,
    /// Whether this is a share of the past and no longer in force.
    pub is_drained: bool,
    /// The ramp's step in which the conversation began. `None` if it began in no step, and is
    /// no evidence.
    pub step: Option<StartStep>,
}

/// The ramp's step in which a conversation began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartStep {
    /// The step's epoch.
    pub epoch: Epoch,
    /// The share of all units that the step compares.
    pub analysed_share: Share,
}

// === impl ConversationStart ===

impl ConversationStart {
    /// The start of the conversation `id`. `marker` is the client's start marker, if the request
    /// has one. `sends_markers` is whether the configuration has a place for markers; if it has
    /// none, there is no new one.
    pub fn find(id: &[u8], marker: Option<&[u8]>, now_ms: u64, sends_markers: bool) -> Self {
        let time = StartTime::find(id, marker, now_ms);
        let needs_marker = time == StartTime::Unknown && sends_markers;
        let new_marker = needs_marker
            .then(|| start_marker::with_start_ms(marker.unwrap_or_default(), id, now_ms));
        Self { time, new_marker }
    }
}

// === impl StartTime ===

impl StartTime {
    /// The time at which the conversation `id` began: from the id, or else from its start
    /// marker. A time after `now_ms` is invalid, because a client could use it to choose a share
    /// of the future.
    pub fn find(id: &[u8], marker: Option<&[u8]>, now_ms: u64) -> Self {
        let from_id = id_timestamp::unix_ms_of_id(id).filter(|start| *start <= now_ms);
        let from_marker =
            || start_marker::find_start_ms(marker?, id).filter(|start| *start <= now_ms);
        from_id.or_else(from_marker).map_or(Self::Unknown, Self::Known)
    }
}

// === impl StickyShare ===

impl StickyShare {
    /// The share of a conversation that began at `start`. `None` if the history is empty.
    ///
    /// - New conversations, and those older than `max_age_ms`, get the current share.
    /// - Conversations that began before the history are on blue.
    /// - All conversations are on blue until the first share applies.
    pub fn find(
        history: &ShareHistory,
        start: StartTime,
        now_ms: u64,
        max_age_ms: u64,
    ) -> Option<Self> {
        history.last()?;
        let Some(current) = history.at(now_ms) else {
            return Some(Self { share: Share::ZERO, is_drained: false, step: None });
        };
        let step_of = |interval: &ShareInterval| {
            let ShareInterval { epoch, analysed_share, .. } = *interval;
            Some(StartStep { epoch, analysed_share })
        };
        let current_share = Self { share: current.share, is_drained: false, step: None };
        let start_ms = match start {
            StartTime::Unknown => return Some(Self { step: step_of(current), ..current_share }),
            StartTime::Known(start_ms) => start_ms,
        };
        if now_ms.saturating_sub(start_ms) > max_age_ms {
            return Some(current_share);
        }
        Some(match history.at(start_ms) {
            Some(interval) => Self {
                share: interval.share,
                is_drained: interval != current,
                step: step_of(interval),
            },
            None => Self { share: Share::ZERO, is_drained: true, step: None },
        })
    }
}
