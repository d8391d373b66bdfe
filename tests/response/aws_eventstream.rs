//! Amazon's event streams, against AWS's own implementation.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, write_message_to};
use aws_smithy_types::DateTime;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use proptest::prelude::*;
use verdigris::response::aws_eventstream::EventStreamParser;
use verdigris::response::framed_data::FramedData;

/// The name and the data of an event.
type Event = (Vec<u8>, Vec<u8>);

/// A message with these headers.
pub fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let headers = headers.iter().map(|(name, value)| {
        Header::new((*name).to_owned(), HeaderValue::String((*value).to_owned().into()))
    });
    encode(&Message::new_from_parts(headers.collect(), payload.as_bytes().to_vec()))
}

fn encode(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_message_to(message, &mut bytes).unwrap();
    bytes
}

/// The events of a body, and the parser at its end.
fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, EventStreamParser) {
    let mut events = Vec::new();
    let (mut name, mut data) = (Vec::new(), Vec::new());
    let mut sink = |data_piece: FramedData<'_>| match data_piece {
        FramedData::Name(bytes) => name = bytes.to_vec(),
        FramedData::Data(bytes) => data.extend_from_slice(bytes),
        FramedData::NextLine => unreachable!("a message has no lines"),
        FramedData::End => events.push((std::mem::take(&mut name), std::mem::take(&mut data))),
    };
    let mut parser = EventStreamParser::default();
    pieces.for_each(|piece| parser.feed(piece, &mut sink));
    (events, parser)
}

/// The events that AWS's decoder finds, and whether it rejects the body.
fn decode(mut body: &[u8]) -> (Vec<Event>, bool) {
    let mut events = Vec::new();
    let mut decoder = MessageFrameDecoder::new();
    loop {
        match decoder.decode_frame(&mut body) {
            Ok(DecodedFrame::Complete(message)) => {
                let header = message.headers().iter().rfind(|it| is_message_type(it));
                let name = header.map(|it| it.value().as_string().unwrap().as_str().to_owned());
                let name = match name.as_deref().unwrap_or_default() {
                    "exception" => b"error".to_vec(),
                    name => name.as_bytes().iter().take(13).copied().collect(),
                };
                events.push((name, message.payload().to_vec()));
            }
            Ok(DecodedFrame::Incomplete) => return (events, false),
            Err(_) => return (events, true),
        }
    }
}

fn is_message_type(header: &Header) -> bool {
    header.name().as_str() == ":message-type"
}

fn any_header() -> impl Strategy<Value = Header> {
    let message_type = prop_oneof!["exception", "error", "event", "[a-z]{0,40}"];
    let message_type =
        message_type.prop_map(|it| (":message-type".to_owned(), HeaderValue::String(it.into())));
    let value = prop_oneof![
        any::<bool>().prop_map(HeaderValue::Bool),
        any::<i8>().prop_map(HeaderValue::Byte),
        any::<i16>().prop_map(HeaderValue::Int16),
        any::<i32>().prop_map(HeaderValue::Int32),
        any::<i64>().prop_map(HeaderValue::Int64),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|it| HeaderValue::ByteArray(it.into())),
        ".{0,60}".prop_map(|it| HeaderValue::String(it.into())),
        any::<i32>().prop_map(|it| HeaderValue::Timestamp(DateTime::from_secs(it.into()))),
        any::<u128>().prop_map(HeaderValue::Uuid),
    ];
    let other = ("[a-z:-]{1,30}", value);
    prop_oneof![message_type, other].prop_map(|(name, value)| Header::new(name, value))
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let headers = prop::collection::vec(any_header(), 0..5);
    let payload = prop::collection::vec(any::<u8>(), 0..200);
    let message = (headers, payload)
        .prop_map(|(headers, payload)| encode(&Message::new_from_parts(headers, payload)));
    prop::collection::vec(message, 0..4).prop_map(|messages| messages.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_are_those_of_the_decoder_of_aws(body in any_body(), piece in 1..40usize) {
        let (expected, is_rejected) = decode(&body);
        prop_assert!(!is_rejected);
        let (events, parser) = parse(body.chunks(piece));
        prop_assert_eq!(events, expected);
        prop_assert!(parser.is_between_messages() && !parser.is_broken());
    }

    /// The two checksums cover every byte.
    #[test]
    fn a_changed_byte_breaks_the_stream(
        body in any_body(),
        index: prop::sample::Index,
        change in 1..=u8::MAX,
        piece in 1..40usize,
    ) {
        prop_assume!(!body.is_empty());
        let mut damaged = body;
        let index = index.index(damaged.len());
        damaged[index] ^= change;
        let (expected, _) = decode(&damaged);
        let (events, parser) = parse(damaged.chunks(piece));
        prop_assert_eq!(events, expected);
        prop_assert!(parser.is_broken());
    }
}

#[test]
fn lengths_beyond_the_limits_break_the_stream_before_the_headers() {
    let prelude = |message: u32, headers: u32| {
        let lengths = [message.to_be_bytes(), headers.to_be_bytes()].concat();
        let checksum = crc32fast::hash(&lengths).to_be_bytes();
        [&lengths[..], &checksum].concat()
    };
    let table = [
        (16, 0, false),
        (0, 0, true),
        (15, 0, true),
        (16, 1, true),
        (16, u32::MAX, true),
        (u32::MAX, u32::MAX, true),
        (u32::MAX, 0, true),
        ((24 << 20) + 16, 0, false),
        ((24 << 20) + 17, 0, true),
        ((128 << 10) + 16, 128 << 10, false),
        ((128 << 10) + 17, (128 << 10) + 1, true),
    ];
    for (message, headers, is_broken) in table {
        let (_, parser) = parse(std::iter::once(&prelude(message, headers)[..]));
        assert_eq!(parser.is_broken(), is_broken, "{message} {headers}");
    }
}
