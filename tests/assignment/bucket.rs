//! Hashing and shares.

use proptest::prelude::*;
use serde_json::Value;
use verdigris::assignment::bucket::MAX_TOTAL_WEIGHT;
use verdigris::assignment::{Share, bucket_hash};

/// flagd's bucket of `hash`, computed with [`Share::contains`] alone.
fn bucket(hash: u32, total: u64) -> u64 {
    (0..total)
        .find(|bucket| Share::new(total - bucket - 1, bucket + 1).unwrap().contains(hash))
        .expect("with all weight on green, every hash is on green")
}

/// Key, hash, and bucket of 100, from flagd's testbed 3.9.0,
/// `evaluator/gherkin/fractional.feature`.
#[test]
fn hashes_and_buckets_match_flagd() {
    let vectors: [(&str, u32, u64); 10] = [
        ("fractional-flagjack", 0x9fe8_43e0, 62),
        ("fractional-flagqueen", 0xff04_ff2f, 99),
        ("fractional-flagten", 0x2fcb_300a, 18),
        ("fractional-flagnine", 0x53cf_d6c5, 32),
        ("fractional-flag3", 0x2405_fbd8, 14),
        ("ejOoVL", 0x0000_0000, 0),
        ("bY9fO-", 0x0000_0001, 0),
        ("SI7p-", 0x7fff_ffff, 49),
        ("6LvT0", 0x8000_0000, 50),
        ("ceQdGm", 0xffff_ffff, 99),
    ];
    for (key, hash, bucket_of_100) in vectors {
        // The boundary of rollout and unit does not matter, because there is no separator.
        for boundary in 0..=key.len() {
            let (rollout, unit) = key.split_at(boundary);
            assert_eq!(bucket_hash(rollout, unit.as_bytes()), hash, "{rollout} + {unit}");
        }
        assert_eq!(bucket(hash, 100), bucket_of_100, "{key}");
    }
}

/// The script that generated the vectors is in the same folder as the data.
#[test]
fn hashes_and_buckets_match_an_independent_implementation() {
    let data: Value = serde_json::from_str(include_str!("../data/murmur3.json")).unwrap();
    let rollout = data["rollout"].as_str().unwrap();
    let vectors = data["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 47);
    for vector in vectors {
        let unit = bytes_of_hex(vector["unit"].as_str().unwrap());
        let hash = bucket_hash(rollout, &unit);
        assert_eq!(u64::from(hash), vector["hash"].as_u64().unwrap(), "{vector}");
        assert_eq!(bucket(hash, 100), vector["bucket_of_100"].as_u64().unwrap(), "{vector}");
    }
}

fn bytes_of_hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn a_weight_of_zero_excludes_every_hash() {
    for total in [1, 2, 3, 100, 1000, u64::from(MAX_TOTAL_WEIGHT)] {
        let (all_blue, all_green) = (Share::new(total, 0).unwrap(), Share::new(0, total).unwrap());
        for hash in [0, 1, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
            assert!(!all_blue.contains(hash), "{hash} at {total}/0");
            assert!(all_green.contains(hash), "{hash} at 0/{total}");
        }
    }
}

#[test]
fn weights_need_a_positive_sum_within_the_maximum() {
    let max = u64::from(MAX_TOTAL_WEIGHT);
    let cases = [
        ((1, 0), true),
        ((0, 1), true),
        ((0, 0), false),
        ((max, 0), true),
        ((max - 1, 1), true),
        ((max, 1), false),
        ((u64::MAX, 1), false),
        ((u64::MAX, u64::MAX), false),
    ];
    for ((blue, green), is_valid) in cases {
        assert_eq!(Share::new(blue, green).is_some(), is_valid, "{blue}/{green}");
    }
}

#[test]
fn basis_points_are_rounded_half_up() {
    let cases = [
        ((1, 0), 0),
        ((0, 1), 10_000),
        ((95, 5), 500),
        ((2, 1), 3333),
        ((1, 2), 6667),
        ((19_999, 1), 1),
        ((20_001, 1), 0),
        ((1, u64::from(MAX_TOTAL_WEIGHT) - 1), 10_000),
    ];
    for ((blue, green), expected) in cases {
        let share = Share::new(blue, green).unwrap();
        assert_eq!(share.basis_points(), expected, "{blue}/{green}");
    }
}

fn any_weights() -> impl Strategy<Value = (u64, u64)> {
    let max = u64::from(MAX_TOTAL_WEIGHT);
    prop_oneof![(1..=100u64, 0..=100u64), (1..=max / 2, 0..=max / 2)]
}

proptest! {
    #[test]
    fn a_share_contains_what_the_formula_says(hash: u32, (blue, green) in any_weights()) {
        let bucket = (u128::from(hash) * u128::from(blue + green)) >> 32;
        let share = Share::new(blue, green).unwrap();
        prop_assert_eq!(share.contains(hash), bucket < u128::from(green));
    }

    #[test]
    fn the_hash_agrees_with_another_crate(
        rollout in "[a-z0-9-]{1,63}",
        unit in prop::collection::vec(any::<u8>(), 0..5000),
    ) {
        let key = [rollout.as_bytes(), &unit].concat();
        prop_assert_eq!(bucket_hash(&rollout, &unit), mur3::murmurhash3_x86_32(&key, 0));
    }

    /// The shares are compared as fractions, because the totals differ.
    #[test]
    fn a_growing_share_only_adds_units(hash: u32, one in any_weights(), other in any_weights()) {
        let is_ascending = |(blue, green): (u64, u64), (b, g): (u64, u64)| {
            u128::from(green) * u128::from(b + g) <= u128::from(g) * u128::from(blue + green)
        };
        let (small, large) = if is_ascending(one, other) { (one, other) } else { (other, one) };
        let (small, large) =
            (Share::new(small.0, small.1).unwrap(), Share::new(large.0, large.1).unwrap());
        prop_assert!(!small.contains(hash) || large.contains(hash));
    }
}
