//! Conversations, which keep the version that they began with.

use proptest::prelude::*;
use serde_json::json;
use verdigris::assignment::share_history::PROPAGATION_MS;
use verdigris::assignment::{
    Assignment, AssignmentRequest, Conversation, ConversationStart, EffectiveShare, Epoch, Reason,
    RollbackPolicy, Share, ShareHistory, StartStep, StartTime, StickyShare, Version, assign,
    start_marker,
};
use verdigris::config::Config;

use crate::{DAY_MS, START_MS, config_with, history_since_start, percent, setting};

fn config_with_conversation(conversation: serde_json::Value) -> Config {
    config_with(json!({"conversation": conversation}))
}

fn assigned(
    config: &Config,
    effective: EffectiveShare,
    id: &str,
    sticky: StickyShare,
) -> Assignment {
    let conversation = Some(Conversation { id: id.as_bytes(), sticky });
    let request = AssignmentRequest { unit: Some(b"ada"), forced: None, conversation };
    assign(&config.assignment_rules(), effective, request, || unreachable!())
}

fn begun_in(epoch: u32) -> Option<StartStep> {
    Some(StartStep { epoch: Epoch::new(epoch), analysed_share: Share::ALL })
}

/// A ULID created at `time_ms`.
fn ulid(time_ms: u64, randomness: u64) -> String {
    let digit = |number: u64| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(number % 32) as usize] as char;
    let time = (0..10).rev().map(|index| digit(time_ms >> (5 * index)));
    time.chain((0..16).map(|index| digit(randomness >> (3 * index)))).collect()
}

/// A conversation and its requests.
#[derive(Clone, Debug)]
struct SimulatedConversation {
    start_ms: u64,
    randomness: u64,
    requests: Vec<SimulatedRequest>,
    has_marker: bool,
}

#[derive(Clone, Debug)]
struct SimulatedRequest {
    /// The time since the conversation began.
    delay_ms: u64,
    /// The age of the history that the worker has.
    worker_lag_ms: u64,
}

fn any_conversation() -> impl Strategy<Value = SimulatedConversation> {
    let request = (0..100_000_u64, 0..PROPAGATION_MS)
        .prop_map(|(delay_ms, worker_lag_ms)| SimulatedRequest { delay_ms, worker_lag_ms });
    let requests = prop::collection::vec(request, 1..8);
    let start_ms = START_MS - 50_000..START_MS + 200_000;
    (start_ms, any::<u64>(), requests, any::<bool>()).prop_map(
        |(start_ms, randomness, requests, has_marker)| SimulatedConversation {
            start_ms,
            randomness,
            requests,
            has_marker,
        },
    )
}

proptest! {
    /// At each pace of the ramp, and on each worker.
    #[test]
    fn no_conversation_changes_its_version_while_the_ramp_advances(
        first_percent in 0..20_u64,
        steps in prop::collection::vec((1..40_000_u64, 1..30_u64), 0..8),
        conversations in prop::collection::vec(any_conversation(), 1..30),
    ) {
        let config = config_with_conversation(json!({}));
        let mut history = history_since_start(percent(first_percent));
        // The history after each change.
        let mut published = vec![(START_MS, history.clone())];
        let (mut time_ms, mut green) = (START_MS, first_percent);
        for (index, (duration_ms, increase)) in steps.into_iter().enumerate() {
            time_ms += duration_ms;
            green = (green + increase).min(100);
            history.record_delayed(time_ms, setting(percent(green), 2 + index as u32));
            published.push((time_ms, history.clone()));
        }
        let effective = EffectiveShare::Share(percent(green));
        for conversation in conversations {
            let SimulatedConversation { start_ms, randomness, requests, has_marker } = conversation;
            let id = match has_marker {
                true => format!("conversation-{randomness}"),
                false => ulid(start_ms, randomness),
            };
            let marker = has_marker.then(|| start_marker::with_start_ms(b"", id.as_bytes(), start_ms));
            let mut versions = Vec::new();
            for SimulatedRequest { delay_ms, worker_lag_ms } in requests {
                // A worker starts with the history at the start.
                let now_ms = (start_ms + delay_ms).max(START_MS);
                let last_refresh_ms = (now_ms - worker_lag_ms).max(START_MS);
                let is_seen = |(time_ms, _): &&(u64, ShareHistory)| *time_ms <= last_refresh_ms;
                let (_, history) = published.iter().rev().find(is_seen).unwrap();
                let start = StartTime::find(id.as_bytes(), marker.as_deref().map(str::as_bytes), now_ms);
                prop_assert_eq!(start, StartTime::Known(start_ms));
                let sticky = StickyShare::find(history, start, now_ms, DAY_MS).unwrap();
                versions.push(assigned(&config, effective, &id, sticky).version);
            }
            prop_assert!(versions.iter().all(|version| *version == versions[0]), "{:?}", versions);
            if start_ms < START_MS {
                prop_assert_eq!(versions[0], Version::Blue);
            }
        }
    }

    /// A client can forge its marker and its id, but can only select a share of the past.
    #[test]
    fn no_forged_start_time_selects_a_future_share(
        marker in "[0-9a-f.~]{0,60}",
        id in ".{0,40}",
        now_ms in START_MS..START_MS + 1_000_000,
    ) {
        let mut history = history_since_start(percent(3));
        history.record_delayed(START_MS + 1_000, setting(percent(7), 2));
        let start = StartTime::find(id.as_bytes(), Some(marker.as_bytes()), now_ms);
        let sticky = StickyShare::find(&history, start, now_ms, DAY_MS).unwrap();
        prop_assert!([Share::ZERO, percent(3), percent(7)].contains(&sticky.share));
        prop_assert!(!matches!(start, StartTime::Known(start_ms) if start_ms > now_ms));
    }
}

