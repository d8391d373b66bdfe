//! Server-sent events, against a direct implementation of the standard.

use proptest::prelude::*;
use verdigris::response::framed_data::FramedData;
use verdigris::response::sse::SseParser;

/// Splits a whole body into events, as the standard says.
fn split_events(body: &str) -> Vec<(String, String)> {
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), None::<String>);
    for line in body.split('\n') {
        if line.is_empty() {
            if let Some(data) = data.take() {
                events.push((name.clone(), data));
            }
            name.clear();
        } else if !line.starts_with(':') {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => match &mut data {
                    Some(data) => *data = format!("{data}\n{value}"),
                    None => data = Some(value.to_owned()),
                },
                "event" => name = value.to_owned(),
                _ => {}
            }
        }
    }
    events.extend(data.map(|data| (name, data)));
    events
}

/// Parses a body in pieces of this size into events.
fn parse(body: &[u8], piece: usize) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut sink = |data_piece: FramedData<'_>| match data_piece {
        FramedData::Name(bytes) => name = text(bytes),
        FramedData::Data(bytes) => data.extend_from_slice(bytes),
        FramedData::NextLine => data.push(b'\n'),
        FramedData::End => {
            events.push((std::mem::take(&mut name), text(&std::mem::take(&mut data))));
        }
    };
    let mut sse = SseParser::default();
    body.chunks(piece).for_each(|piece| sse.feed(piece, &mut sink));
    sse.finish(&mut sink);
    events
}

/// Found by the property below, in few of many runs.
#[test]
fn an_event_field_without_a_value_clears_the_name() {
    for body in ["event: a\nevent\ndata: b\n\n", "event: a\nevent:\ndata: b\n\n"] {
        for piece in 1..body.len() {
            assert_eq!(
                parse(body.as_bytes(), piece),
                [(String::new(), "b".to_owned())],
                "{body:?}"
            );
        }
        assert_eq!(parse(body.as_bytes(), body.len()), split_events(body));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_are_those_of_the_standard(
        lines in prop::collection::vec(
            prop_oneof![
                Just(String::new()),
                "(data|event|id|retry|x)?(:| :|: |:  )?[a-z:{ ]{0,5}",
            ],
            0..12,
        ),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r", "\r\n"]), 12),
        piece in 1..20usize,
    ) {
        // A line that begins with a brace begins raw data, which the standard does not have.
        let lines = lines.iter().map(|line| line.trim_start_matches(['{', '[']));
        let body: String = lines.zip(ends).flat_map(|(line, end)| [line, end]).collect();
        prop_assert_eq!(parse(body.as_bytes(), piece), split_events(&body));
    }
}
