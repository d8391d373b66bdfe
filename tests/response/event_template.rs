//! Events that are read by the template of an earlier one: what is reported must be what a scan reports.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use verdigris::json::{Scanner, Token};
use verdigris::response::answer_key::AnswerKey;
use verdigris::response::event_template::{EventPart, EventTemplate, event_length};
use verdigris::response::{Answer, AnswerParser, Format, Framing};

use crate::bodies::recorded;

const OPENAI: &str = r#"data: {"id":"c","object":"chat.completion.chunk","created":1757833449,"model":"m","choices":[{"index":0,"delta":{"content":"Cop"},"logprobs":null,"finish_reason":null}],"obfuscation":"7hP"}

"#;

/// What was reported, as text.
fn reported(path: &[AnswerKey], token: Token<'_>) -> String {
    format!("{path:?} {token:?}")
}

/// What the scanner reports of the data of an event.
fn scanned(event: &str) -> Vec<String> {
    let data = event.split("data:").nth(1).unwrap();
    let mut all = Vec::new();
    Scanner::<AnswerKey>::default()
        .feed(data.as_bytes(), &mut |path, token| all.push(reported(path, token)));
    all
}

/// The template of an event, of which everything is reported.
fn template_of(event: &str) -> Option<EventTemplate> {
    EventTemplate::new(event.as_bytes(), |_| EventPart::Other)
}

/// What the template of an event reports of another; `None` if it has another shape.
fn replayed(template: &str, event: &str) -> Option<Vec<String>> {
    let mut template = template_of(template).unwrap();
    let mut all = Vec::new();
    let length =
        template.replay(event.as_bytes(), |_, path, token| all.push(reported(path, token)))?;
    assert_eq!(length, event_length(event.as_bytes()).unwrap(), "{event}");
    Some(all)
}

#[test]
fn events_that_differ_in_values_have_the_shape() {
    let cases = [
        ("\"Cop\"", "\"Cop\""),
        ("\"Cop\"", "\"\""),
        ("\"Cop\"", "\"C\""),
        ("\"Cop\"", "\"Copper\""),
        ("\"Cop\"", "\"xyz, äöü {}[]:,\""),
        ("\"index\":0", "\"index\":12"),
        ("1757833449", "0"),
        ("1757833449", "1.5e3"),
        ("1757833449", "-7"),
        ("\"7hP\"", "\"a longer one of another length\""),
        ("\"model\":\"m\"", "\"model\":\"mm\""),
    ];
    for (from, to) in cases {
        let event = OPENAI.replacen(from, to, 1);
        assert_eq!(replayed(OPENAI, &event), Some(scanned(&event)), "{to}");
        assert_eq!(replayed(&event, OPENAI), Some(scanned(OPENAI)), "{to}");
    }
    let both = OPENAI.replace("Cop", "per roofs").replace("7hP", "").replace("\"c\"", "\"d\"");
    assert_eq!(replayed(OPENAI, &both), Some(scanned(&both)));
}

#[test]
fn other_events_have_another_shape() {
    let cases = [
        ("\"Cop\"", "null"),
        ("\"Cop\"", "\"a\\nb\""),
        ("\"Cop\"", "\"a\nb\""),
        ("\"Cop\"", "\"a\rb\""),
        ("\"content\"", "\"refusal\""),
        ("\"content\"", "\"contents\""),
        ("\"finish_reason\":null", "\"finish_reason\":\"stop\""),
        ("\"index\":0", "\"index\":\"0\""),
        ("\"index\":0", "\"index\":0,\"x\":1"),
        ("data: ", "data:"),
        ("}\n\n", "}\r\n\r\n"),
        ("}\n\n", "}\n"),
    ];
    for (from, to) in cases {
        let event = OPENAI.replacen(from, to, 1);
        assert_ne!(event, OPENAI);
        let mut template = template_of(OPENAI).unwrap();
        assert_eq!(template.replay(event.as_bytes(), |_, _, _| panic!("{to}")), None, "{to}");
    }
    for cut in 0..OPENAI.len() {
        let mut template = template_of(OPENAI).unwrap();
        let cut = &OPENAI.as_bytes()[..cut];
        assert_eq!(template.replay(cut, |_, _, _| panic!("cut")), None);
    }
}

