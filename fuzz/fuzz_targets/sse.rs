//! The framing of server-sent events gives the same events for any pieces, and never more
//! data than the body has.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::response::framed_data::FramedData;
use verdigris::response::sse::SseParser;

/// The name and the data of each event.
fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut events = Vec::new();
    let (mut name, mut data) = (Vec::new(), Vec::new());
    let mut sink = |part: FramedData<'_>| match part {
        FramedData::Name(bytes) => name = bytes.to_vec(),
        FramedData::Data(bytes) => data.extend_from_slice(bytes),
        FramedData::NextLine => data.push(b'\n'),
        FramedData::End => events.push((std::mem::take(&mut name), std::mem::take(&mut data))),
    };
    let mut parser = SseParser::default();
    pieces.for_each(|piece| parser.feed(piece, &mut sink));
    parser.finish(&mut sink);
    events
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, body) = input;
    let events = parse(std::iter::once(body));
    assert_eq!(parse(body.chunks(usize::from(piece) + 1)), events);
    let data: usize = events.iter().map(|(_, data)| data.len()).sum();
    assert!(data <= body.len());
});
