//! Amazon's framing gives the same events for any pieces, keeps every payload, and accepts
//! only valid messages.
#![no_main]

#[path = "../messages.rs"]
mod messages;

use libfuzzer_sys::fuzz_target;
use verdigris::response::aws_eventstream::EventStreamParser;
use verdigris::response::framed_data::FramedData;

/// The name and the data of an event.
type Event = (Vec<u8>, Vec<u8>);

/// The complete events, the incomplete one, and the parser at the end of the body.
fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Event, EventStreamParser) {
    let mut events = Vec::new();
    let (mut name, mut data) = (Vec::new(), Vec::new());
    let mut sink = |part: FramedData<'_>| match part {
        FramedData::Name(bytes) => name = bytes.to_vec(),
        FramedData::Data(bytes) => data.extend_from_slice(bytes),
        FramedData::NextLine => unreachable!("a message has no lines"),
        FramedData::End => events.push((std::mem::take(&mut name), std::mem::take(&mut data))),
    };
    let mut parser = EventStreamParser::default();
    pieces.for_each(|piece| parser.feed(piece, &mut sink));
    (events, (name, data), parser)
}

fuzz_target!(|input: (u8, Vec<(Vec<u8>, Vec<u8>)>, &[u8])| {
    let (piece, parts, rest) = input;
    let mut body: Vec<u8> =
        parts.iter().flat_map(|(headers, payload)| messages::message(headers, payload)).collect();
    body.extend_from_slice(rest);
    let (events, incomplete, parser) = parse(std::iter::once(&body[..]));
    let (in_pieces, incomplete_in_pieces, parser_of_pieces) =
        parse(body.chunks(usize::from(piece) + 1));
    assert_eq!((&events, &incomplete), (&in_pieces, &incomplete_in_pieces));
    assert_eq!(parser.is_broken(), parser_of_pieces.is_broken());
    assert_eq!(parser.is_between_messages(), parser_of_pieces.is_between_messages());

    // The headers may be invalid; then the messages before them are there.
    assert!(parser.is_broken() || events.len() >= parts.len());
    for ((_, data), (_, payload)) in events.iter().zip(&parts) {
        assert_eq!(data, payload);
    }
});
