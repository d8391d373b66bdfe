//! Samples that wait.

use proptest::prelude::*;
use verdigris::assignment::Version;
use verdigris::export::ExportQueue;
use verdigris::stats::names::StatScope;

use super::{sample, sample_with_text};

#[test]
fn the_number_of_samples_and_the_size_of_texts_are_bounded() {
    let cases = [(0, 256), (1, 256), (16 << 10, 256), (32 << 10, 128), (1 << 20, 4), (1 << 30, 1)];
    for (max_bytes, capacity) in cases {
        assert_eq!(ExportQueue::capacity(max_bytes), capacity, "{max_bytes}");
        let mut queue = ExportQueue::default();
        let fits = (0..=capacity).filter(|_| queue.push(sample(), max_bytes)).count();
        assert_eq!(fits, capacity, "{max_bytes}");
    }
}

#[test]
fn the_oldest_leave_first() {
    let mut queue = ExportQueue::default();
    for span in 1..=100 {
        let mut numbered = sample();
        numbered.request.began_unix_ns = span;
        assert!(queue.push(numbered, 0));
    }
    let first: Vec<u64> =
        queue.take_batch().iter().map(|sample| sample.request.began_unix_ns).collect();
    assert_eq!(first, (1..=64).collect::<Vec<_>>());
    assert_eq!(queue.take_batch().len(), 36);
    assert!(queue.is_empty() && queue.take_batch().is_empty());
}

proptest! {
    /// Which samples are dropped is the same if the versions change places and the texts differ.
    #[test]
    fn what_is_dropped_depends_on_no_version(
        steps in prop::collection::vec(prop::option::of(any::<bool>()), 1..1000),
        length in 0_usize..4096,
    ) {
        let run = |swap: bool| {
            let mut queue = ExportQueue::default();
            let mut dropped = Vec::new();
            for (at, step) in steps.iter().enumerate() {
                let Some(is_green) = step else {
                    queue.take_batch();
                    continue;
                };
                let is_green = is_green ^ swap;
                let text = vec![b'a'; if is_green { length } else { 1 }];
                let mut sample = sample_with_text(&text, &text);
                let version = if is_green { Version::Green } else { Version::Blue };
                sample.scope = StatScope::Of(version);
                if !queue.push(sample, 1 << 20) {
                    dropped.push(at);
                }
            }
            dropped
        };
        prop_assert_eq!(run(false), run(true));
    }
}