#[test]
fn future_and_malformed_start_times_are_unknown() {
    let now_ms = START_MS;
    let ids = [
        ulid(now_ms + 1, 7),
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f".into(),
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f".into(),
        "017f22e279b07cc398c4dc0c0c07398f".into(),
        "8ZZZZZZZZZZZZZZZZZZZZZZZZZ".into(),
        "conv_1".into(),
        String::new(),
    ];
    for id in ids {
        assert_eq!(StartTime::find(id.as_bytes(), None, now_ms), StartTime::Unknown, "{id}");
    }
    let id = b"conversation-1";
    let valid = start_marker::with_start_ms(b"", id, now_ms);
    assert_eq!(StartTime::find(id, Some(valid.as_bytes()), now_ms), StartTime::Known(now_ms));
    let invalid = [
        start_marker::with_start_ms(b"", id, now_ms + 1),
        start_marker::with_start_ms(b"", b"other", now_ms),
        valid.replace('.', ","),
        valid.replace('.', ".-"),
        format!("{valid}0000000000000"),
        valid[..16].to_owned(),
        "~~~".to_owned(),
    ];
    for marker in invalid {
        let start = StartTime::find(id, Some(marker.as_bytes()), now_ms);
        assert_eq!(start, StartTime::Unknown, "{marker}");
    }
}

#[test]
fn a_client_gets_a_marker_if_the_start_time_is_unknown() {
    let id = b"conversation-1";
    let marker = start_marker::with_start_ms(b"", id, START_MS);
    let other = start_marker::with_start_ms(b"", b"conversation-2", START_MS - 1);
    let both = start_marker::with_start_ms(other.as_bytes(), id, START_MS);
    let timestamped = ulid(START_MS - 1, 0).into_bytes();
    struct Case<'a> {
        id: &'a [u8],
        marker: Option<&'a str>,
        sends_markers: bool,
        new_marker: Option<&'a str>,
    }
    let without_marker = Case { id, marker: None, sends_markers: true, new_marker: Some(&marker) };
    let cases = [
        Case { marker: Some(&other), new_marker: Some(&both), ..without_marker },
        Case { marker: Some(&marker), new_marker: None, ..without_marker },
        Case { sends_markers: false, new_marker: None, ..without_marker },
        Case { id: &timestamped, new_marker: None, ..without_marker },
        without_marker,
    ];
    for Case { id, marker, sends_markers, new_marker } in cases {
        let marker = marker.map(str::as_bytes);
        let start = ConversationStart::find(id, marker, START_MS, sends_markers);
        assert_eq!(start.new_marker.as_deref(), new_marker, "{}", id.escape_ascii());
        assert_eq!(start.time, StartTime::find(id, marker, START_MS));
    }
}

