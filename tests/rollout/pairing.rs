//! Both versions' responses to one request, joined in one worker.

use std::time::Duration;

use proptest::prelude::*;
use verdigris::analysis::{CensoredValue, Measurements, Metric, Observation};
use verdigris::assignment::{Epoch, Exposure, Version};
use verdigris::rollout::Pairing;
use verdigris::rollout::pairing::PairedResponses;
use verdigris::rollout::pairing::{MAX_AGE, MAX_REQUESTS, MIN_WAIT};

const SECOND_NS: u64 = 1_000_000_000;

fn exposure(unit: u64) -> Exposure {
    Exposure { unit, epoch: Epoch::new(3), is_newly_exposed: true }
}

fn took(ms: f32) -> Measurements {
    Measurements::default().with_value(Metric::Duration, ms)
}

fn pairs(pairing: &mut Pairing, now_ns: u64) -> (Vec<Observation>, u64) {
    let found = pairing.take(now_ns);
    (found.pairs, found.unpaired)
}

fn after(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos()).unwrap()
}

#[test]
fn the_half_that_ends_last_completes_the_pair() {
    for blue_ends_first in [true, false] {
        let mut pairing = Pairing::default();
        let blue = pairing.begin_blue(Some(b"id-1"), exposure(7), None, 0).unwrap();
        let shadow = pairing.begin_shadow(b"id-1", 1).unwrap();
        if blue_ends_first {
            pairing.end_blue(blue, 5, took(1.0));
            assert_eq!(pairs(&mut pairing, 6), (Vec::new(), 0));
            pairing.end_shadow(shadow, 9, took(2.0));
        } else {
            pairing.end_shadow(shadow, 5, took(2.0));
            assert_eq!(pairs(&mut pairing, 6), (Vec::new(), 0));
            pairing.end_blue(blue, 9, took(1.0));
        }
        let expected = Observation {
            at_ns: 9,
            unit: 7,
            epoch: Epoch::new(3),
            version: Version::Blue,
            is_newly_exposed: true,
            is_assignment: true,
            measurements: took(1.0),
            shadow: Some(took(2.0)),
        };
        assert_eq!(pairs(&mut pairing, 9), (vec![expected], 0));
        assert!(pairing.is_empty());
        assert_eq!(pairs(&mut pairing, u64::MAX), (Vec::new(), 0));
    }
}

#[test]
fn a_copy_that_never_begins_is_given_up_and_counted() {
    let mut pairing = Pairing::default();
    let blue = pairing.begin_blue(Some(b"id-1"), exposure(7), None, 0).unwrap();
    pairing.end_blue(blue, SECOND_NS, took(1000.0));
    let wait = SECOND_NS + after(MIN_WAIT);
    assert_eq!(pairs(&mut pairing, wait - 1), (Vec::new(), 0));
    assert_eq!(pairs(&mut pairing, wait), (Vec::new(), 1));
    assert!(pairing.is_empty());
    assert!(pairing.begin_shadow(b"id-1", wait).is_none());
}

#[test]
fn a_copy_that_stays_open_counts_as_one_that_lasted_so_long() {
    let mut pairing = Pairing::default();
    let blue = pairing.begin_blue(Some(b"id-1"), exposure(7), None, 0).unwrap();
    let shadow = pairing.begin_shadow(b"id-1", 0).unwrap();
    let known = [Metric::ErrorRate, Metric::RefusalRate]
        .into_iter()
        .fold(took(1000.0), |it, metric| it.with_rate(metric, false))
        .with_value(Metric::Ttft, 3.0)
        .with_missing(Metric::Cost);
    // Blue's response takes long, and the copy is waited for three times as long.
    let ended = 20 * SECOND_NS;
    pairing.end_blue(blue, ended, known);
    assert_eq!(pairs(&mut pairing, ended + after(MIN_WAIT)), (Vec::new(), 0));
    let (found, unpaired) = pairs(&mut pairing, 80 * SECOND_NS);
    assert_eq!((found.len(), unpaired), (1, 0));
    let cut = found[0].shadow.unwrap();
    assert_eq!(
        cut.censored_value_of(Metric::Duration),
        Some(CensoredValue { value: 80_000.0, is_censored: true })
    );
    for metric in [Metric::ErrorRate, Metric::RefusalRate, Metric::Ttft, Metric::Cost] {
        assert!(cut.is_missing(metric) && !cut.is_known(metric), "{metric}");
    }
    // What blue's response does not reveal either is not missing.
    for metric in [Metric::ClientErrorRate, Metric::OutputTokens] {
        assert!(!cut.is_missing(metric) && !cut.is_known(metric), "{metric}");
    }
    // What comes afterwards is nobody's.
    pairing.end_shadow(shadow, 90 * SECOND_NS, took(90_000.0));
    assert_eq!(pairs(&mut pairing, u64::MAX), (Vec::new(), 0));
}

#[test]
fn a_copy_that_stays_open_longer_than_the_objective_is_slow() {
    for (objective_s, expected) in [(79, Some(true)), (80, None), (100, None)] {
        let mut pairing = Pairing::default();
        let objective = Some(Duration::from_secs(objective_s));
        let blue = pairing.begin_blue(Some(b"id-1"), exposure(7), objective, 0).unwrap();
        pairing.begin_shadow(b"id-1", 0).unwrap();
        pairing.end_blue(blue, 20 * SECOND_NS, took(20_000.0).with_rate(Metric::SlowRate, false));
        let found = pairing.take(80 * SECOND_NS).pairs;
        let cut = found[0].shadow.unwrap();
        assert_eq!(cut.is_bad(Metric::SlowRate), expected, "{objective_s} s");
        assert_eq!(cut.is_missing(Metric::SlowRate), expected.is_none(), "{objective_s} s");
    }
}

