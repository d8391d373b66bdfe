//! Framing against the standard by the letter.

use proptest::prelude::*;
use verdigris::response::sse::{FramedData, SseParser};

/// The events of a body by the letter of the standard, with the body at hand.
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

fn frame(body: &[u8], piece: usize) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut sink = |piece: FramedData<'_>| match piece {
        FramedData::Name(bytes) => name = text(bytes),
        FramedData::Data(bytes) => data.extend_from_slice(bytes),
        FramedData::End => {
            events.push((std::mem::take(&mut name), text(&std::mem::take(&mut data))));
        }
    };
    let mut sse = SseParser::default();
    body.chunks(piece).for_each(|piece| sse.feed(piece, &mut sink));
    sse.finish(&mut sink);
    events
}

/// Found by the property below, once in many runs.
#[test]
fn a_name_without_a_colon_is_the_empty_one() {
    for body in ["event: a\nevent\ndata: b\n\n", "event: a\nevent:\ndata: b\n\n"] {
        for piece in 1..body.len() {
            assert_eq!(
                frame(body.as_bytes(), piece),
                [(String::new(), "b".to_owned())],
                "{body:?}"
            );
        }
        assert_eq!(frame(body.as_bytes(), body.len()), split_events(body));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn framing_agrees_with_the_standard(
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
        // A line that begins with a brace is data as it stands: not the standard's.
        let lines = lines.iter().map(|line| line.trim_start_matches(['{', '[']));
        let body: String = lines.zip(ends).flat_map(|(line, end)| [line, end]).collect();
        prop_assert_eq!(frame(body.as_bytes(), piece), split_events(&body));
    }
}
