//! Samples that wait.

use proptest::prelude::*;
use verdigris::assignment::Version;
use verdigris::export::ExportQueue;
use verdigris::stats::names::StatScope;

use super::{sample, sample_with_text};

#[test]
fn the_number_of_samples_and_the_size_of_texts_are_bounded() {
    let cases = [(0, 256), (1, 256), (32 << 10, 256), (64 << 10, 128), (2 << 20, 4), (1 << 30, 1)];
    for (max_text_bytes, capacity) in cases {
        assert_eq!(ExportQueue::new(max_text_bytes).capacity(), capacity, "{max_text_bytes}");
    }
}

#[test]
fn the_oldest_leave_first() {
    let mut queue = ExportQueue::new(0);
    for span in 1..=100 {
        let mut numbered = sample();
        numbered.request.began_unix_ns = span;
        queue.push(numbered).unwrap();
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
            let mut queue = ExportQueue::new(1 << 20);
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
                if let Err(refused) = queue.push(sample) {
                    prop_assert_eq!(refused.scope, StatScope::Of(version));
                    dropped.push(at);
                }
            }
            Ok(dropped)
        };
        prop_assert_eq!(run(false)?, run(true)?);
    }
}
