//! When a conversation began, where its id says so.

/// When the id was made, in milliseconds since 1970: a UUID of version 7, a ULID, or
/// either after a prefix that ends with `_`, as TypeIDs have it. `None` for any other id.
///
/// Sources: RFC 9562, section 5.7; the ULID specification, "Binary layout"; the TypeID
/// specification 0.3, whose suffix is a UUID of version 7 in a ULID's 26 digits.
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
    let is_uuid = uuid.iter().enumerate().all(|(at, byte)| {
        if HYPHENS.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    });
    let has_time = uuid.get(14) == Some(&b'7');
    let is_of_rfc = matches!(uuid.get(19), Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B'));
    if !(is_uuid && has_time && is_of_rfc) {
        return None;
    }
    let (high, low) = (uuid.get(..8)?, uuid.get(9..13)?);
    let digits = high.iter().chain(low).map(|byte| char::from(*byte).to_digit(16));
    digits.into_iter().try_fold(0, |time, digit| Some(time << 4 | u64::from(digit?)))
}

fn unix_ms_of_ulid(ulid: &[u8]) -> Option<u64> {
    let mut digits = ulid.iter().map(|byte| crockford(*byte));
    if digits.any(|digit| digit.is_none()) || crockford(*ulid.first()?)? > 7 {
        return None;
    }
    let time = ulid.iter().take(10).map(|byte| crockford(*byte));
    time.into_iter().try_fold(0, |time, digit| Some(time << 5 | u64::from(digit?)))
}

/// A digit of Crockford's base 32, in either case.
fn crockford(byte: u8) -> Option<u8> {
    let digits = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let at = digits.iter().position(|digit| *digit == byte.to_ascii_uppercase())?;
    u8::try_from(at).ok()
}
