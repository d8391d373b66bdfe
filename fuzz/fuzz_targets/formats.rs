//! Every format reads the same from any pieces of any body, and stays within bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::observe::{Answer, Ending, Format, Framing, Outcome, Phrases, Prices, Reader};

fn read<'a>(format: Format, framing: Framing, pieces: impl Iterator<Item = &'a [u8]>) -> Answer {
    let mut reader = Reader::new(format, framing, 16);
    pieces.for_each(|piece| reader.feed(piece));
    reader.finish()
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, piece, body) = input;
    let format = match kind % 4 {
        0 => Format::Chat,
        1 => Format::Responses,
        2 => Format::Anthropic,
        _ => Format::Gemini,
    };
    let framing = if kind & 4 == 0 { Framing::Events } else { Framing::Json };
    let whole = read(format, framing, std::iter::once(body));
    assert_eq!(read(format, framing, body.chunks(usize::from(piece) + 1)), whole);
    let opening = whole.opening.as_ref().map_or(0, |opening| opening.bytes().len());
    assert!(opening <= 16);

    let outcome = Outcome {
        status: Some(200),
        ending: Ending::Complete,
        answer: Some(Ok(whole)),
        duration_ms: u64::from(piece),
        ttft_ms: Some(u64::from(kind)),
    };
    outcome.count(&Phrases::default(), &Prices::default(), |_, count| assert!(count > 0));
    outcome.record(|_, _| {});
});
