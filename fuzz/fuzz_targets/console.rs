//! Without the token no headers give a command; no body of a command panics, and no reason has hidden
//! characters or a line break.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::config::{ConsoleConfig, parse_command};
use verdigris::console::{ConsoleRequest, ConsoleRequestHead};
use verdigris::rollout::hidden_character;

const TOKEN: &str = "a-token-that-no-fuzzer-finds";

const NAMES: [&[u8]; 7] = [
    b":method", b":path", b":authority", b"authorization", b"origin", b"sec-fetch-site",
    b"content-length",
];

fuzz_target!(|input: (Vec<(u8, &[u8])>, &[u8])| {
    let (headers, body) = input;
    let headers = headers.iter().map(|(name, value)| (NAMES[usize::from(*name) % 7], *value));
    let head = ConsoleRequestHead::from_headers(headers);
    let request = ConsoleRequest::parse(&head, &ConsoleConfig::default(), Some(TOKEN));
    assert!(!matches!(request, Some(Ok(ConsoleRequest::Command { .. }))));
    for name in ["rollback", "weights"] {
        if let Ok(request) = parse_command(name, body, 0) {
            let reason = request.command.reason();
            assert_eq!(hidden_character(reason), None);
            assert!(!reason.chars().any(char::is_control) && !reason.trim().is_empty());
        }
    }
});
