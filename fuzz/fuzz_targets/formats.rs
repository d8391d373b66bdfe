//! Every format reads the same from any pieces of any body, and stays within bounds.
#![no_main]

#[path = "../messages.rs"]
mod messages;

use libfuzzer_sys::fuzz_target;
use verdigris::response::{Answer, Ending, Format, Framing, Outcome, Phrases, Prices, Reader};

fn read<'a>(format: Format, framing: Framing, pieces: impl Iterator<Item = &'a [u8]>) -> Answer {
    let mut reader = Reader::new(format, framing, 16);
    pieces.for_each(|piece| reader.feed(piece));
    reader.finish()
}

/// Chance finds no checksum: each line becomes a message, of which the first byte says
/// whether it is an exception.
fn in_messages(body: &[u8]) -> Vec<u8> {
    let lines = body.split(|byte| *byte == b'\n').take(64);
    let messages = lines.flat_map(|line| {
        let kind = if line.first() == Some(&b'!') { "exception" } else { "event" };
        messages::message(&messages::text_header(":message-type", kind), line)
    });
    messages.collect()
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, piece, body) = input;
    let format = Format::ALL[usize::from(kind) % Format::ALL.len()];
    let framing = match kind >> 6 {
        0 => Framing::Events,
        1 => Framing::Json,
        2 => Framing::Lines,
        _ => Framing::Amazon,
    };
    let framed = (framing == Framing::Amazon).then(|| in_messages(body));
    let body = framed.as_deref().unwrap_or(body);
    let whole = read(format, framing, std::iter::once(body));
    assert_eq!(read(format, framing, body.chunks(usize::from(piece) + 1)), whole);
    let opening = whole.opening.as_ref().map_or(0, |opening| opening.bytes().len());
    assert!(opening <= 16);

    let outcome = Outcome {
        has_failed_over: false,
        status: Some(200),
        ending: Ending::Complete,
        is_stream: framing.is_stream(),
        answer: Some(Ok(whole)),
        duration_ms: u64::from(piece),
        ttft_ms: Some(u64::from(kind)),
    };
    outcome.count(&Phrases::default(), &Prices::default(), |_, count| assert!(count > 0));
    outcome.record(|_, _| {});
});
