//! No text of a configuration panics: not as JSON, and not as the protobuf bytes of a Struct. What is
//! refused says why.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::config::{Plugin, text_from_envoy};

fuzz_target!(|text: &[u8]| {
    for text in [text.to_vec(), text_from_envoy(text.to_vec())] {
        if let Err(invalid) = Plugin::parse(&text) {
            assert!(!invalid.to_string().is_empty());
        }
    }
});
