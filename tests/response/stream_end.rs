//! How a stream ended.

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
        ("no flag: a client on HTTP/3 left", false, Some(flags(&[])), Aborted),
        ("the host does not report flags", false, None, Cut),
    ];
    for (name, is_over, flags, expected) in table {
        assert_eq!(StreamEnd::new(is_over, flags, || false), expected, "{name}");
    }
    let details: [(&[u8], StreamEnd); 3] =
        [(b"", Aborted), (b"via_upstream", Aborted), (b"max_duration_timeout", Cut)];
    for (details, expected) in details {
        let ending = StreamEnd::new(false, Some(flags(&[])), || StreamEnd::is_cause(details));
        assert_eq!(ending, expected, "{details:?}");
    }
}
