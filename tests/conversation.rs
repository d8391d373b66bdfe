//! Conversations keep the version that they began with.

use proptest::prelude::*;
use serde_json::json;
use verdigris::assignment::share_history::{MAX_INTERVALS, PROPAGATION_MS};
use verdigris::assignment::{
    AnalysedShare, Assignment, AssignmentRequest, EffectiveShare, Epoch, Reason, Share,
    ShareHistory, ShareInterval, StartTime, StickyShare, Version, assign, start_marker,
};
use verdigris::config::Config;

const DAY_MS: u64 = 86_400_000;
/// When the filter came to know of the rollout.
const START: u64 = 1_764_000_000_000;

fn config(conversation: serde_json::Value) -> Config {
    let text = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        "conversation": conversation,
    });
    Config::parse(text.to_string().as_bytes()).unwrap()
}

fn percent(green: u64) -> Share {
    Share::new(100 - green, green).unwrap()
}

/// All units are compared in the epoch of this number.
fn analysed(epoch: u16) -> AnalysedShare {
    AnalysedShare { epoch: Epoch::new(epoch), share: Share::ALL }
}

/// The history of a ramp whose first step holds since the start.
fn begun(share: Share) -> ShareHistory {
    ShareHistory::new(vec![ShareInterval {
        since_ms: START,
        share,
        analysed_share: Share::ALL,
        epoch: Epoch::new(1),
    }])
}

fn decided(config: &Config, standing: EffectiveShare, id: &str, claim: StickyShare) -> Assignment {
    let ask = AssignmentRequest {
        unit: Some(b"ada"),
        forced: None,
        conversation: Some((id.as_bytes(), claim)),
    };
    assign(config, standing, ask, || unreachable!())
}

/// An id that says when it was made.
fn ulid(time: u64, rest: u64) -> String {
    let digit = |number: u64| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(number % 32) as usize] as char;
    let time = (0..10).rev().map(|at| digit(time >> (5 * at)));
    time.chain((0..16).map(|at| digit(rest >> (3 * at)))).collect()
}

/// A change of the share, or a request of a conversation, at some time.
#[derive(Clone, Debug)]
struct Talk {
    begins: u64,
    rest: u64,
    /// After how many milliseconds each request comes, and by how much the worker that
    /// it comes to is behind with the history.
    requests: Vec<(u64, u64)>,
    by_marker: bool,
}

fn any_talk() -> impl Strategy<Value = Talk> {
    let requests = prop::collection::vec((0..100_000_u64, 0..PROPAGATION_MS), 1..8);
    (START - 50_000..START + 200_000, any::<u64>(), requests, any::<bool>())
        .prop_map(|(begins, rest, requests, by_marker)| Talk { begins, rest, requests, by_marker })
}

