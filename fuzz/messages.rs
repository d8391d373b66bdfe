//! Messages of Amazon's event stream, with checksums that are right.

/// A header whose value is a text.
#[allow(dead_code, reason = "one target has its headers made by the fuzzer")]
pub fn text_header(name: &str, value: &str) -> Vec<u8> {
    let name_length = u8::try_from(name.len()).unwrap();
    let value_length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[name_length], name.as_bytes(), &[7], &value_length, value.as_bytes()].concat()
}

/// A message of these headers, whatever they are, and this payload.
pub fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let lengths = [length(headers.len() + payload.len() + 16), length(headers.len())].concat();
    let prelude = [&lengths[..], &crc32fast::hash(&lengths).to_be_bytes()].concat();
    let message = [&prelude[..], headers, payload].concat();
    [&message[..], &crc32fast::hash(&message).to_be_bytes()].concat()
}
