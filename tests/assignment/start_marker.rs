//! Start markers.

use proptest::prelude::*;
use verdigris::assignment::start_marker::{find_start_ms, with_start_ms};

proptest! {
    #[test]
    fn a_marker_holds_the_newest_eight_conversations(
        start_times_ms in prop::collection::vec(0..u64::MAX, 1..12),
    ) {
        let id = |index: usize| index.to_string().into_bytes();
        let mut marker = String::new();
        for (index, start_ms) in start_times_ms.iter().enumerate() {
            marker = with_start_ms(marker.as_bytes(), &id(index), *start_ms);
        }
        for (index, start_ms) in start_times_ms.iter().enumerate() {
            let is_kept = index + 8 >= start_times_ms.len();
            let found = find_start_ms(marker.as_bytes(), &id(index));
            prop_assert_eq!(found, is_kept.then_some(*start_ms));
        }
        prop_assert_eq!(find_start_ms(marker.as_bytes(), b"other"), None);
    }
}
