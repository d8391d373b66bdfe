//! Any bytes as unit, conversation, marker and cookie have one version, which stays green as green's
//! share grows. A marker never names a time in the future.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::assignment::unit::find_cookie;
use verdigris::assignment::{ConversationStart, Share, StartTime, bucket_hash};

fuzz_target!(|input: (&[u8], &[u8], u64, u16, u16)| {
    let (id, marker, now_ms, share, more) = input;
    let green = |basis_points: u64| {
        let share = Share::new(10_000 - basis_points, basis_points).unwrap();
        share.contains(bucket_hash("rollout", id))
    };
    let (small, large) = (share.min(more) % 10_001, share.max(more) % 10_001);
    let (small, large) = (small.min(large), small.max(large));
    assert!(!green(small.into()) || green(large.into()));
    let start = ConversationStart::find(id, Some(marker), now_ms, true);
    match start.time {
        StartTime::Known(start_ms) => assert!(start_ms <= now_ms && start.new_marker.is_none()),
        // The new marker is one, and names this conversation.
        StartTime::Unknown => {
            let new = start.new_marker.unwrap();
            let found = ConversationStart::find(id, Some(new.as_bytes()), now_ms, true);
            assert_eq!(found.time, StartTime::Known(now_ms));
        }
    }
    let _ = find_cookie(marker, id);
});
