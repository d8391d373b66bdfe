//! The text of an answer, kept for sampled requests.

use verdigris::response::{AnswerParser, CapturedText, Format, Framing};

fn text(format: Format, framing: Framing, pieces: &[&[u8]], max_bytes: usize) -> Option<String> {
    for opening_bytes in [0, 40] {
        let mut parser = AnswerParser::new(format, framing, opening_bytes);
        pieces.iter().for_each(|piece| parser.feed(piece));
        assert_eq!(parser.finish().take_text(), None, "nothing is kept unless it is sampled");
    }
    let mut parser = AnswerParser::new(format, framing, 0);
    parser.capture_text(max_bytes);
    pieces.iter().for_each(|piece| parser.feed(piece));
    let captured = parser.finish().take_text().unwrap();
    match captured.is_too_large() {
        true => None,
        false => Some(captured.text().unwrap_or_default().to_owned()),
    }
}

/// Bodies in each format with the text of the first choice.
const BODIES: [(Format, Framing, &str, &str); 16] = [
    (
        Format::Chat,
        Framing::Json,
        r#"{"choices":[{"message":{"content":"Hel\"lo"},"finish_reason":"stop"}]}"#,
        "Hel\"lo",
    ),
    (
        Format::Chat,
        Framing::Sse,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n\
         data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo \"}}]}\n\n\
         data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Ada\"},\"finish_reason\":\"stop\"}]}\n\n\
         data: [DONE]\n\n",
        "Hello Ada",
    ),
    // Two choices whose pieces alternate, with the index before and after the text.
    (
        Format::Chat,
        Framing::Sse,
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\n\n\
         data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"first\"}}]}\n\n\
         data: {\"choices\":[{\"delta\":{\"content\":\" other\"},\"index\":1}]}\n\n\
         data: {\"choices\":[{\"delta\":{\"content\":\" text\"},\"index\":0}]}\n\n",
        "first text",
    ),
    (
        Format::Chat,
        Framing::Json,
        r#"{"choices":[{"message":{"content":"one"}},{"message":{"content":"two"}}]}"#,
        "one",
    ),
    // A thought among the parts of a message, marked before and after its text.
    (
        Format::Chat,
        Framing::Json,
        r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"no","type":"thinking"},{"type":"text","text":"b"}]}}]}"#,
        "ab",
    ),
    (
        Format::Chat,
        Framing::Json,
        r#"{"choices":[{"message":{"reasoning_content":"hm","content":null,"tool_calls":[{"id":"1"}]}}]}"#,
        "",
    ),
    (
        Format::Anthropic,
        Framing::Json,
        r#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#,
        "Hi",
    ),
    (
        Format::Gemini,
        Framing::Json,
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Hi"}]},"index":0}]}"#,
        "Hi",
    ),
    (
        Format::Responses,
        Framing::Sse,
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hel\"}\n\n\
         data: {\"type\":\"response.output_text.delta\",\"delta\":\"lo\"}\n\n\
         data: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}}\n\n",
        "Hello",
    ),
    (
        Format::Responses,
        Framing::Sse,
        "data: {\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{}\"}\n\n\
         data: {\"delta\":\"{}\",\"type\":\"response.function_call_arguments.delta\"}\n\n",
        "",
    ),
    // MiniMax ends a stream with the whole message: OpenBitFun#792, one-api#2406.
    (
        Format::Chat,
        Framing::Sse,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}}]}\n\n\
         data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}],\"usage\":{\"total_tokens\":0}}\n\n\
         data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}],\"usage\":{\"total_tokens\":0}}\n\n\
         data: {\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"content\":\"Hello\"}}]}\n\n",
        "Hello",
    ),
    (
        Format::Anthropic,
        Framing::Sse,
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n\
         data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n\
         data: {\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"}]}\n\n",
        "Hello",
    ),
    // Perplexity has the text so far beside each delta, before or after it.
    (
        Format::Chat,
        Framing::Sse,
        "data: {\"choices\":[{\"message\":{\"content\":\"\"},\"delta\":{\"content\":\"\"}}]}\n\n\
         data: {\"choices\":[{\"message\":{\"content\":\"Hel\"},\"delta\":{\"content\":\"Hel\"}}]}\n\n\
         data: {\"choices\":[{\"message\":{\"content\":\"Hello\"},\"delta\":{\"content\":\"lo\"}}]}\n\n",
        "Hello",
    ),
    (
        Format::Chat,
        Framing::Sse,
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"},\"message\":{\"content\":\"Hel\"}}]}\n\n\
         data: {\"choices\":[{\"delta\":{\"content\":\"lo\"},\"message\":{\"content\":\"Hello\"}}]}\n\n",
        "Hello",
    ),
    // A server without deltas.
    (
        Format::Chat,
        Framing::Sse,
        "data: {\"choices\":[{\"message\":{\"content\":\"Hel\"}}]}\n\n\
         data: {\"choices\":[{\"message\":{\"content\":\"lo\"}}]}\n\n",
        "Hello",
    ),
    (
        Format::Ollama,
        Framing::JsonLines,
        "{\"message\":{\"content\":\"a\"}}\n{\"message\":{\"content\":\"b\"},\"done\":true}\n",
        "ab",
    ),
];

#[test]
fn the_text_of_the_first_choice_is_kept_whatever_the_pieces() {
    for (format, framing, body, expected) in BODIES {
        let whole = text(format, framing, &[body.as_bytes()], 100);
        assert_eq!(whole.as_deref(), Some(expected), "{body}");
        for at in 0..body.len() {
            let (before, after) = body.as_bytes().split_at(at);
            let cut = text(format, framing, &[before, after], 100);
            assert_eq!(cut.as_deref(), Some(expected), "cut at {at}: {body}");
        }
    }
}

#[test]
fn a_text_above_the_bound_is_not_kept_in_part() {
    let event = |text: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let body = event("12345") + &event("67890");
    for (max_bytes, expected) in [(10, Some("1234567890")), (9, None), (1, None)] {
        let kept = text(Format::Chat, Framing::Sse, &[body.as_bytes()], max_bytes);
        assert_eq!(kept.as_deref(), expected, "{max_bytes}");
    }
}

/// What is marked as a thought, or as another choice, only after its text.
#[test]
fn what_is_left_out_does_not_count_for_the_bound() {
    let thought = r#"{"text":"a long thought","thought":true}"#;
    let gemini = |parts: &str, rest: &str| {
        format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}}}}{rest}]}}"#)
    };
    let answer = r#"{"text":"Hi"}"#;
    for (body, expected) in [
        (gemini(&format!("{thought},{answer}"), ""), Some("Hi")),
        (gemini(&format!("{answer},{thought}"), ""), Some("Hi")),
        (
            gemini(answer, r#",{"content":{"parts":[{"text":"another answer"}]},"index":1}"#),
            Some("Hi"),
        ),
        (gemini(&format!(r#"{thought},{{"text":"a long answer"}}"#), ""), None),
        (gemini(&format!(r#"{{"text":"a long answer"}},{thought}"#), ""), None),
    ] {
        let kept = text(Format::Gemini, Framing::Json, &[body.as_bytes()], 8);
        assert_eq!(kept.as_deref(), expected, "{body}");
    }
}

/// An answer that is kept for another purpose too may have more bytes than one purpose allows.
#[test]
fn a_kept_text_can_be_limited_further() {
    let mut text = CapturedText::new(10);
    text.push(b"ten  bytes");
    text.limit(10);
    assert_eq!(text.text(), Some("ten  bytes"));
    text.limit(9);
    assert!(text.is_too_large() && text.is_empty());
}
