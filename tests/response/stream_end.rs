//! How a stream ended.

use verdigris::response::stream_end::BUFFERED_BYTES;
use verdigris::response::{ResponseFlags, StreamEnd};

fn flags(bits: &[u32]) -> ResponseFlags {
    ResponseFlags(bits.iter().fold(0, |all, bit| all | 1 << bit))
}

#[test]
fn a_stream_ends_as_flags_and_details_say() {
    use StreamEnd::{Aborted, Complete, Cut};
    let table = [
        ("the end was seen", true, Some(flags(&[])), Complete),
        ("the client left after the end", true, Some(flags(&[14])), Complete),
        ("the client's connection ended", false, Some(flags(&[14])), Aborted),
        ("the client reset the stream", false, Some(flags(&[28])), Aborted),
        ("the client broke the protocol", true, Some(flags(&[18])), Aborted),
        ("the upstream reset", false, Some(flags(&[4])), Cut),
        ("the upstream's connection ended", false, Some(flags(&[6])), Cut),
        ("the connection was open for too long", false, Some(flags(&[22])), Aborted),
        ("an overloaded Envoy reset it", false, Some(flags(&[25])), Aborted),
        ("no flag: a client on HTTP/3 left", false, Some(flags(&[])), Aborted),
        ("the host does not report flags", false, None, Cut),
    ];
    for (name, is_over, flags, expected) in table {
        assert_eq!(StreamEnd::new(is_over, 0, flags, || false), expected, "{name}");
    }
    let details: [(&[u8], StreamEnd); 3] =
        [(b"", Aborted), (b"via_upstream", Aborted), (b"max_duration_timeout", Cut)];
    for (details, expected) in details {
        let ending = StreamEnd::new(false, 0, Some(flags(&[])), || StreamEnd::is_cause(details));
        assert_eq!(ending, expected, "{details:?}");
    }
}

/// An idle timeout is the version's error unless the client has left unread more than Envoy buffers.
#[test]
fn a_client_that_does_not_read_aborts() {
    use StreamEnd::{Aborted, Cut};
    let idle = Some(flags(&[16]));
    for (bytes, expected) in [(0, Cut), (BUFFERED_BYTES - 1, Cut), (BUFFERED_BYTES, Aborted)] {
        assert_eq!(StreamEnd::new(false, bytes, idle, || false), expected, "{bytes}");
        let complete = StreamEnd::new(true, bytes, idle, || false);
        assert_eq!(complete, StreamEnd::Complete, "{bytes}");
        let broken = StreamEnd::new(false, bytes, Some(flags(&[23])), || false);
        assert_eq!(broken, Cut, "{bytes}");
    }
}
