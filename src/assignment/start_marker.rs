//! The start marker: a header or cookie that tells when a conversation began, for ids without a
//! timestamp.
//!
//! The client gets it with the first response of a conversation and returns it with later
//! requests. It holds start times, each with a hash of the conversation's id, and no version. A
//! forged marker can therefore only select a share that was in force at some time. A client may
//! have several conversations; the marker keeps the newest.
//!
//! ```text
//! 5d1f3e2a9b7c8d60.1764057600000~a1b2c3d4e5f60718.1764061200000
//! ```

use super::sampling_hash;

/// The number of conversations in a marker.
const MAX_ENTRIES: usize = 8;

/// The number of hexadecimal digits of an id's hash.
const HASH_DIGITS: usize = 16;

const ENTRY_SEPARATOR: u8 = b'~';
const TIME_SEPARATOR: u8 = b'.';

/// The time at which the conversation `id` began according to `marker`, in milliseconds since
/// the Unix epoch.
pub fn find_start_ms(marker: &[u8], id: &[u8]) -> Option<u64> {
    let wanted = id_hash(id);
    entries(marker).find(|(hash, _)| *hash == wanted.as_bytes()).map(|(_, start_ms)| start_ms)
}

/// The marker with the conversation `id` added in front. The oldest one is dropped if there are
/// more than eight.
pub fn with_start_ms(marker: &[u8], id: &[u8], start_ms: u64) -> String {
    let mut updated = format!("{}.{start_ms}", id_hash(id));
    for (hash, start_ms) in entries(marker).take(MAX_ENTRIES - 1) {
        let hash = str::from_utf8(hash).unwrap_or_default();
        updated.push_str(&format!("~{hash}.{start_ms}"));
    }
    updated
}

/// The entries of a marker, as hash and start time. Malformed entries are skipped.
fn entries(marker: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    marker.split(|byte| *byte == ENTRY_SEPARATOR).take(MAX_ENTRIES).filter_map(|entry| {
        let (hash, rest) = entry.split_at_checked(HASH_DIGITS)?;
        let digits = rest.strip_prefix(&[TIME_SEPARATOR])?;
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let is_hash = hash.iter().all(u8::is_ascii_hexdigit);
        let start_ms = str::from_utf8(digits).ok()?.parse().ok()?;
        (is_hash && is_number).then_some((hash, start_ms))
    })
}

/// The hash of a conversation's id. It does not depend on the rollout, because a conversation
/// may be older than the rollout.
fn id_hash(id: &[u8]) -> String {
    format!("{:016x}", sampling_hash("", id))
}
