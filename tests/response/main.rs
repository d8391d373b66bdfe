//! Reading answers: what each format's bodies tell, whatever pieces they come in.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use verdigris::response::{Answer, AnswerParser, Format, Framing, Tokens};

mod aws_eventstream;
mod bodies;
mod cases;
mod classification;
mod framing;
mod lines_and_messages;
mod scanner;
#[path = "../support/mod.rs"]
mod support;

use bodies::{Recorded, all_bodies, recorded};
use cases::cases;

const OPENING: usize = 40;

/// Reads a body that comes in pieces.
fn read<'a>(format: Format, framing: Framing, pieces: impl Iterator<Item = &'a [u8]>) -> Answer {
    let mut reader = AnswerParser::new(format, framing, OPENING);
    pieces.for_each(|piece| reader.feed(piece));
    reader.finish()
}

fn read_whole(format: Format, framing: Framing, body: &[u8]) -> Answer {
    read(format, framing, std::iter::once(body))
}

/// The verdicts of an answer, as a line.
fn verdicts(answer: &Answer) -> String {
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

/// Input, cached, written to the cache, output, reasoning; -1 is "not told".
fn counts(tokens: &Tokens) -> [i64; 5] {
    [tokens.input, tokens.cached, tokens.cache_write, tokens.output, tokens.reasoning]
        .map(|count| count.map_or(-1, |count| i64::try_from(count).unwrap()))
}

#[test]
fn each_format_tells_what_its_documentation_says() {
    for case in cases() {
        let answer = read_whole(case.format, case.framing, &case.body);
        assert_eq!(verdicts(&answer), case.verdicts, "{}", case.what);
        assert_eq!(counts(&answer.tokens), case.tokens, "{}", case.what);
    }
}

#[test]
fn recorded_answers_tell_what_their_clients_were_told() {
    let recorded = recorded();
    assert!(recorded.len() >= 9, "{}", recorded.len());
    for Recorded { name, format, framing, body, tokens } in recorded {
        let answer = read_whole(format, framing, &body);
        println!("{name:50} {:36} {:?}", verdicts(&answer), counts(&answer.tokens));
        assert!(!answer.malformed, "{name}");
        if let Some(tokens) = tokens {
            assert_eq!(counts(&answer.tokens), tokens, "{name}");
        }
    }
}

#[test]
fn a_body_cut_at_any_byte_tells_the_same() {
    for Recorded { name, format, framing, body, .. } in all_bodies() {
        let whole = read_whole(format, framing, &body);
        for cut in 0..=body.len() {
            let (head, tail) = body.split_at(cut);
            let answer = read(format, framing, [head, tail].into_iter());
            assert_eq!(answer, whole, "{name} cut at {cut}");
        }
        let bytes = read(format, framing, body.chunks(1));
        assert_eq!(bytes, whole, "{name} byte by byte");
    }
}

#[test]
fn a_body_in_any_pieces_tells_the_same() {
    let config = ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        cases: 2_000,
        ..ProptestConfig::default()
    };
    for Recorded { name, format, framing, body, .. } in all_bodies() {
        let whole = read_whole(format, framing, &body);
        let cuts = prop::collection::vec(0..=body.len(), 0..8);
        TestRunner::new(config.clone())
            .run(&cuts, |mut cuts| {
                cuts.extend([0, body.len()]);
                cuts.sort_unstable();
                let pieces = cuts.windows(2).map(|ends| &body[ends[0]..ends[1]]);
                prop_assert_eq!(&read(format, framing, pieces), &whole);
                Ok(())
            })
            .unwrap_or_else(|failed| panic!("{name}: {failed}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(body: Vec<u8>, json_like in "[\\[\\]{}\":,a-z0-9 \\\\n]{0,80}", piece in 1..9usize) {
        for format in Format::ALL {
            for framing in [Framing::Events, Framing::Json, Framing::Lines, Framing::Amazon] {
                for body in [body.as_slice(), json_like.as_bytes()] {
                    read(format, framing, body.chunks(piece));
                }
            }
        }
    }
}

#[test]
fn what_is_too_deep_is_not_understood() {
    for (depth, malformed) in [(64, false), (65, true), (100_000, true)] {
        let body = "[".repeat(depth) + &"]".repeat(depth);
        let answer = read_whole(Format::Gemini, Framing::Json, body.as_bytes());
        assert_eq!(answer.malformed, malformed, "{depth}");
    }
}

#[test]
fn a_reader_has_a_bounded_size() {
    assert!(size_of::<AnswerParser>() <= 1024, "{}", size_of::<AnswerParser>());
    let mut reader = AnswerParser::new(Format::Chat, Framing::Json, OPENING);
    reader.feed(br#"{"choices":[{"message":{"content":""#);
    for _ in 0..1000 {
        reader.feed(&[b'x'; 1000]);
    }
    reader
        .feed(br#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#);
    let answer = reader.finish();
    assert_eq!(counts(&answer.tokens), [1, -1, -1, 2, -1]);
    assert_eq!(answer.opening.unwrap().bytes().len(), OPENING);
}

#[test]
fn formats_are_told_by_their_paths() {
    let cases: [(&[u8], Option<Format>); 16] = [
        (b"/v1/chat/completions", Some(Format::Chat)),
        (b"/openai/deployments/x/chat/completions?api-version=1", Some(Format::Chat)),
        (b"/v1/completions", Some(Format::Chat)),
        (b"/v1/responses", Some(Format::Responses)),
        (b"/anthropic/v1/messages", Some(Format::Anthropic)),
        (b"/v1beta/models/g:generateContent", Some(Format::Gemini)),
        (b"/v1beta/models/g:streamGenerateContent?alt=sse", Some(Format::Gemini)),
        (b"/api/chat", Some(Format::Ollama)),
        (b"/api/generate", Some(Format::Ollama)),
        (b"/cohere/v2/chat", Some(Format::Cohere)),
        (b"/model/us.amazon.nova-micro-v1%3A0/converse", Some(Format::Bedrock)),
        (b"/model/us.amazon.nova-micro-v1%3A0/converse-stream", Some(Format::Bedrock)),
        (b"/model/us.amazon.nova-micro-v1%3A0/invoke-with-response-stream", None),
        (b"/api/embed", None),
        (b"/v1/messages/count_tokens", None),
        (b"/v1/embeddings", None),
    ];
    for (path, format) in cases {
        assert_eq!(Format::from_path(path), format, "{}", path.escape_ascii());
    }
}

#[test]
fn framing_is_told_by_the_content_type() {
    for kind in ["application/json", "application/json; charset=utf-8", "application/problem+json"]
    {
        assert_eq!(Framing::from_content_type(kind.as_bytes()), Framing::Json, "{kind}");
    }
    let framing = |kind: &str| Framing::from_content_type(kind.as_bytes());
    assert_eq!(framing("Application/X-NDJSON; charset=utf-8"), Framing::Lines);
    assert_eq!(framing("application/vnd.amazon.eventstream"), Framing::Amazon);
    for kind in ["text/event-stream", "text/event-stream; charset=utf-8", "", "text/plain"] {
        assert_eq!(Framing::from_content_type(kind.as_bytes()), Framing::Events, "{kind}");
    }
}