proptest! {
    /// However the ramp grows, and whichever worker answers.
    #[test]
    fn no_conversation_changes_version_while_the_ramp_grows(
        first in 0..20_u64,
        steps in prop::collection::vec((1..40_000_u64, 1..30_u64), 0..8),
        talks in prop::collection::vec(any_talk(), 1..30),
    ) {
        let config = config(json!({}));
        // The history as it was after each change.
        let mut history = begun(percent(first));
        let mut known = vec![(START, history.clone())];
        let (mut at, mut green) = (START, first);
        for (number, (after, more)) in steps.into_iter().enumerate() {
            at += after;
            green = (green + more).min(100);
            history.record_delayed(at, percent(green), analysed(2 + number as u16));
            known.push((at, history.clone()));
        }
        for talk in talks {
            let id = if talk.by_marker { format!("talk-{}", talk.rest) } else { ulid(talk.begins, talk.rest) };
            let held = talk.by_marker.then(|| start_marker::with_start_ms(b"", id.as_bytes(), talk.begins));
            let mut versions = Vec::new();
            for (after, behind) in talk.requests {
                // A worker begins with what was known at the start.
                let now = (talk.begins + after).max(START);
                let seen = (now - behind).max(START);
                let (_, history) = known.iter().rev().find(|(at, _)| *at <= seen).unwrap();
                let began = StartTime::find(id.as_bytes(), held.as_deref().map(str::as_bytes), now);
                prop_assert_eq!(began, StartTime::Known(talk.begins));
                let claim = StickyShare::find(history, began, now, DAY_MS).unwrap();
                versions.push(decided(&config, EffectiveShare::Share(percent(green)), &id, claim).version);
            }
            prop_assert!(versions.iter().all(|version| *version == versions[0]), "{:?}", versions);
            if talk.begins < START {
                prop_assert_eq!(versions[0], Version::Blue);
            }
        }
    }

    /// What a client can write into a marker or an id only chooses among shares that were
    /// in force.
    #[test]
    fn no_forged_beginning_gives_green_early(marker in "[0-9a-f.~]{0,60}", id in ".{0,40}", now in START..START + 1_000_000) {
        let mut history = begun(percent(3));
        history.record_delayed(START + 1_000, percent(7), analysed(2));
        let began = StartTime::find(id.as_bytes(), Some(marker.as_bytes()), now);
        let claim = StickyShare::find(&history, began, now, DAY_MS).unwrap();
        prop_assert!([Share::ZERO, percent(3), percent(7)].contains(&claim.share));
        prop_assert!(!matches!(began, StartTime::Known(time) if time > now));
    }

    #[test]
    fn markers_hold_what_they_are_given(times in prop::collection::vec(0..u64::MAX, 1..12)) {
        let mut text = String::new();
        for (number, time) in times.iter().enumerate() {
            text = start_marker::with_start_ms(text.as_bytes(), number.to_string().as_bytes(), *time);
        }
        for (number, time) in times.iter().enumerate() {
            // The newest eight are kept.
            let is_kept = number + 8 >= times.len();
            let read = start_marker::find_start_ms(text.as_bytes(), number.to_string().as_bytes());
            prop_assert_eq!(read, is_kept.then_some(*time));
        }
        prop_assert_eq!(start_marker::find_start_ms(text.as_bytes(), b"other"), None);
    }
}

#[test]
fn beginnings_in_the_future_and_malformed_ones_are_none() {
    let now = START;
    let ids = [
        ulid(now + 1, 7),
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f".into(),
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f".into(),
        "017f22e279b07cc398c4dc0c0c07398f".into(),
        "8ZZZZZZZZZZZZZZZZZZZZZZZZZ".into(),
        "conv_1".into(),
        String::new(),
    ];
    for id in ids {
        assert_eq!(StartTime::find(id.as_bytes(), None, now), StartTime::Unknown, "{id}");
    }
    let id = b"talk";
    let good = start_marker::with_start_ms(b"", id, now);
    assert_eq!(StartTime::find(id, Some(good.as_bytes()), now), StartTime::Known(now));
    let bad = [
        start_marker::with_start_ms(b"", id, now + 1),
        start_marker::with_start_ms(b"", b"other", now),
        good.replace('.', ","),
        good.replace('.', ".-"),
        format!("{good}0000000000000"),
        good[..16].to_owned(),
        "~~~".to_owned(),
    ];
    for marker in bad {
        assert_eq!(
            StartTime::find(id, Some(marker.as_bytes()), now),
            StartTime::Unknown,
            "{marker}"
        );
    }
}

#[test]
fn what_is_too_old_or_older_than_all_that_is_known() {
    let mut history = begun(percent(50));
    history.record_delayed(START, percent(100), analysed(2));
    let claim = |began, now| StickyShare::find(&history, began, now, DAY_MS).unwrap();
    let now = START + DAY_MS;
    let all = StickyShare { share: percent(100), is_drained: false, step: Some(analysed(2)) };
    assert_eq!(claim(StartTime::Unknown, now), all);
    let drained = StickyShare { share: percent(50), is_drained: true, step: Some(analysed(1)) };
    assert_eq!(claim(StartTime::Known(START), now), drained);
    assert_eq!(claim(StartTime::Known(START), now + 1), StickyShare { step: None, ..all });
    let before = StickyShare { share: Share::ZERO, is_drained: true, step: None };
    assert_eq!(claim(StartTime::Known(START - 1), START), before);
    assert_eq!(StickyShare::find(&ShareHistory::default(), StartTime::Unknown, now, DAY_MS), None);
}

