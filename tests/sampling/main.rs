//! Samples of requests: which are sampled, and how many wait.

use std::num::NonZeroU32;

use proptest::prelude::*;
use verdigris::assignment::{Share, Version};
use verdigris::response::{CapturedText, Outcome};
use verdigris::sampling::{ComparedShares, Sample, SampleQueue, Sampler, Unjudged, read_messages};

fn sampler(share: f64, blue_per_green: u32) -> Sampler {
    let blue_per_green = NonZeroU32::new(blue_per_green).unwrap();
    Sampler { share, blue_per_green, max_bytes: 1_000 }
}

fn shares(green_percent: u64, analysed_percent: u64) -> ComparedShares {
    let share = |percent| Share::new(100 - percent, percent).unwrap();
    ComparedShares::new(share(green_percent), share(analysed_percent))
}

#[test]
fn both_versions_have_as_many_samples_whatever_their_shares() {
    struct Case {
        green: u64,
        analysed: u64,
        blue_per_green: u32,
        /// The rates of blue and green at a sample of 20 %.
        rates: [f64; 2],
    }
    let cases = [
        Case { green: 50, analysed: 100, blue_per_green: 1, rates: [0.2, 0.2] },
        Case { green: 20, analysed: 100, blue_per_green: 1, rates: [0.05, 0.2] },
        Case { green: 1, analysed: 100, blue_per_green: 1, rates: [0.2 / 99.0, 0.2] },
        Case { green: 1, analysed: 100, blue_per_green: 9, rates: [0.2 * 9.0 / 99.0, 0.2] },
        Case { green: 80, analysed: 100, blue_per_green: 1, rates: [0.2, 0.05] },
        Case { green: 50, analysed: 100, blue_per_green: 4, rates: [0.2, 0.05] },
        Case { green: 10, analysed: 20, blue_per_green: 1, rates: [0.2, 0.2] },
        // Nothing is compared, and nothing sampled.
        Case { green: 0, analysed: 100, blue_per_green: 1, rates: [0.0, 0.0] },
        Case { green: 100, analysed: 100, blue_per_green: 1, rates: [0.0, 0.0] },
        Case { green: 50, analysed: 20, blue_per_green: 1, rates: [0.0, 0.0] },
    ];
    for Case { green, analysed, blue_per_green, rates } in cases {
        let sampler = sampler(0.2, blue_per_green);
        let compared = shares(green, analysed);
        let found = [Version::Blue, Version::Green].map(|it| sampler.rate(it, compared));
        for (found, expected) in found.into_iter().zip(rates) {
            assert!((found - expected).abs() < 1e-12, "{green} {analysed}: {found} {expected}");
        }
    }
}

