//! Parsing bodies: each format, in pieces of any size.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use verdigris::response::{Answer, AnswerParser, Format, Framing, Tokens};

use crate::bodies::{Recorded, all_bodies, recorded};
use crate::sse_and_json_cases::cases;

const OPENING_BYTES: usize = 40;

/// Parses a body that arrives in these pieces.
fn parse<'a>(format: Format, framing: Framing, pieces: impl Iterator<Item = &'a [u8]>) -> Answer {
    let mut parser = AnswerParser::new(format, framing, OPENING_BYTES);
    pieces.for_each(|piece| parser.feed(piece));
    parser.finish()
}

fn parse_whole(format: Format, framing: Framing, body: &[u8]) -> Answer {
    parse(format, framing, std::iter::once(body))
}

/// The flags of an answer, as one line.
fn flags(answer: &Answer) -> String {
    let Answer { error, refusal, truncation, finished, has_content, malformed, .. } = answer;
    [
        (*finished, "finished"),
        (*has_content, "content"),
        (*error, "error"),
        (*refusal, "refusal"),
        (*truncation, "truncation"),
        (*malformed, "malformed"),
    ]
    .iter()
    .filter(|(holds, _)| *holds)
    .map(|(_, name)| *name)
    .collect::<Vec<_>>()
    .join(" ")
}

/// Input, cached, written to the cache, output, reasoning; -1 is "not stated".
fn counts(tokens: &Tokens) -> [i64; 5] {
    [tokens.input, tokens.cached, tokens.cache_write, tokens.output, tokens.reasoning]
        .map(|count| count.map_or(-1, |count| i64::try_from(count).unwrap()))
}

#[test]
fn each_format_is_parsed_as_its_documentation_says() {
    for case in cases() {
        let answer = parse_whole(case.format, case.framing, &case.body);
        assert_eq!(flags(&answer), case.flags, "{}", case.name);
        assert_eq!(counts(&answer.tokens), case.tokens, "{}", case.name);
    }
}

#[test]
fn recorded_answers_have_the_counts_that_their_clients_read() {
    let recorded = recorded();
    assert!(recorded.len() >= 9, "{}", recorded.len());
    for Recorded { name, format, framing, body, tokens } in recorded {
        let answer = parse_whole(format, framing, &body);
        println!("{name:50} {:36} {:?}", flags(&answer), counts(&answer.tokens));
        assert!(!answer.malformed, "{name}");
        if let Some(tokens) = tokens {
            assert_eq!(counts(&answer.tokens), tokens, "{name}");
        }
    }
}

#[test]
fn a_body_in_two_pieces_gives_the_same_answer() {
    for Recorded { name, format, framing, body, .. } in all_bodies() {
        let whole = parse_whole(format, framing, &body);
        for cut in 0..=body.len() {
            let (head, tail) = body.split_at(cut);
            let answer = parse(format, framing, [head, tail].into_iter());
            assert_eq!(answer, whole, "{name} cut at {cut}");
        }
        let bytes = parse(format, framing, body.chunks(1));
        assert_eq!(bytes, whole, "{name} byte by byte");
    }
}

#[test]
fn a_body_in_any_pieces_gives_the_same_answer() {
    let config = ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        cases: 2_000,
        ..ProptestConfig::default()
    };
    for Recorded { name, format, framing, body, .. } in all_bodies() {
        let whole = parse_whole(format, framing, &body);
        let cuts = prop::collection::vec(0..=body.len(), 0..8);
        TestRunner::new(config.clone())
            .run(&cuts, |mut cuts| {
                cuts.extend([0, body.len()]);
                cuts.sort_unstable();
                let pieces = cuts.windows(2).map(|ends| &body[ends[0]..ends[1]]);
                prop_assert_eq!(&parse(format, framing, pieces), &whole);
                Ok(())
            })
            .unwrap_or_else(|failed| panic!("{name}: {failed}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed_without_a_panic(body: Vec<u8>, json_like in "[\\[\\]{}\":,a-z0-9 \\\\n]{0,80}", piece in 1..9usize) {
        for format in Format::ALL {
            for framing in [Framing::Sse, Framing::Json, Framing::JsonLines, Framing::AwsEventStream] {
                for body in [body.as_slice(), json_like.as_bytes()] {
                    parse(format, framing, body.chunks(piece));
                }
            }
        }
    }
}

#[test]
fn a_body_that_is_too_deep_is_malformed() {
    for (depth, malformed) in [(64, false), (65, true), (100_000, true)] {
        let body = "[".repeat(depth) + &"]".repeat(depth);
        let answer = parse_whole(Format::Gemini, Framing::Json, body.as_bytes());
        assert_eq!(answer.malformed, malformed, "{depth}");
    }
}

#[test]
fn a_parser_has_a_bounded_size() {
    // Besides, a template has at most 512 bytes of an event, and some 400 for its values.
    assert!(size_of::<AnswerParser>() <= 1040, "{}", size_of::<AnswerParser>());
    let mut parser = AnswerParser::new(Format::Chat, Framing::Json, OPENING_BYTES);
    parser.feed(br#"{"choices":[{"message":{"content":""#);
    for _ in 0..1000 {
        parser.feed(&[b'x'; 1000]);
    }
    parser
        .feed(br#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#);
    let answer = parser.finish();
    assert_eq!(counts(&answer.tokens), [1, -1, -1, 2, -1]);
    let lengths: Vec<usize> = answer.openings.iter().map(|it| it.bytes().len()).collect();
    assert_eq!(lengths, [OPENING_BYTES]);
}
