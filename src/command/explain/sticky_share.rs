//! The share that a conversation has a claim to, as far as that is known.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Explain, shown};
use crate::assignment::{
    AnalysedShare, EffectiveShare, Share, ShareHistory, StartTime, StickyShare,
};
use crate::command::output::time;
use crate::config::ConversationConfig;

/// What a conversation has a claim to; `None` where nobody has said what was in force.
pub(super) struct KnownConversation {
    pub claim: Option<StickyShare>,
    pub why: String,
}

impl Explain {
    pub(super) fn sticky_share(
        &self,
        conversations: &ConversationConfig,
        id: &str,
        standing: EffectiveShare,
    ) -> KnownConversation {
        let now = self.at.unwrap_or_else(now_ms);
        let began = match (StartTime::find(id.as_bytes(), None, now), self.began) {
            (StartTime::Unknown, Some(began)) if began <= now => StartTime::Known(began),
            (began, _) => began,
        };
        let share = match standing {
            EffectiveShare::Share(share) => share,
            EffectiveShare::RolledBack => Share::ZERO,
        };
        let history = self.history(conversations, share, now);
        let max_age = conversations.max_age_ms;
        let claim = StickyShare::find(&history, began, now, max_age);
        let claim = claim.unwrap_or(StickyShare { share, is_drained: false, step: None });
        let (when, then) = match began {
            StartTime::Unknown => {
                let why = "when it began is known neither by its id nor by a marker (--began): it \
                           is taken to begin now";
                (why.to_owned(), now)
            }
            StartTime::Known(began) => {
                let ago = now.saturating_sub(began);
                let then = if ago > max_age { now } else { began };
                (format!("it began {} before the request", time(ago as f64 / 1e3)), then)
            }
        };
        let is_known = history.at(then).is_some();
        if !is_known && self.since.is_some() {
            let why = format!(
                "{when}, and that is before --since: what was in force then is not known, unless \
                 conversation.history says it"
            );
            return KnownConversation { claim: None, why };
        }
        let share = shown(claim.share);
        let why = match began {
            StartTime::Unknown => when,
            StartTime::Known(_) if !is_known => {
                format!("{when}, before all that conversation.history says: it is blue's")
            }
            StartTime::Known(_) if claim.is_drained => {
                format!("{when}: its share is {share}, of then, not of now")
            }
            StartTime::Known(began) if began != then => {
                format!("{when}: its share is {share}, of now, since it is older than max_age")
            }
            StartTime::Known(_) => {
                format!("{when}: its share is {share}, still the one of now")
            }
        };
        KnownConversation { claim: Some(claim), why }
    }

    /// What was in force when, by what was said and written.
    fn history(&self, conversations: &ConversationConfig, share: Share, now: u64) -> ShareHistory {
        let written = &conversations.history;
        let since = self.since.unwrap_or(match written.last() {
            None => 0,
            Some(last) if last.share == share => last.since_ms,
            Some(_) => now,
        });
        let mut history = ShareHistory::default();
        history.record(since, share, AnalysedShare::MANUAL, conversations.may_finish);
        history.with_earlier(written)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
