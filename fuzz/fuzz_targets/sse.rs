//! Framing gives the same events whatever the pieces, and never more data than came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::response::sse::{Piece, Sse};

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut events = Vec::new();
    let (mut name, mut data) = (Vec::new(), Vec::new());
    let mut sink = |piece: Piece<'_>| match piece {
        Piece::Name(bytes) => name = bytes.to_vec(),
        Piece::Data(bytes) => data.extend_from_slice(bytes),
        Piece::End => events.push((std::mem::take(&mut name), std::mem::take(&mut data))),
    };
    let mut sse = Sse::default();
    pieces.for_each(|piece| sse.feed(piece, &mut sink));
    sse.finish(&mut sink);
    events
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, body) = input;
    let whole = events(std::iter::once(body));
    assert_eq!(events(body.chunks(usize::from(piece) + 1)), whole);
    let data: usize = whole.iter().map(|(_, data)| data.len()).sum();
    assert!(data <= body.len());
});