#[test]
fn conversations_that_are_too_old_or_precede_the_history_are_no_evidence() {
    let mut history = history_since_start(percent(50));
    history.record_delayed(START_MS, setting(percent(100), 2));
    let sticky = |start, now_ms| StickyShare::find(&history, start, now_ms, DAY_MS).unwrap();
    let now_ms = START_MS + DAY_MS;
    let started = StartTime::Known(START_MS);
    let current = StickyShare { share: percent(100), is_drained: false, step: begun_in(2) };
    assert_eq!(sticky(StartTime::Unknown, now_ms), current);
    let drained = StickyShare { share: percent(50), is_drained: true, step: begun_in(1) };
    assert_eq!(sticky(started, now_ms), drained);
    assert_eq!(sticky(started, now_ms + 1), StickyShare { step: None, ..current });
    let before = StickyShare { share: Share::ZERO, is_drained: true, step: None };
    assert_eq!(sticky(StartTime::Known(START_MS - 1), START_MS), before);

    let empty = ShareHistory::default();
    assert_eq!(StickyShare::find(&empty, StartTime::Unknown, now_ms, DAY_MS), None);
}

#[test]
fn without_a_history_only_fixed_weights_have_a_share() {
    let half = EffectiveShare::Share(percent(50));
    let cases = [
        (half, false, percent(50)),
        (half, true, Share::ZERO),
        (EffectiveShare::RolledBack, false, Share::ZERO),
        (EffectiveShare::RolledBack, true, Share::ZERO),
    ];
    for (effective, has_ramp, share) in cases {
        let expected = StickyShare { share, is_drained: false, step: None };
        assert_eq!(effective.without_history(has_ramp), expected, "{effective:?} {has_ramp}");
    }
}

/// Workers learn of the first step at different times.
#[test]
fn the_first_step_applies_when_all_workers_know_it() {
    let mut history = ShareHistory::default();
    history.record_delayed(START_MS, setting(Share::ALL, 1));
    let share = |start, now_ms| StickyShare::find(&history, start, now_ms, DAY_MS).unwrap().share;
    let (before_ms, from_ms) = (START_MS + PROPAGATION_MS - 1, START_MS + PROPAGATION_MS);
    assert_eq!(share(StartTime::Unknown, before_ms), Share::ZERO);
    assert_eq!(share(StartTime::Known(before_ms), from_ms), Share::ZERO);
    assert_eq!(share(StartTime::Unknown, from_ms), Share::ALL);
}

#[test]
fn a_rollback_moves_all_conversations_unless_they_may_finish() {
    for policy in [RollbackPolicy::Move, RollbackPolicy::Finish] {
        let (on_rollback, share, expected) = match policy {
            RollbackPolicy::Move => ("move", Share::ZERO, (Version::Blue, Reason::RolledBack)),
            RollbackPolicy::Finish => ("finish", Share::ALL, (Version::Green, Reason::Drained)),
        };
        let config = config_with_conversation(json!({"on_rollback": on_rollback}));
        let mut history = history_since_start(Share::ALL);
        let now_ms = START_MS + 10_000;
        let rolled_back = setting(Share::ZERO, 1);
        assert!(history.record_rollback(now_ms, rolled_back, policy));
        let is_new = history.record_rollback(now_ms + 1, rolled_back, policy);
        assert!(!is_new, "the history does not change");

        let assigned = |start| {
            let sticky = StickyShare::find(&history, start, now_ms + 5, DAY_MS).unwrap();
            assigned(&config, EffectiveShare::RolledBack, "conversation-1", sticky)
        };
        let open = StartTime::Known(START_MS + 1);
        let assignment = assigned(open);
        assert_eq!((assignment.version, assignment.reason), expected);
        for new in [StartTime::Known(now_ms + 1), StartTime::Unknown] {
            assert_eq!(assigned(new), Assignment::new(Version::Blue, Reason::RolledBack));
        }

        // A restart of the ramp does not move conversations back to green.
        history.record_delayed(now_ms + 20, setting(percent(1), 9));
        let later_ms = now_ms + 20 + PROPAGATION_MS;
        let sticky = StickyShare::find(&history, open, later_ms, DAY_MS).unwrap();
        assert_eq!(sticky.share, share);
    }
}
