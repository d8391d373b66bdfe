//! The gRPC status.

use proptest::prelude::*;
use verdigris::response::grpc::{WebTrailers, http_status};

#[test]
fn codes_map_to_the_statuses_of_google_rpc() {
    let statuses =
        [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
    for (code, status) in (0..).zip(statuses) {
        assert_eq!(http_status(code), status, "{code}");
    }
    assert_eq!(http_status(99), 500);
}

/// A frame of gRPC-Web.
fn frame(flags: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[flags][..], &length, bytes].concat()
}

/// The status that is found in a body with these cuts.
fn status_in(is_base64: bool, body: &[u8], cuts: &[usize]) -> Option<u32> {
    let mut trailers = WebTrailers::new(is_base64);
    let mut rest = body;
    for cut in cuts {
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        trailers.feed(piece);
        rest = after;
    }
    trailers.feed(rest);
    trailers.status()
}

proptest! {
    #[test]
    fn the_status_is_found_in_any_pieces_plain_or_in_base64(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
        code in 0..17_u32,
        has_trailer in any::<bool>(),
        cuts in prop::collection::vec(0..30_usize, 0..20),
    ) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;

        let mut frames: Vec<Vec<u8>> = messages.iter().map(|it| frame(0, it)).collect();
        let trailer = format!("grpc-message: m\r\nGrpc-Status:{code}\r\n");
        if has_trailer {
            frames.push(frame(0x80, trailer.as_bytes()));
        }
        let expected = has_trailer.then_some(code);
        prop_assert_eq!(status_in(false, &frames.concat(), &cuts), expected);
        // Each frame may be encoded separately, which puts padding within the body.
        let whole = STANDARD.encode(frames.concat());
        let each: String = frames.iter().map(|it| STANDARD.encode(it)).collect();
        for text in [whole, each] {
            prop_assert_eq!(status_in(true, text.as_bytes(), &cuts), expected);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        body in prop::collection::vec(any::<u8>(), 0..300),
        is_base64 in any::<bool>(),
    ) {
        let _ = status_in(is_base64, &body, &[7, 11]);
    }
}
