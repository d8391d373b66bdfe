//! Messages of Amazon's event stream with valid checksums.

/// A header with a string value.
#[allow(dead_code, reason = "in one target the fuzzer makes the headers")]
pub fn string_header(name: &str, value: &str) -> Vec<u8> {
    let name_length = u8::try_from(name.len()).unwrap();
    let value_length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[name_length], name.as_bytes(), &[7], &value_length, value.as_bytes()].concat()
}

/// A message with these header bytes, which may be invalid, and this payload.
pub fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let lengths = [length(headers.len() + payload.len() + 16), length(headers.len())].concat();
    let prelude = [&lengths[..], &crc32fast::hash(&lengths).to_be_bytes()].concat();
    let message = [&prelude[..], headers, payload].concat();
    [&message[..], &crc32fast::hash(&message).to_be_bytes()].concat()
}