/// One template is used for one event after the other.
#[test]
fn a_template_reports_the_values_of_the_event_that_it_was_given() {
    let mut template = template_of(OPENAI).unwrap();
    let texts = ["Cop", "", "per roofs", "Cop", "turn green because of rain and air", "x"];
    for text in texts {
        let event = OPENAI.replace("Cop", text);
        let mut all = Vec::new();
        let read =
            template.replay(event.as_bytes(), |_, path, token| all.push(reported(path, token)));
        assert_eq!(read, Some(event.len()), "{text}");
        assert_eq!(all, scanned(&event), "{text}");
        // An event of another shape leaves the template as it was.
        let other = event.replace("}\n\n", "}\r\n\r\n");
        assert_eq!(template.replay(other.as_bytes(), |_, _, _| panic!("{text}")), None);
    }
}

#[test]
fn a_settled_value_is_not_reported() {
    let part_at = |path: &[AnswerKey]| match path {
        [] | [AnswerKey::Model] => EventPart::Settled,
        [AnswerKey::Choices, AnswerKey::Item, AnswerKey::Index] => EventPart::ChoiceIndex,
        _ => EventPart::Other,
    };
    let mut template = EventTemplate::new(OPENAI.as_bytes(), part_at).unwrap();
    let mut all = Vec::new();
    let event = OPENAI.replace("\"m\"", "\"another\"").replace("\"index\":0", "\"index\":34");
    let read = template
        .replay(event.as_bytes(), |part, path, token| all.push((part, reported(path, token))));
    assert_eq!(read, Some(event.len()));
    let expected: Vec<_> = scanned(&event)
        .into_iter()
        .filter(|it| !it.starts_with("[Model]") && !it.starts_with("[] Object"))
        .map(|it| match it.contains("Index") {
            true => (EventPart::ChoiceIndex, it),
            // The end of the document is reported at a settled path as well.
            false if it.starts_with("[]") => (EventPart::Settled, it),
            false => (EventPart::Other, it),
        })
        .collect();
    assert_eq!(all, expected);
    assert!(expected.iter().any(|(part, _)| *part == EventPart::ChoiceIndex), "{expected:?}");
}

#[test]
fn an_event_with_another_fixed_text_has_another_shape() {
    let part_at = |path: &[AnswerKey]| match path {
        [AnswerKey::Object] => EventPart::Fixed,
        _ => EventPart::Other,
    };
    let mut template = EventTemplate::new(OPENAI.as_bytes(), part_at).unwrap();
    let mut all = Vec::new();
    let event = OPENAI.replace("Cop", "per roofs");
    template.replay(event.as_bytes(), |_, path, token| all.push(reported(path, token))).unwrap();
    let expected: Vec<_> =
        scanned(&event).into_iter().filter(|it| !it.starts_with("[Object]")).collect();
    assert_eq!(all, expected);
    let error = OPENAI.replace("chat.completion.chunk", "error");
    assert_eq!(template.replay(error.as_bytes(), |_, _, _| panic!("it has the shape")), None);
}

#[test]
fn a_template_is_bounded() {
    let long = OPENAI.replace("Cop", &"x".repeat(EventTemplate::MAX_BYTES));
    assert!(template_of(&long).is_none());
    let many = format!("data: {{\"choices\":[{}1]}}\n\n", "1,".repeat(100));
    assert!(template_of(&many).is_none());
    let deep = format!("data: {{\"choices\":{}{}}}\n\n", "[".repeat(20), "]".repeat(20));
    assert!(template_of(&deep).is_none());
}

/// Most events of these streams are read by a template, so that the tests of pieces test templates.
#[test]
fn recorded_streams_have_events_of_one_shape() {
    let (mut events, mut of_a_shape) = (0, 0);
    for it in recorded().into_iter().filter(|it| it.framing == Framing::Sse) {
        let text = String::from_utf8(it.body).unwrap();
        let all: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
        for pair in all.windows(2).filter(|pair| pair[1].contains("data: {")) {
            let Some(mut template) = template_of(&pair[0]) else { continue };
            events += 1;
            let mut found = Vec::new();
            let read = template
                .replay(pair[1].as_bytes(), |_, path, token| found.push(reported(path, token)));
            if read.is_some() {
                assert_eq!(found, scanned(&pair[1]), "{}", it.name);
                of_a_shape += 1;
            }
        }
    }
    println!("{of_a_shape} of {events} events have the shape of the event before");
    assert!(of_a_shape * 4 > events, "{of_a_shape} of {events}");
}

