//! The marker: when a conversation began, for ids that do not say so.
//!
//! It is given with a conversation's first response and comes back with its requests. It
//! holds times alone, each with a hash of the id that it belongs to, and no version: who
//! forges one chooses among shares that were in force. One client may have several
//! conversations; the newest are kept.
//!
//! ```text
//! 5d1f3e2a9b7c8d60.1764057600000~a1b2c3d4e5f60718.1764061200000
//! ```

use super::analysis_hash;

/// How many conversations a marker holds.
const MAX_ENTRIES: usize = 8;

/// What stands between two conversations, and between hash and time.
const ENTRY_SEPARATOR: u8 = b'~';
const TIME_SEPARATOR: u8 = b'.';

/// When the conversation `id` began, by this marker, in milliseconds since 1970.
pub fn find_start_ms(marker: &[u8], id: &[u8]) -> Option<u64> {
    let wanted = hash(id);
    entries(marker).find(|(hash, _)| *hash == wanted.as_bytes()).map(|(_, time)| time)
}

/// The marker with one more conversation, which began at `time`.
pub fn with_start_ms(marker: &[u8], id: &[u8], time: u64) -> String {
    let mut new = format!("{}.{time}", hash(id));
    for (hash, time) in entries(marker).take(MAX_ENTRIES - 1) {
        let hash = str::from_utf8(hash).unwrap_or_default();
        new.push_str(&format!("~{hash}.{time}"));
    }
    new
}

/// The conversations of a marker. What is none is passed over.
fn entries(marker: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    marker.split(|byte| *byte == ENTRY_SEPARATOR).take(MAX_ENTRIES).filter_map(|entry| {
        let (hash, time) = entry.split_at_checked(16)?;
        let digits = time.strip_prefix(&[TIME_SEPARATOR])?;
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let is_hash = hash.iter().all(u8::is_ascii_hexdigit);
        let time = str::from_utf8(digits).ok()?.parse().ok()?;
        (is_hash && is_number).then_some((hash, time))
    })
}

/// It has nothing to do with the rollout: the conversation may be older.
fn hash(id: &[u8]) -> String {
    format!("{:016x}", analysis_hash("", id))
}
