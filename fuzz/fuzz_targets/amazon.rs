//! Amazon's framing gives the same events whatever the pieces, every payload as it was,
//! and takes nothing that is no message.
#![no_main]

#[path = "../messages.rs"]
mod messages;

use libfuzzer_sys::fuzz_target;
use verdigris::response::aws_eventstream::Amazon;
use verdigris::response::sse::Piece;

type Event = (Vec<u8>, Vec<u8>);

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Event, Amazon) {
    let mut events = Vec::new();
    let (mut name, mut data) = (Vec::new(), Vec::new());
    let mut sink = |piece: Piece<'_>| match piece {
        Piece::Name(bytes) => name = bytes.to_vec(),
        Piece::Data(bytes) => data.extend_from_slice(bytes),
        Piece::End => events.push((std::mem::take(&mut name), std::mem::take(&mut data))),
    };
    let mut amazon = Amazon::default();
    pieces.for_each(|piece| amazon.feed(piece, &mut sink));
    (events, (name, data), amazon)
}

fuzz_target!(|input: (u8, Vec<(Vec<u8>, Vec<u8>)>, &[u8])| {
    let (piece, parts, rest) = input;
    let mut body: Vec<u8> =
        parts.iter().flat_map(|(headers, payload)| messages::message(headers, payload)).collect();
    body.extend_from_slice(rest);
    let (whole, begun, amazon) = events(std::iter::once(&body[..]));
    let (in_pieces, begun_in_pieces, in_pieces_at) = events(body.chunks(usize::from(piece) + 1));
    assert_eq!((&whole, &begun), (&in_pieces, &begun_in_pieces));
    assert_eq!(amazon.is_broken(), in_pieces_at.is_broken());
    assert_eq!(amazon.is_between_messages(), in_pieces_at.is_between_messages());

    // Headers may be none; all messages before those are there.
    assert!(amazon.is_broken() || whole.len() >= parts.len());
    for ((_, data), (_, payload)) in whole.iter().zip(&parts) {
        assert_eq!(data, payload);
    }
});