/// A value of an event: of the kinds that have the shape, and of others.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z \u{e4}{}:,]{0,12}".prop_map(|text| format!("\"{text}\"")),
        1 => "[a-z\\\\n\"\n\r]{0,6}".prop_map(|text| format!("\"{text}\"")),
        4 => "[0-9]{1,4}".prop_map(|text| text),
        1 => "-?[0-9]{1,3}(\\.[0-9]{1,2})?(e[0-9])?".prop_map(|text| text),
        1 => Just("null".to_owned()),
        1 => Just("true".to_owned()),
        1 => Just("{\"type\":\"text\"}".to_owned()),
        1 => Just("[{\"text\":\"a\"},1]".to_owned()),
        1 => prop_oneof![Just("\"chat.completion.chunk\""), Just("\"error\""), Just("\"list\"")]
            .prop_map(str::to_owned),
    ]
}

fn answer<'a>(
    format: Format,
    opening_bytes: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Answer {
    let mut parser = AnswerParser::new(format, Framing::Sse, opening_bytes);
    pieces.for_each(|piece| parser.feed(piece));
    parser.finish()
}

/// Byte by byte, no event is whole, and none is read by a template.
#[test]
fn streams_of_similar_events_give_the_answer_of_a_scan() {
    let shapes = [
        (
            Format::Chat,
            "data: {\"id\":%,\"choices\":[{\"index\":%,\"delta\":{\"content\":%},\"finish_reason\":%}],\"usage\":{\"completion_tokens\":%}}",
        ),
        (
            Format::Chat,
            "data: {\"object\":%,\"model\":%,\"choices\":[{\"index\":%,\"delta\":%,\"text\":%}],\"created\":%}",
        ),
        (
            Format::Chat,
            "data: {\"choices\":[{\"delta\":{\"role\":%,\"content\":%}},{\"index\":%,\"finish_reason\":%}],\"object\":%,\"error\":%}",
        ),
        (
            Format::Anthropic,
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":%,\"delta\":{\"type\":%,\"text\":%},\"usage\":{\"output_tokens\":%}}",
        ),
        (
            Format::Gemini,
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":%}]},\"finishReason\":%}],\"usageMetadata\":{\"candidatesTokenCount\":%,\"x\":%}}",
        ),
        (
            Format::Responses,
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":%,\"delta\":%,\"obfuscation\":%}",
        ),
    ];
    let config = ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        cases: 3_000,
        ..ProptestConfig::default()
    };
    let events =
        proptest::collection::vec((proptest::collection::vec(value(), 6), 0..20_u8), 1..12);
    let base = proptest::collection::vec(value(), 6);
    // Where no openings are kept, more values say nothing new.
    let cases = (0..shapes.len(), prop::sample::select(vec![0, 40]), base, events, 1..400_usize);
    TestRunner::new(config)
        .run(&cases, |(shape, opening_bytes, base, events, piece)| {
            let (format, shape) = shapes[shape];
            let answer =
                |pieces: &mut dyn Iterator<Item = &[u8]>| answer(format, opening_bytes, pieces);
            let mut body = String::new();
            for (values, changed) in &events {
                let mut values = base.iter().zip(values).enumerate().map(|(at, (base, new))| {
                    if *changed == 0 || at == usize::from(changed % 6) { new } else { base }
                });
                for part in shape.split('%').collect::<Vec<_>>().split_last().unwrap().1 {
                    body += part;
                    body += values.next().unwrap();
                }
                body += shape.rsplit('%').next().unwrap();
                body += if *changed == 19 { "\r\n\r\n" } else { "\n\n" };
            }
            let body = body.as_bytes();
            let expected = answer(&mut body.chunks(1));
            prop_assert_eq!(&answer(&mut std::iter::once(body)), &expected);
            prop_assert_eq!(&answer(&mut body.chunks(piece)), &expected);
            // A piece is often an event.
            let mut pieces = body.split_inclusive(|byte| *byte == b'}');
            prop_assert_eq!(&answer(&mut pieces), &expected);
            Ok(())
        })
        .unwrap();
}
