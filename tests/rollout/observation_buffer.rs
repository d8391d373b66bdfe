//! The observations that a worker has not sent to the leader yet.

use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::{Epoch, Version};
use verdigris::rollout::observation_buffer::{MAX_OBSERVATIONS, ObservationBuffer};

/// Hashes that are spread evenly.
fn unit(index: usize) -> u64 {
    (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A third of the units is on green.
fn assignment(index: usize) -> Observation {
    Observation {
        at_ns: index as u64,
        unit: unit(index),
        epoch: Epoch::new(1),
        version: if index.is_multiple_of(3) { Version::Green } else { Version::Blue },
        is_newly_exposed: true,
        is_assignment: true,
        shadow: None,
        measurements: Measurements::default(),
    }
}

fn response(index: usize) -> Observation {
    let measurements = Measurements::default().with_rate(Metric::ErrorRate, true);
    Observation { measurements, ..assignment(index) }
}

fn add(buffer: &mut ObservationBuffer, indices: std::ops::Range<usize>) {
    for index in indices {
        buffer.add(assignment(index));
    }
}

fn send(buffer: &mut ObservationBuffer) -> Vec<Observation> {
    let encoded = buffer.begin_send().unwrap_or_default();
    buffer.end_send(true);
    Observation::decode_all(&encoded).collect()
}

#[test]
fn a_response_replaces_its_assignment() {
    let mut buffer = ObservationBuffer::default();
    let tickets = [0, 1].map(|index| buffer.add(assignment(index)));
    buffer.complete(tickets[0], response(0));
    assert_eq!(send(&mut buffer), [response(0), assignment(1)]);
}

#[test]
fn a_response_after_its_assignment_was_sent_is_an_observation_of_its_own() {
    let mut buffer = ObservationBuffer::default();
    let ticket = buffer.add(assignment(0));
    assert_eq!(send(&mut buffer), [assignment(0)]);
    buffer.add(assignment(1));
    buffer.complete(ticket, response(0));
    let alone = Observation { is_assignment: false, ..response(0) };
    assert_eq!(send(&mut buffer), [assignment(1), alone]);
}

#[test]
fn what_is_not_sent_is_kept_with_its_tickets() {
    let mut buffer = ObservationBuffer::default();
    let ticket = buffer.add(assignment(0));
    assert!(buffer.begin_send().is_some());
    buffer.end_send(false);
    buffer.complete(ticket, response(0));
    assert_eq!(send(&mut buffer), [response(0)]);
    assert!(buffer.is_empty() && buffer.begin_send().is_none());
}

/// A store that answers late.
#[test]
fn what_is_added_while_others_are_sent_is_kept() {
    let mut buffer = ObservationBuffer::default();
    let ticket = buffer.add(assignment(0));
    assert!(buffer.begin_send().is_some());
    assert_eq!(buffer.begin_send(), None, "one send at a time");
    buffer.add(assignment(1));
    buffer.complete(ticket, response(0));
    buffer.end_send(true);
    let alone = Observation { is_assignment: false, ..response(0) };
    assert_eq!(send(&mut buffer), [assignment(1), alone]);
}

#[test]
fn a_full_buffer_keeps_the_lower_half_of_the_units() {
    let mut buffer = ObservationBuffer::default();
    let ticket = buffer.add(assignment(0)).unwrap();
    for index in 1..=MAX_OBSERVATIONS {
        assert_eq!(buffer.add(assignment(index)).is_some(), index < MAX_OBSERVATIONS);
    }
    // Units above the half are dropped from then on as well.
    let later: Vec<_> = (MAX_OBSERVATIONS + 1..).take(4000).collect();
    for index in &later {
        let is_kept = unit(*index) < u64::MAX / 2;
        assert_eq!(buffer.add(assignment(*index)).is_some(), is_kept);
    }
    buffer.complete(Some(ticket), response(0));
    let sent = send(&mut buffer);
    assert!(sent.iter().all(|it| it.unit < u64::MAX / 2));
    assert_eq!(
        sent.last(),
        Some(&Observation { is_assignment: false, ..response(0) }),
        "the ticket from before the thinning is invalid"
    );
    // No version loses more than the other: a third of what is kept is green's.
    let kept = sent.len() - 1;
    let half = (MAX_OBSERVATIONS + later.len()) / 2;
    assert!(kept.abs_diff(half) < half / 50, "{kept}");
    let green = sent.iter().filter(|it| it.version == Version::Green).count();
    assert!(green.abs_diff(kept / 3) < kept / 50, "{green} of {kept}");
}

#[test]
fn after_a_send_all_units_are_accepted_again() {
    let mut buffer = ObservationBuffer::default();
    add(&mut buffer, 0..3 * MAX_OBSERVATIONS);
    assert!(send(&mut buffer).len() <= MAX_OBSERVATIONS);
    let highest = Observation { unit: u64::MAX - 1, ..assignment(0) };
    assert!(buffer.add(highest).is_some());
}

#[test]
fn thinning_during_a_send_loses_nothing_that_is_kept() {
    let mut buffer = ObservationBuffer::default();
    add(&mut buffer, 0..MAX_OBSERVATIONS);
    let first = buffer.begin_send().unwrap();
    add(&mut buffer, MAX_OBSERVATIONS..MAX_OBSERVATIONS + 100);
    buffer.end_send(true);
    let first = Observation::decode_all(&first);
    assert_eq!(first.count(), MAX_OBSERVATIONS);
    let second = send(&mut buffer);
    let expected: Vec<_> = (MAX_OBSERVATIONS..MAX_OBSERVATIONS + 100)
        .map(assignment)
        .filter(|it| it.unit < u64::MAX / 2)
        .collect();
    assert_eq!(second, expected);
}

#[test]
fn the_memory_of_a_peak_is_released() {
    let mut buffer = ObservationBuffer::default();
    assert!((0..MAX_OBSERVATIONS).all(|index| buffer.add(assignment(index)).is_some()));
    assert!(buffer.capacity() >= MAX_OBSERVATIONS);
    send(&mut buffer);
    assert!(buffer.capacity() <= 1024, "{}", buffer.capacity());
}
