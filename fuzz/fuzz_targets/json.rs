//! The scanner reports the same for any pieces, and accepts what a parser accepts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::json::{Scanner, Token};
use verdigris::json::scanner::MAX_DEPTH;
use verdigris::response::answer_key::AnswerKey;

/// What the scanner reports. The pieces of a text are joined: they depend on those of the input.
fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Scanner<AnswerKey>) {
    let mut lines: Vec<String> = Vec::new();
    let mut scanner = Scanner::default();
    pieces.for_each(|piece| {
        scanner.feed(piece, &mut |path: &[AnswerKey], token| match token {
            Token::Text(text) => {
                let text: String = text.iter().map(|byte| format!(" {byte}")).collect();
                let beginning = format!("{path:?} text");
                match lines.last_mut().filter(|line| line.starts_with(&beginning)) {
                    Some(line) => line.push_str(&text),
                    None => lines.push(beginning + &text),
                }
            }
            token => lines.push(format!("{path:?} {token:?}")),
        });
    });
    (lines, scanner)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, body) = input;
    let (lines, scanner) = scan(std::iter::once(body));
    let (lines_of_pieces, _) = scan(body.chunks(usize::from(piece) + 1));
    assert_eq!(lines, lines_of_pieces);

    let max_depth = body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
    if is_json && max_depth <= MAX_DEPTH {
        assert!(!scanner.is_broken());
    }
});