#[test]
fn the_hash_samples_the_share_and_is_independent_of_the_other_rollouts() {
    let sampler = sampler(0.05, 1);
    let ids: Vec<String> = (0..40_000).map(|it| format!("7f1c2b6e-{it:08x}-4a5b")).collect();
    let sampled = |rollout: &str| {
        ids.iter()
            .map(|id| sampler.may_sample(Sampler::place(rollout, id.as_bytes())))
            .collect::<Vec<_>>()
    };
    let (one, other) = (sampled("assistant-v8"), sampled("assistant-v9"));
    assert_eq!(one, sampled("assistant-v8"));
    let count = one.iter().filter(|it| **it).count();
    // Five standard deviations of a binomial with 40,000 and 5 %.
    assert!(count.abs_diff(2_000) < 218, "{count}");
    let both = one.iter().zip(&other).filter(|(one, other)| **one && **other).count();
    assert!(both.abs_diff(100) < 50, "{both}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expected_samples_have_the_ratio_and_no_rate_exceeds_the_share(
        share in 0.0001_f64..=1.0, blue_per_green in 1_u32..=100, green in 1_u64..=99,
    ) {
        let (sampler, compared) = (sampler(share, blue_per_green), shares(green, 100));
        let rates = [Version::Blue, Version::Green].map(|it| sampler.rate(it, compared));
        let samples = [rates[0] * compared.blue, rates[1] * compared.green];
        prop_assert!((samples[0] / samples[1] / f64::from(blue_per_green) - 1.0).abs() < 1e-9);
        prop_assert!((rates[0].max(rates[1]) / share - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_sampled_may_be_sampled(id: Vec<u8>, share in 0.0_f64..=1.0, green in 0_u64..=100, ratio in 1_u32..=100) {
        let (sampler, place) = (sampler(share, ratio), Sampler::place("r", &id));
        prop_assert!((0.0..=1.0).contains(&place));
        for version in [Version::Blue, Version::Green] {
            let is_sampled = sampler.samples(place, version, shares(green, 100));
            prop_assert!(!is_sampled || sampler.may_sample(place));
        }
    }

    /// Otherwise a queue that is full would have old samples only, and take the small ones of those that come.
    #[test]
    fn a_queue_keeps_its_bounds_and_the_newest(sizes in prop::collection::vec(0_usize..120, 0..60), pops in 0_usize..20) {
        let mut queue = SampleQueue::new(10, 100);
        let mut kept: Vec<(usize, usize)> = Vec::new();
        let bytes = |kept: &[(usize, usize)]| kept.iter().map(|it| it.1).sum::<usize>();
        for (index, size) in sizes.iter().enumerate() {
            let mut dropped = Vec::new();
            if *size > 100 {
                dropped.push(index);
            } else {
                kept.push((index, *size));
            }
            while kept.len() > 10 || bytes(&kept) > 100 {
                dropped.push(kept.remove(0).0);
            }
            prop_assert_eq!(queue.push(index, *size), dropped);
            prop_assert_eq!((queue.len(), queue.bytes()), (kept.len(), bytes(&kept)));
            if index % 7 < pops % 7 {
                prop_assert_eq!(queue.pop(), kept.pop().map(|it| it.0));
            }
        }
        let left: Vec<usize> = kept.into_iter().map(|(index, _)| index).collect();
        prop_assert_eq!(queue.clear().collect::<Vec<_>>(), left);
        prop_assert!(queue.is_empty() && queue.bytes() == 0);
    }
}

/// A client can send any depth. Without a bound, reading it would overflow the stack of the VM.
#[test]
fn a_message_of_any_depth_is_read() {
    const LEVELS: usize = 100_000;
    let nested = format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS));
    let bodies = [
        format!(r#"{{"messages": [{{"role": "user", "content": {nested}}}]}}"#),
        format!(r#"{{"messages": {nested}}}"#),
        r#"{"messages": [{"content": 1},"#.repeat(LEVELS),
        format!("{}{}", r#"[{"content":"#.repeat(LEVELS), "}]".repeat(LEVELS)),
    ];
    for body in bodies {
        assert!(read_messages(body.as_bytes()).is_some_and(|messages| messages.len() <= 1));
    }
    let text =
        br#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]}"#;
    let messages = read_messages(text).unwrap();
    assert_eq!((messages.len(), messages[0].text.as_str()), (1, "Why?"));
}

/// 24,000 bytes of empty parts were a question of 300,000.
#[test]
fn messages_that_are_larger_than_the_bound_are_not_judged() {
    const MAX_BYTES: usize = 24_000;
    let messages = |body: &str| {
        let mut prompt = CapturedText::new(MAX_BYTES);
        prompt.push(body.as_bytes());
        let sample = Sample {
            prompt,
            version: Version::Green,
            is_shadow: false,
            exposure: None,
            answer: CapturedText::default(),
            outcome: Outcome::default(),
        };
        sample.messages(MAX_BYTES).map(|it| it.len())
    };
    let parts =
        |count: usize| format!(r#"{{"messages": [{{"content": "Hi"}}{}]}}"#, ",{}".repeat(count));
    assert_eq!(messages(&parts(500)), Ok(501));
    assert_eq!(messages(&parts(7_000)), Err(Unjudged::TooLarge));
    let text = |bytes: usize| {
        format!(r#"{{"messages": [{{"role": "user", "content": "{}"}}]}}"#, "x".repeat(bytes))
    };
    assert_eq!(messages(&text(23_900)), Ok(1));
    assert_eq!(messages(&text(24_000)), Err(Unjudged::TooLarge));
}
