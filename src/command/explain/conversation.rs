//! The share that a conversation is assigned by, as far as it is known.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::assignment::{
    EffectiveShare, Epoch, Share, ShareHistory, ShareSetting, StartTime, StickyShare,
};
use crate::command::output::{share_percent, time};
use crate::config::ConversationConfig;

/// The times of a conversation and its request, in milliseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct ConversationTimes {
    /// The request; by default now.
    pub at_ms: Option<u64>,
    /// The conversation's start by its marker.
    pub began_ms: Option<u64>,
    /// When the current weights came into force.
    pub since_ms: Option<u64>,
}

/// The share that a conversation is assigned by.
pub(super) struct ConversationShare {
    /// `None` if the share that was in force at the conversation's start is not known.
    pub share: Option<StickyShare>,
    pub why: String,
}

// === impl ConversationShare ===

impl ConversationShare {
    /// Finds the share of the conversation `id` with the filter's own rules.
    pub(super) fn find(
        times: ConversationTimes,
        config: &ConversationConfig,
        id: &str,
        effective: EffectiveShare,
    ) -> Self {
        let now = times.at_ms.unwrap_or_else(now_ms);
        let start = match (StartTime::find(id.as_bytes(), None, now), times.began_ms) {
            (StartTime::Unknown, Some(began)) if began <= now => StartTime::Known(began),
            (start, _) => start,
        };
        let current = match effective {
            EffectiveShare::Share(share) => share,
            EffectiveShare::RolledBack => Share::ZERO,
        };
        let history = history(times.since_ms, config, current, now);
        let found = StickyShare::find(&history, start, now, config.max_age_ms);
        let sticky = found.unwrap_or(StickyShare { share: current, is_drained: false, step: None });
        let (when, assigned_at) = match start {
            StartTime::Unknown => {
                let why = "neither its id nor a marker (--began) has its start: it counts as \
                           beginning now";
                (why.to_owned(), now)
            }
            StartTime::Known(began) => {
                let age = now.saturating_sub(began);
                let assigned_at = if age > config.max_age_ms { now } else { began };
                (format!("it began {} before the request", time(age as f64 / 1e3)), assigned_at)
            }
        };
        let is_known = history.at(assigned_at).is_some();
        if !is_known && times.since_ms.is_some() {
            let why = format!(
                "{when}, which is before --since: the share at that time is not known, unless \
                 conversation.history has it"
            );
            return Self { share: None, why };
        }
        let share = share_percent(sticky.share);
        let why = match start {
            StartTime::Unknown => when,
            StartTime::Known(_) if !is_known => {
                format!("{when}, before the first entry of conversation.history: it is on blue")
            }
            StartTime::Known(_) if sticky.is_drained => {
                format!("{when}: it keeps the share of that time, {share}")
            }
            StartTime::Known(began) if began != assigned_at => {
                format!("{when}, which is longer than max_age: it has the current share, {share}")
            }
            StartTime::Known(_) => {
                format!("{when}: its share, {share}, is still the current one")
            }
        };
        Self { share: Some(sticky), why }
    }
}

/// The shares over time, from the options and the configuration.
fn history(
    since_ms: Option<u64>,
    config: &ConversationConfig,
    share: Share,
    now: u64,
) -> ShareHistory {
    let configured = &config.history;
    let since = since_ms.unwrap_or(match configured.last() {
        None => 0,
        Some(last) if last.share == share => last.since_ms,
        Some(_) => now,
    });
    let mut history = ShareHistory::default();
    let weights = ShareSetting { share, analysed_share: Share::ALL, epoch: Epoch::MANUAL };
    history.record(since, weights, config.on_rollback);
    history.with_earlier(configured)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