/// Workers learn of a ramp's first step one after another.
#[test]
fn a_ramp_begins_when_all_workers_know_of_it() {
    let mut history = ShareHistory::default();
    history.record_delayed(START, percent(100), analysed(1));
    let share = |began, now| StickyShare::find(&history, began, now, DAY_MS).unwrap().share;
    let (before, from) = (START + PROPAGATION_MS - 1, START + PROPAGATION_MS);
    assert_eq!(share(StartTime::Unknown, before), Share::ZERO);
    assert_eq!(share(StartTime::Known(before), from), Share::ZERO);
    assert_eq!(share(StartTime::Unknown, from), percent(100));
}

#[test]
fn a_rollback_moves_everyone_unless_they_may_finish() {
    for may_finish in [false, true] {
        let on_rollback = if may_finish { "finish" } else { "move" };
        let config = config(json!({"on_rollback": on_rollback}));
        let mut history = begun(percent(100));
        let now = START + 10_000;
        assert!(history.record_rollback(now, may_finish));
        assert!(!history.record_rollback(now + 1, may_finish), "it is known");
        let of = |began| {
            let claim = StickyShare::find(&history, began, now + 5, DAY_MS).unwrap();
            decided(&config, EffectiveShare::RolledBack, "talk", claim)
        };
        let running = of(StartTime::Known(START + 1));
        let expected = if may_finish {
            Assignment { version: Version::Green, reason: Reason::Drained }
        } else {
            Assignment { version: Version::Blue, reason: Reason::RolledBack }
        };
        assert_eq!(running, expected);
        for new in [StartTime::Known(now + 1), StartTime::Unknown] {
            let blue = Assignment { version: Version::Blue, reason: Reason::RolledBack };
            assert_eq!(of(new), blue);
        }
        // A new beginning does not take up those that were moved.
        history.record_delayed(now + 20, percent(1), analysed(9));
        let later = now + 20 + PROPAGATION_MS;
        let claim =
            StickyShare::find(&history, StartTime::Known(START + 1), later, DAY_MS).unwrap();
        assert_eq!(claim.share, if may_finish { percent(100) } else { Share::ZERO });
    }
}

#[test]
fn what_the_operator_wrote_holds_before_what_was_seen() {
    let conversation = json!({"history": [
        {"since": "2025-11-24T10:00:00Z", "weights": {"blue": 50, "green": 50}},
        {"since": "2025-11-24T09:00:00Z", "weights": {"blue": 99, "green": 1}},
    ]});
    let written = config(conversation).conversation.unwrap().history;
    let ten = 1_763_978_400_000;
    let mut seen = ShareHistory::default();
    seen.record_delayed(ten + 1_000, percent(100), analysed(0));
    let share = |history: &ShareHistory, time| history.at(time).map(|era| era.share);
    let all = seen.with_earlier(&written);
    assert_eq!(share(&all, ten - 1), Some(percent(1)));
    assert_eq!(share(&all, ten), Some(percent(50)));
    assert_eq!(share(&all, ten + 1_000), Some(percent(100)));
    assert_eq!(share(&all, 0), None);
    seen.record_rollback(ten + 2_000, false);
    assert_eq!(share(&seen.with_earlier(&written), ten), Some(Share::ZERO));
}

#[test]
fn the_history_is_bounded() {
    let mut history = ShareHistory::default();
    for number in 0..200 {
        history.record_delayed(START + number * 10_000, percent(number % 100), analysed(0));
    }
    assert_eq!(history.at(START + 10_000), None, "forgotten: such a conversation is blue's");
    let first = START + (200 - MAX_INTERVALS as u64) * 10_000 + PROPAGATION_MS;
    assert!(history.at(first).is_some());
}
