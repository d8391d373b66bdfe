//! Timestamps inside conversation ids.

/// The time at which an id was created, in milliseconds since the Unix epoch.
///
/// Reads UUIDs of version 7 and ULIDs, both also after a prefix that ends with `_`, as TypeIDs
/// have it. Any other id is `None`.
///
/// Sources: RFC 9562, section 5.7; the ULID specification, "Binary layout"; the TypeID
/// specification 0.3, whose suffix is a UUID of version 7 in 26 digits of base 32, like a ULID.
///
/// ```
/// use verdigris::assignment::id_timestamp::unix_ms_of_id;
/// let time = Some(1_645_557_742_000);
/// assert_eq!(unix_ms_of_id(b"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), time);
/// assert_eq!(unix_ms_of_id(b"chat_01fwhe4ydgfk1shh6w1g60eecf"), time);
/// assert_eq!(unix_ms_of_id(b"9d8c5f3e-0c3b-4c1e-8f5e-2b1d3c4a5e6f"), None);
/// ```
pub fn unix_ms_of_id(id: &[u8]) -> Option<u64> {
    let id = id.rsplit(|byte| *byte == b'_').next().unwrap_or(id);
    match id.len() {
        36 => unix_ms_of_uuid(id),
        26 => unix_ms_of_ulid(id),
        _ => None,
    }
}

fn unix_ms_of_uuid(uuid: &[u8]) -> Option<u64> {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let is_uuid = uuid.iter().enumerate().all(|(index, byte)| {
        if HYPHENS.contains(&index) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    });
    let is_version_7 = uuid.get(14) == Some(&b'7');
    let is_rfc_variant = matches!(uuid.get(19), Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B'));
    if !(is_uuid && is_version_7 && is_rfc_variant) {
        return None;
    }
    let (high, low) = (uuid.get(..8)?, uuid.get(9..13)?);
    let mut digits = high.iter().chain(low).map(|byte| char::from(*byte).to_digit(16));
    digits.try_fold(0, |time, digit| Some(time << 4 | u64::from(digit?)))
}

fn unix_ms_of_ulid(ulid: &[u8]) -> Option<u64> {
    let mut digits = ulid.iter().map(|byte| crockford_digit(*byte));
    // The first digit is at most 7: a ULID has 128 bits, and 26 digits have 130.
    if digits.any(|digit| digit.is_none()) || crockford_digit(*ulid.first()?)? > 7 {
        return None;
    }
    let mut time_digits = ulid.iter().take(10).map(|byte| crockford_digit(*byte));
    time_digits.try_fold(0, |time, digit| Some(time << 5 | u64::from(digit?)))
}

/// The value of a digit of Crockford's base 32, in upper or lower case.
fn crockford_digit(byte: u8) -> Option<u8> {
    let digits = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let value = digits.iter().position(|digit| *digit == byte.to_ascii_uppercase())?;
    u8::try_from(value).ok()
}
