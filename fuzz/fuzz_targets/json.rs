//! The scanner reports the same whatever the pieces, and takes what a parser takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::json::scanner::{MAX_DEPTH, Scanner};

fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Scanner) {
    let mut report = Vec::new();
    let mut scanner = Scanner::default();
    pieces.for_each(|piece| {
        scanner.feed(piece, &mut |path, token| report.push(format!("{path:?} {token:?}")));
    });
    (report, scanner)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, body) = input;
    let (whole, scanner) = scan(std::iter::once(body));
    let (pieces, _) = scan(body.chunks(usize::from(piece) + 1));
    assert_eq!(whole, pieces);

    let depth = body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
    if is_json && depth <= MAX_DEPTH {
        assert!(!scanner.is_broken());
    }
});
