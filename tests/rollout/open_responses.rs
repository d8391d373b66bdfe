//! Responses that have not ended yet.

use std::time::Duration;

use proptest::prelude::*;
use verdigris::analysis::Metric;
use verdigris::assignment::{Epoch, Exposure, Version};
use verdigris::rollout::open_responses::MAX_OPEN_RESPONSES;
use verdigris::rollout::{OpenResponse, OpenResponses};

const OBJECTIVE: Duration = Duration::from_nanos(10);

fn response(unit: u64, began_ns: u64) -> OpenResponse {
    let exposure = Exposure { unit, epoch: Epoch::new(3), is_newly_exposed: true };
    OpenResponse { began_ns, version: Version::Green, exposure }
}

#[test]
fn an_open_response_is_reported_once_as_slow_and_nothing_else() {
    let mut open = OpenResponses::default();
    let ticket = open.add(response(7, 100)).unwrap();
    assert_eq!(open.take_slow(110, OBJECTIVE).count(), 0, "not beyond the objective");
    let slow: Vec<_> = open.take_slow(111, OBJECTIVE).collect();
    let [slow] = slow[..] else { panic!("{slow:?}") };
    assert_eq!((slow.unit, slow.at_ns, slow.version), (7, 111, Version::Green));
    assert!(slow.is_newly_exposed && !slow.is_assignment);
    for metric in Metric::ALL {
        let expected = (metric == Metric::SlowRate).then_some(true);
        assert_eq!(slow.measurements.is_bad(metric), expected, "{metric}");
    }
    assert_eq!(open.take_slow(1_000, OBJECTIVE).count(), 0);
    assert!(open.remove(ticket), "it was reported");
}

#[test]
fn the_number_of_remembered_responses_is_bounded() {
    let mut open = OpenResponses::default();
    let first = open.add(response(0, 0)).unwrap();
    for unit in 1..MAX_OPEN_RESPONSES as u64 {
        let ticket = open.add(response(unit, 0)).unwrap();
        assert!(!open.remove(ticket));
    }
    assert!(open.add(response(1, 0)).is_none());
    assert!(!open.remove(first));
    assert!(open.is_empty(), "what has ended behind the first one is forgotten with it");
    assert!(open.add(response(1, 0)).is_some());
}

#[test]
fn the_memory_of_a_peak_is_released() {
    let mut open = OpenResponses::default();
    let tickets: Vec<_> = (0..10_000).map(|unit| open.add(response(unit, 0)).unwrap()).collect();
    assert!(open.capacity() >= tickets.len());
    assert!(tickets.into_iter().all(|ticket| !open.remove(ticket)));
    assert!(open.is_empty() && open.capacity() <= 1024, "{}", open.capacity());
}

proptest! {
    /// Each response is reported if it is open at a tick after the objective, and never twice.
    #[test]
    fn reports_are_those_of_a_simple_model(
        steps in prop::collection::vec((0..3_u8, 0..20_usize, 0..8_u64), 1..200),
    ) {
        let mut open = OpenResponses::default();
        let mut model: Vec<Option<(u64, _)>> = Vec::new();
        let mut reported = Vec::new();
        let mut now = 0;
        for (step, which, wait) in steps {
            now += wait;
            match step {
                0 => {
                    let unit = model.len() as u64;
                    model.push(Some((now, open.add(response(unit, now)).unwrap())));
                }
                1 if !model.is_empty() => {
                    let unit = which % model.len();
                    if let Some((_, ticket)) = model[unit].take() {
                        prop_assert_eq!(open.remove(ticket), reported.contains(&(unit as u64)));
                    }
                }
                _ => {
                    let found: Vec<u64> =
                        open.take_slow(now, OBJECTIVE).map(|it| it.unit).collect();
                    let is_slow = |(unit, it): (u64, &Option<(u64, _)>)| {
                        let is_open = it.as_ref().is_some_and(|(began, _)| now - began > 10);
                        (is_open && !reported.contains(&unit)).then_some(unit)
                    };
                    let expected: Vec<u64> = (0..).zip(&model).filter_map(is_slow).collect();
                    prop_assert_eq!(&found, &expected);
                    reported.extend(found);
                }
            }
        }
    }
}
