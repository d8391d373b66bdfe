//! The search for the first of two bytes, against a plain loop.

use proptest::prelude::*;
use verdigris::json::find::find_either;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_of_two_bytes_is_found(
        one: u8,
        other: u8,
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        // Neighbours of the searched bytes would show a wrong borrow between bytes of a word.
        for one in [one, bytes.last().copied().unwrap_or(one)] {
            for bytes in [bytes.clone(), bytes.iter().map(|byte| one ^ (byte & 1)).collect()] {
                let index = bytes.iter().position(|byte| *byte == one || *byte == other);
                prop_assert_eq!(find_either(one, other, &bytes), index);
            }
        }
    }
}
