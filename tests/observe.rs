//! Reading answers: what each format's bodies tell, whatever pieces they come in.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::Value;
use verdigris::observe::json::{Scanner, Token};
use verdigris::observe::keys::Key;
use verdigris::observe::sse::{Piece, Sse};
use verdigris::observe::{Answer, Format, Framing, Reader, Tokens};

const OPENING: usize = 40;

/// Reads a body that comes in pieces.
fn read<'a>(format: Format, framing: Framing, pieces: impl Iterator<Item = &'a [u8]>) -> Answer {
    let mut reader = Reader::new(format, framing, OPENING);
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

fn events(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("data: {line}\n\n")).collect()
}

struct Case {
    what: &'static str,
    format: Format,
    framing: Framing,
    body: String,
    verdicts: &'static str,
    tokens: [i64; 5],
}

/// Bodies written by hand, after the providers' documentation: what no server that
/// can be run here sends.
fn cases() -> Vec<Case> {
    use Format::{Anthropic, Chat, Gemini, Responses};
    use Framing::{Events, Json};
    let case = |what, format, framing, body: String, verdicts, tokens| Case {
        what,
        format,
        framing,
        body,
        verdicts,
        tokens,
    };
    let role = r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#;
    let hi = r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}"#;
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":5}}}"#;
    vec![
        case("a role is no content", Chat, Events, events(&[role]), "", [-1; 5]),
        case(
            "usage in a chunk of its own",
            Chat,
            Events,
            events(&[role, hi, stop, usage, "[DONE]"]),
            "finished content",
            [9, 4, -1, 7, 5],
        ),
        case(
            "a later null clears nothing",
            Chat,
            Events,
            events(&[hi, usage, stop, "[DONE]"]),
            "finished content",
            [9, 4, -1, 7, 5],
        ),
        case("no end", Chat, Events, events(&[role, hi, stop]), "content", [-1; 5]),
        case(
            "the end without its empty line",
            Chat,
            Events,
            format!("{}data: [DONE]", events(&[hi, stop])),
            "finished content",
            [-1; 5],
        ),
        case(
            "vLLM counts on with each chunk",
            Chat,
            Events,
            events(&[
                r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
                r#"{"choices":[{"delta":{"content":"b"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
                "[DONE]",
            ]),
            "finished content",
            [3, -1, -1, 2, -1],
        ),
        case(
            "an error of vLLM in a stream",
            Chat,
            Events,
            events(&[hi, r#"{"error":{"message":"out of memory","code":500}}"#, "[DONE]"]),
            "finished content error",
            [-1; 5],
        ),
        case(
            "llama.cpp without usage tells timings",
            Chat,
            Events,
            events(&[
                hi,
                r#"{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"timings":{"prompt_n":11,"predicted_n":6}}"#,
                "[DONE]",
            ]),
            "finished content",
            [11, -1, -1, 6, -1],
        ),
        case(
            "llama.cpp with two choices sends usage twice",
            Chat,
            Events,
            events(&[
                r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":6},"timings":{"prompt_n":11,"predicted_n":6}}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":8},"timings":{"prompt_n":1,"predicted_n":8}}"#,
                "[DONE]",
            ]),
            "finished",
            [11, -1, -1, 14, -1],
        ),
        case(
            "Groq's error event, and its usage",
            Chat,
            Events,
            format!(
                "{}event: error\ndata: {{\"error\":{{\"message\":\"m\"}},\"x_groq\":{{\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":2}}}}}}\n\n",
                events(&[hi])
            ),
            "content error",
            [1, -1, -1, 2, -1],
        ),
        case(
            "OpenRouter keeps alive with comments, and errs beside choices",
            Chat,
            Events,
            format!(
                ": OPENROUTER PROCESSING\n\n:\n\n{}",
                events(&[r#"{"error":{"code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#, "[DONE]"])
            ),
            "finished error",
            [-1; 5],
        ),
        case(
            "Mistral thinks in a list",
            Chat,
            Events,
            events(&[
                r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Okay"}]}]}}]}"#,
                r#"{"choices":[{"delta":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":9}}"#,
                "[DONE]",
            ]),
            "finished content truncation",
            [5, -1, -1, 9, -1],
        ),
        case(
            "a refusal with its own text",
            Chat,
            Json,
            r#"{"choices":[{"message":{"role":"assistant","content":null,"refusal":"I can't."},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":3}}"#.into(),
            "finished content refusal",
            [2, -1, -1, 3, -1],
        ),
        case(
            "a filtered answer",
            Chat,
            Json,
            r#"{"choices":[{"message":{"content":null},"finish_reason":"content_filter"}]}"#.into(),
            "finished refusal",
            [-1; 5],
        ),
        case(
            "all tokens spent on reasoning: no content at all",
            Chat,
            Json,
            r#"{"choices":[{"message":{"content":""},"finish_reason":"length"}],"usage":{"completion_tokens":100,"completion_tokens_details":{"reasoning_tokens":100}}}"#.into(),
            "finished truncation",
            [-1, -1, -1, 100, 100],
        ),
        case(
            "the older Completions",
            Chat,
            Events,
            events(&[r#"{"choices":[{"text":" +","finish_reason":null}]}"#, "[DONE]"]),
            "finished content",
            [-1; 5],
        ),
        case("a tool's call is content", Chat, Events, events(&[r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#]), "content", [-1; 5]),
        case("words in place of JSON", Chat, Events, events(&["hello", "[DONE]"]), "finished malformed", [-1; 5]),
        case("half a chunk", Chat, Events, events(&[hi, "{\"choices\":", "[DONE]"]), "finished content malformed", [-1; 5]),
        case("a chunk that is cut", Chat, Events, "data: {\"choices\":[{\"del".into(), "", [-1; 5]),
        case("a plain answer that is cut", Chat, Json, "{\"choices\":[{\"del".into(), "", [-1; 5]),
        case("HTML", Chat, Json, "<html>".into(), "malformed", [-1; 5]),
        case("nothing", Chat, Events, String::new(), "", [-1; 5]),
        case(
            "an incomplete response tells its usage too",
            Responses,
            Events,
            events(&[
                r#"{"type":"response.created","response":{"status":"in_progress","error":null,"incomplete_details":null,"usage":null,"model":"gpt"}}"#,
                r#"{"type":"response.output_text.delta","delta":"Hi"}"#,
                r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":8,"input_tokens_details":{"cached_tokens":2},"output_tokens":16,"output_tokens_details":{"reasoning_tokens":3}}}}"#,
            ]),
            "finished content truncation",
            [8, 2, -1, 16, 3],
        ),
        case(
            "an error event and the failed response are one error",
            Responses,
            Events,
            events(&[
                r#"{"type":"error","code":"server_error","message":"m"}"#,
                r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error"},"usage":null}}"#,
            ]),
            "finished error",
            [-1; 5],
        ),
        case(
            "a refusal of Responses",
            Responses,
            Events,
            events(&[
                r#"{"type":"response.refusal.delta","delta":"I can't"}"#,
                r#"{"type":"response.completed","response":{"usage":{"input_tokens":1,"output_tokens":2}}}"#,
            ]),
            "finished content refusal",
            [1, -1, -1, 2, -1],
        ),
        case(
            "a plain response",
            Responses,
            Json,
            r#"{"status":"completed","error":null,"output":[{"content":[{"type":"refusal","refusal":"no"}]}],"usage":{"input_tokens":1,"output_tokens":2}}"#.into(),
            "finished refusal",
            [1, -1, -1, 2, -1],
        ),
        case(
            "Anthropic's counts replace and its cache is added",
            Anthropic,
            Events,
            events(&[
                r#"{"type":"message_start","message":{"model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":1000,"output_tokens":1}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}        "#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":7,"output_tokens":25}}"#,
                r#"{"type":"message_stop"}"#,
            ]),
            "finished content",
            [1107, 100, 1000, 25, -1],
        ),
        case(
            "Anthropic refuses",
            Anthropic,
            Events,
            events(&[
                r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal"}},"usage":{"output_tokens":5}}"#,
                r#"{"type":"message_stop"}"#,
            ]),
            "finished refusal",
            [-1, -1, -1, 5, -1],
        ),
        case(
            "Anthropic is overloaded",
            Anthropic,
            Events,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n".into(),
            "error",
            [-1; 5],
        ),
        case(
            "Anthropic pauses, which is neither",
            Anthropic,
            Json,
            r#"{"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"pause_turn","usage":{"input_tokens":1,"output_tokens":2}}"#.into(),
            "finished content",
            [1, -1, -1, 2, -1],
        ),
        case(
            "Gemini counts thoughts apart",
            Gemini,
            Json,
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":18,"candidatesTokenCount":80,"thoughtsTokenCount":35,"totalTokenCount":133}}"#.into(),
            "finished content",
            [18, -1, -1, 115, 35],
        ),
        case(
            "Gemini in a list",
            Gemini,
            Json,
            r#"[{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"usageMetadata":{"promptTokenCount":4}}
,
{"candidates":[{"finishReason":"MAX_TOKENS"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":6}}]"#
                .into(),
            "finished content truncation",
            [4, -1, -1, 6, -1],
        ),
        case(
            "Gemini with CRLF, blocked",
            Gemini,
            Events,
            "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\r\n\r\n".into(),
            "finished refusal",
            [-1; 5],
        ),
        case(
            "Gemini errs without a frame",
            Gemini,
            Events,
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\r\n\r\n{\n \"error\": {\n  \"code\": 503\n }\n}\n".into(),
            "finished content error",
            [-1; 5],
        ),
        case(
            "data on two lines",
            Gemini,
            Events,
            "data:{\"candidates\":[{\"finishReason\"\ndata::\"STOP\"}]}\n\n".into(),
            "finished",
            [-1; 5],
        ),
    ]
}

#[test]
fn each_format_tells_what_its_documentation_says() {
    for case in cases() {
        let answer = read_whole(case.format, case.framing, case.body.as_bytes());
        assert_eq!(verdicts(&answer), case.verdicts, "{}", case.what);
        assert_eq!(counts(&answer.tokens), case.tokens, "{}", case.what);
    }
}

/// A recorded answer: its body, and the path and content type that go with it.
struct Recorded {
    name: String,
    format: Format,
    framing: Framing,
    body: Vec<u8>,
    tokens: Option<[i64; 5]>,
}

/// The project's fixtures, and those of the folder `$RECORDED_ANSWERS`, where it is
/// set: `NAME.body` with `NAME.meta.json`.
fn recorded() -> Vec<Recorded> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/answers")];
    folders.extend(std::env::var_os("RECORDED_ANSWERS").map(PathBuf::from));
    let mut recorded = Vec::new();
    for file in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap().flatten()) {
        let path = file.path();
        if path.extension().is_none_or(|extension| extension != "body") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let meta = std::fs::read_to_string(path.with_extension("meta.json")).unwrap();
        let meta: Value = serde_json::from_str(&meta).unwrap();
        let kind = meta["content-type"].as_str().or(meta["content-type"][0].as_str());
        let uri = meta["path"].as_str().or(meta["request"]["uri"].as_str());
        let Some(format) = uri.map_or_else(
            || of_name(&name),
            |uri| Format::of_path(uri.split('#').next().unwrap().as_bytes()),
        ) else {
            continue;
        };
        recorded.push(Recorded {
            format,
            framing: Framing::of_content_type(kind.unwrap_or_default().as_bytes()),
            body: std::fs::read(&path).unwrap(),
            tokens: serde_json::from_value(meta["tokens"].clone()).ok(),
            name,
        });
    }
    recorded
}

fn of_name(name: &str) -> Option<Format> {
    let names = [
        ("chat", Format::Chat),
        ("completion", Format::Chat),
        ("openai_responses", Format::Responses),
    ];
    names.iter().find(|(start, _)| name.starts_with(start)).map(|(_, format)| *format)
}

fn all_bodies() -> Vec<Recorded> {
    let mut bodies = recorded();
    bodies.extend(cases().into_iter().map(|case| Recorded {
        name: case.what.to_owned(),
        format: case.format,
        framing: case.framing,
        body: case.body.into_bytes(),
        tokens: Some(case.tokens),
    }));
    bodies
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
        cases: 10_000,
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

/// What the scanner should report of a document, by a parser that keeps it.
fn walk(value: &Value, path: &mut Vec<Key>, report: &mut Vec<String>) {
    let said = match value {
        Value::Object(_) => "object".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::String(text) => format!("{:?}", &text.as_bytes()[..text.len().min(128)]),
        Value::Number(number) => format!("{:?}", number.as_u64()),
        _ => "literal".to_owned(),
    };
    report.push(format!("{path:?} {said}"));
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                path.push(Key::from_bytes(key.as_bytes()));
                walk(value, path, report);
                path.pop();
            }
        }
        Value::Array(items) => {
            for value in items {
                path.push(Key::Item);
                walk(value, path, report);
                path.pop();
            }
        }
        _ => {}
    }
}

fn scan(pieces: &[&[u8]]) -> (Vec<String>, bool) {
    let mut report = Vec::new();
    let mut scanner = Scanner::default();
    for piece in pieces {
        scanner.feed(piece, &mut |path, token| {
            let said = match token {
                Token::Object => "object".to_owned(),
                Token::Array => "array".to_owned(),
                Token::String(text) => format!("{:?}", text.bytes()),
                Token::Number(number) => format!("{number:?}"),
                Token::Literal => "literal".to_owned(),
                Token::End => return,
            };
            report.push(format!("{path:?} {said}"));
        });
    }
    (report, scanner.is_between_documents())
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![".{0,20}", "(usage|model|🦆|\\PC){0,60}", "[a-z]{200}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop_oneof!["usage", "choices", "model", ".{0,8}"];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

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
    let mut sink = |piece: Piece<'_>| match piece {
        Piece::Name(bytes) => name = text(bytes),
        Piece::Data(bytes) => data.extend_from_slice(bytes),
        Piece::End => {
            events.push((std::mem::take(&mut name), text(&std::mem::take(&mut data))));
        }
    };
    let mut sse = Sse::default();
    body.chunks(piece).for_each(|piece| sse.feed(piece, &mut sink));
    sse.finish(&mut sink);
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_scanner_reports_what_a_parser_finds(value in any_json(), pretty: bool, piece in 1..40usize) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        } + "\n";
        let mut expected = Vec::new();
        walk(&value, &mut Vec::new(), &mut expected);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(piece).collect();
        prop_assert_eq!(scan(&pieces), (expected, true));
    }

    #[test]
    fn escapes_are_read_as_a_parser_reads_them(
        text in r#"([a-z"]|\\[nrtbf/\\"]|\\u[0-9a-f]{4}|\\ud83e\\udd86){0,20}"#,
        piece in 1..9usize,
    ) {
        let document = format!("\"{}\"\n", text.replace('"', ""));
        let pieces: Vec<&[u8]> = document.as_bytes().chunks(piece).collect();
        let (report, complete) = scan(&pieces);
        if let Ok(text) = serde_json::from_str::<String>(&document) {
            let cut = &text.as_bytes()[..text.len().min(128)];
            prop_assert_eq!(report, vec![format!("[] {cut:?}")]);
            prop_assert!(complete);
        }
    }

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

    #[test]
    fn no_bytes_panic(body: Vec<u8>, json_like in "[\\[\\]{}\":,a-z0-9 \\\\n]{0,80}", piece in 1..9usize) {
        for format in [Format::Chat, Format::Responses, Format::Anthropic, Format::Gemini] {
            for framing in [Framing::Events, Framing::Json] {
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
    assert!(size_of::<Reader>() <= 1024, "{}", size_of::<Reader>());
    let mut reader = Reader::new(Format::Chat, Framing::Json, OPENING);
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
    let cases: [(&[u8], Option<Format>); 9] = [
        (b"/v1/chat/completions", Some(Format::Chat)),
        (b"/openai/deployments/x/chat/completions?api-version=1", Some(Format::Chat)),
        (b"/v1/completions", Some(Format::Chat)),
        (b"/v1/responses", Some(Format::Responses)),
        (b"/anthropic/v1/messages", Some(Format::Anthropic)),
        (b"/v1beta/models/g:generateContent", Some(Format::Gemini)),
        (b"/v1beta/models/g:streamGenerateContent?alt=sse", Some(Format::Gemini)),
        (b"/v1/messages/count_tokens", None),
        (b"/v1/embeddings", None),
    ];
    for (path, format) in cases {
        assert_eq!(Format::of_path(path), format, "{}", path.escape_ascii());
    }
}

#[test]
fn framing_is_told_by_the_content_type() {
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/X-NDJSON",
        "application/problem+json",
    ] {
        assert_eq!(Framing::of_content_type(kind.as_bytes()), Framing::Json, "{kind}");
    }
    for kind in ["text/event-stream", "text/event-stream; charset=utf-8", "", "text/plain"] {
        assert_eq!(Framing::of_content_type(kind.as_bytes()), Framing::Events, "{kind}");
    }
}
