//! Every format gives the same answer for any pieces of any body, within its bounds.
#![no_main]

#[path = "../messages.rs"]
mod messages;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use verdigris::response::{
    Answer, AnswerParser, ClassificationRules, Format, Framing, LimitPolicy, Outcome, Phrases,
    Prices, StreamEnd,
};
use verdigris::stats::{count_outcome, record_outcome};

const OPENING_BYTES: usize = 16;

fn parse<'a>(format: Format, framing: Framing, pieces: impl Iterator<Item = &'a [u8]>) -> Answer {
    let mut parser = AnswerParser::new(format, framing, OPENING_BYTES);
    pieces.for_each(|piece| parser.feed(piece));
    parser.finish()
}

/// Makes a message of each line, since random bytes have no valid checksum. A line that begins
/// with `!` becomes an exception.
fn in_messages(body: &[u8]) -> Vec<u8> {
    let lines = body.split(|byte| *byte == b'\n').take(64);
    let messages = lines.flat_map(|line| {
        let message_type = if line.first() == Some(&b'!') { "exception" } else { "event" };
        messages::message(&messages::string_header(":message-type", message_type), line)
    });
    messages.collect()
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, piece, body) = input;
    let format = Format::ALL[usize::from(kind) % Format::ALL.len()];
    let framing = match kind >> 6 {
        0 => Framing::Sse,
        1 => Framing::Json,
        2 => Framing::JsonLines,
        _ => Framing::AwsEventStream,
    };
    let framed = (framing == Framing::AwsEventStream).then(|| in_messages(body));
    let body = framed.as_deref().unwrap_or(body);
    let answer = parse(format, framing, std::iter::once(body));
    assert_eq!(parse(format, framing, body.chunks(usize::from(piece) + 1)), answer);
    assert!(answer.openings.iter().all(|opening| opening.bytes().len() <= OPENING_BYTES));

    let outcome = Outcome {
        status: Some(200),
        ending: StreamEnd::Complete,
        has_body: true,
        is_stream: framing.is_stream(),
        answer: Some(Ok(answer)),
        duration: Duration::from_millis(piece.into()),
        ttft: Some(Duration::from_millis(kind.into())),
        ..Outcome::default()
    };
    let (phrases, prices) = (Phrases::default(), Prices::default());
    let limits = LimitPolicy::Compare;
    let rules = ClassificationRules { phrases: &phrases, prices: &prices, limits };
    count_outcome(&outcome.classify(rules), |_, count| assert!(count > 0));
    record_outcome(&outcome, |_, _| {});
});