#[test]
fn requests_without_an_id_or_with_the_same_one_are_not_paired() {
    let mut pairing = Pairing::default();
    assert!(pairing.begin_blue(None, exposure(1), None, 0).is_none());
    assert!(pairing.begin_blue(Some(b""), exposure(1), None, 0).is_none());
    let first = pairing.begin_blue(Some(b"same"), exposure(1), None, 0).unwrap();
    assert!(pairing.begin_blue(Some(b"same"), exposure(2), None, 0).is_none());
    let copy = pairing.begin_shadow(b"same", 0).unwrap();
    assert!(pairing.begin_shadow(b"same", 0).is_none());
    pairing.end_blue(first, 1, took(1.0));
    pairing.end_shadow(copy, 1, took(1.0));
    assert_eq!(pairs(&mut pairing, 2), (Vec::new(), 4));
    // One after the other they are.
    for unit in [1, 2] {
        let blue = pairing.begin_blue(Some(b"same"), exposure(unit), None, 3).unwrap();
        let copy = pairing.begin_shadow(b"same", 3).unwrap();
        pairing.end_blue(blue, 4, took(1.0));
        pairing.end_shadow(copy, 4, took(1.0));
    }
    assert_eq!(pairs(&mut pairing, 5).0.len(), 2);
}

#[test]
fn requests_above_the_maximum_are_not_paired_and_old_ones_are_given_up() {
    let mut pairing = Pairing::default();
    for number in 0..MAX_REQUESTS as u64 + 10 {
        let ticket = pairing.begin_blue(Some(&number.to_le_bytes()), exposure(number), None, 0);
        assert_eq!(ticket.is_some(), number < MAX_REQUESTS as u64);
    }
    assert_eq!(pairs(&mut pairing, 1), (Vec::new(), 10));
    assert_eq!(pairing.len(), MAX_REQUESTS);
    assert_eq!(pairs(&mut pairing, after(MAX_AGE)), (Vec::new(), MAX_REQUESTS as u64));
    assert!(pairing.is_empty());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    BeginBlue(u8),
    BeginShadow(u8),
    EndBlue(usize),
    EndShadow(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8).prop_map(Step::BeginBlue),
        (0..6_u8).prop_map(Step::BeginShadow),
        (0..12_usize).prop_map(Step::EndBlue),
        (0..12_usize).prop_map(Step::EndShadow),
        (0..40_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn each_mirrored_request_ends_as_one_pair_or_is_counted(
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut pairing = Pairing::default();
        let (mut now_ns, mut begun, mut paired, mut unpaired) = (0, 0, 0, 0);
        let (mut blues, mut shadows) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::BeginBlue(id) => {
                    begun += 1;
                    blues.extend(pairing.begin_blue(Some(&[id]), exposure(begun), None, now_ns));
                }
                Step::BeginShadow(id) => shadows.extend(pairing.begin_shadow(&[id], now_ns)),
                Step::EndBlue(at) => {
                    if let Some(ticket) = blues.get(at) {
                        pairing.end_blue(*ticket, now_ns, took(1.0));
                    }
                }
                Step::EndShadow(at) => {
                    if let Some(ticket) = shadows.get(at) {
                        pairing.end_shadow(*ticket, now_ns, took(1.0));
                    }
                }
                Step::Wait(seconds) => now_ns += seconds * SECOND_NS,
            }
            let (found, given_up) = pairs(&mut pairing, now_ns);
            (paired, unpaired) = (paired + found.len() as u64, unpaired + given_up);
            prop_assert_eq!(paired + unpaired + pairing.len() as u64, begun);
        }
        let (found, given_up) = pairs(&mut pairing, u64::MAX);
        prop_assert_eq!(paired + unpaired + found.len() as u64 + given_up, begun);
        prop_assert!(pairing.is_empty());
    }
}

/// A shadow's own configuration need not know the ramp: the objective is that of blue's half.
#[test]
fn both_halves_have_the_objective_of_the_release() {
    let objective = Some(Duration::from_secs(2));
    let mut pairing = Pairing::default();
    let blue = pairing.begin_blue(Some(b"id-1"), exposure(7), objective, 0).unwrap();
    let shadow = pairing.begin_shadow(b"id-1", 1).unwrap();
    assert_eq!((pairing.objective(blue), pairing.objective(shadow)), (objective, objective));
    let other = pairing.begin_blue(Some(b"id-2"), exposure(8), None, 2).unwrap();
    assert_eq!(pairing.objective(other), None);
}

#[test]
fn a_rollout_that_ends_gives_up_its_pairs() {
    let mut pairing = Pairing::default();
    let [open, ended] = [b"id-1", b"id-2"].map(|id| {
        let blue = pairing.begin_blue(Some(id), exposure(7), None, 0).unwrap();
        (blue, pairing.begin_shadow(id, 1).unwrap())
    });
    pairing.end_blue(ended.0, 2, took(1.0));
    assert!(pairing.end_shadow(ended.1, 2, took(1.0)));
    pairing.end_blue(open.0, 2, took(1.0));
    assert_eq!(pairing.clear(), PairedResponses { pairs: Vec::new(), unpaired: 2 });
    // The next rollout's requests are not joined with a copy that ends late.
    let next = pairing.begin_blue(Some(b"id-1"), exposure(7), None, 3).unwrap();
    assert!(!pairing.end_shadow(open.1, 4, took(1.0)));
    assert!(pairing.contains(next));
    assert_eq!(pairs(&mut pairing, 5), (Vec::new(), 0));
}
