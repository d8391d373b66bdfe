//! The judge's answers: only one of exactly the form that was asked for is a verdict.

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::callout::{HttpError, HttpResponse};
use verdigris::judge::{JudgeError, JudgeReply, PairVerdict};
use verdigris::response::Tokens;

fn response(status: u16, body: &[u8]) -> Result<HttpResponse, HttpError> {
    Ok(HttpResponse { status, retry_after_s: None, body: body.to_vec() })
}

fn completion(content: Value, finish_reason: &str) -> Value {
    json!({
        "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 9},
    })
}

fn reply_to(content: &str) -> JudgeReply {
    let body = completion(json!(content), "stop").to_string();
    JudgeReply::read(&response(200, body.as_bytes()), JudgeReply::assumed_tokens(600, 100))
}

#[test]
fn a_score_is_a_number_from_0_to_1_and_nothing_else() {
    use JudgeError::{Invalid, Unreadable};
    let cases = [
        (r#"{"score": 0.75}"#, Ok(0.75)),
        (r#" {"score":1} "#, Ok(1.0)),
        (r#"{"score": 0, "why": "it is empty"}"#, Ok(0.0)),
        (r#"{"score": 7}"#, Err(Invalid)),
        (r#"{"score": -0.1}"#, Err(Invalid)),
        (r#"{"score": 1.0000001}"#, Err(Invalid)),
        (r#"{"score": "0.8"}"#, Err(Invalid)),
        (r#"{"score": null}"#, Err(Invalid)),
        (r#"{"score": true}"#, Err(Invalid)),
        (r#"{"score": 0.1, "score": 0.9}"#, Err(Invalid)),
        (r#"{"rating": 0.5}"#, Err(Invalid)),
        ("[0.5]", Err(Invalid)),
        ("0.5", Err(Invalid)),
        (r#""0.5""#, Err(Invalid)),
        (r#"{"score": NaN}"#, Err(Unreadable)),
        (r#"{"score": Infinity}"#, Err(Unreadable)),
        (r#"{"score": 1e999}"#, Err(Invalid)),
        (r#"{"score": 0."#, Err(Unreadable)),
        ("```json\n{\"score\": 0.8}\n```", Err(Unreadable)),
        (r#"The score is {"score": 0.8}"#, Err(Unreadable)),
        (r#"{"score": 0.8} I hope that this helps."#, Err(Unreadable)),
        ("The answer is good.", Err(Unreadable)),
        ("", Err(Unreadable)),
    ];
    for (content, expected) in cases {
        assert_eq!(reply_to(content).score(), expected, "{content}");
    }
}

#[test]
fn a_verdict_on_a_pair_is_one_of_three_words() {
    use JudgeError::{Invalid, Unreadable};
    let cases = [
        (r#"{"better": "A"}"#, Ok(PairVerdict::A)),
        (r#"{"better": "B"}"#, Ok(PairVerdict::B)),
        (r#"{"better": "tie"}"#, Ok(PairVerdict::Tie)),
        (r#"{"better": "a"}"#, Err(Invalid)),
        (r#"{"better": "C"}"#, Err(Invalid)),
        (r#"{"better": ""}"#, Err(Invalid)),
        (r#"{"better": 1}"#, Err(Invalid)),
        (r#"{"score": 1}"#, Err(Invalid)),
        (r#"{"better": "A"#, Err(Unreadable)),
        ("A", Err(Unreadable)),
    ];
    for (content, expected) in cases {
        assert_eq!(reply_to(content).pair(), expected, "{content}");
    }
}

#[test]
fn every_other_answer_is_an_error_of_its_kind() {
    let cut = completion(json!("{\"score\": 0.5}"), "length").to_string();
    let refused =
        json!({"choices": [{"message": {"refusal": "No."}, "finish_reason": "stop"}]}).to_string();
    let tool_call = json!({"choices": [{"message": {"content": null, "tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}]}).to_string();
    let filtered = completion(json!("{\"score\": 0.5}"), "content_filter").to_string();
    let half = &cut[..cut.len() / 2];
    let mut large = br#"{"choices": [{"message": {"content": ""#.to_vec();
    large.resize(33 << 20, b'x');
    let cases = [
        (response(200, cut.as_bytes()), JudgeError::Cut),
        (response(200, half.as_bytes()), JudgeError::Unreadable),
        (response(200, refused.as_bytes()), JudgeError::Unreadable),
        (response(200, tool_call.as_bytes()), JudgeError::Unreadable),
        (response(200, filtered.as_bytes()), JudgeError::Unreadable),
        (response(200, b"<html><body>Bad gateway</body></html>"), JudgeError::Unreadable),
        (response(200, b""), JudgeError::Unreadable),
        (response(200, b"{}"), JudgeError::Unreadable),
        (response(200, br#"{"error": {"message": "no"}}"#), JudgeError::Unreadable),
        (response(200, &large), JudgeError::Unreadable),
        (response(429, b"{}"), JudgeError::Limited),
        (response(500, b"{}"), JudgeError::Status),
        (response(401, b"{}"), JudgeError::Status),
        (response(204, b""), JudgeError::Status),
        (response(503, b"no healthy upstream"), JudgeError::Unreachable),
        (response(502, b"<html>Bad gateway</html>"), JudgeError::Unreachable),
        (response(504, b"upstream request timeout"), JudgeError::Timeout),
        (Err(HttpError::CutShort), JudgeError::Unreachable),
        (Err(HttpError::NotSent("BadArgument".to_owned())), JudgeError::Unreachable),
        (Err(HttpError::Unreadable("it has no status".to_owned())), JudgeError::Unreachable),
    ];
    for (response, error) in cases {
        let reply = JudgeReply::read(&response, JudgeReply::assumed_tokens(600, 100));
        let shown = format!("{response:?}");
        let shown = shown.get(..200.min(shown.len())).unwrap();
        assert_eq!(reply.score(), Err(error), "{shown}");
        assert_eq!(reply.pair(), Err(error), "{shown}");
    }
}

/// The body of Envoy's own 503.
fn reset(reason: &str) -> Vec<u8> {
    let text = "upstream connect error or disconnect/reset before headers. reset reason: ";
    format!("{text}{reason}").into_bytes()
}

#[test]
fn an_answer_costs_what_it_states_or_at_most_what_it_can() {
    let tokens = |input, output| Tokens { input, output, ..Tokens::default() };
    let stated = tokens(Some(120), Some(9));
    let assumed = tokens(Some(300), Some(100));
    let without_usage =
        json!({"choices": [{"message": {"content": "{\"score\": 1}"}, "finish_reason": "stop"}]});
    let cut = completion(json!("{"), "length").to_string();
    let with_usage = |usage: Value| {
        let mut answer = completion(json!("{}"), "stop");
        answer["usage"] = usage;
        response(200, answer.to_string().as_bytes())
    };
    let cases = [
        (with_usage(json!({"prompt_tokens": 120})), tokens(Some(120), Some(100))),
        (with_usage(json!({"completion_tokens": 9})), tokens(Some(300), Some(9))),
        (with_usage(Value::Null), assumed),
        (response(200, completion(json!("no JSON"), "stop").to_string().as_bytes()), stated),
        (response(200, cut.as_bytes()), stated),
        (response(200, without_usage.to_string().as_bytes()), assumed),
        (response(504, b""), assumed),
        (Err(HttpError::CutShort), assumed),
        (response(429, b""), Tokens::default()),
        (response(500, b""), Tokens::default()),
        (response(503, b""), Tokens::default()),
        (response(503, b"no healthy upstream"), Tokens::default()),
        (response(503, br#"{"error": {"message": "overloaded"}}"#), Tokens::default()),
        (
            response(
                503,
                &reset(
                    "remote connection failure, transport failure reason: delayed connect error: 111",
                ),
            ),
            Tokens::default(),
        ),
        (response(503, &reset("overflow")), Tokens::default()),
        (response(503, &reset("connection termination")), assumed),
        (response(503, &reset("remote reset")), assumed),
        (response(502, b"<html>Bad gateway</html>"), assumed),
        (Err(HttpError::NotSent(String::new())), Tokens::default()),
    ];
    for (response, expected) in cases {
        assert_eq!(
            *JudgeReply::read(&response, JudgeReply::assumed_tokens(600, 100)).tokens(),
            expected,
            "{response:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_an_error_or_a_value_in_range(
        status in prop_oneof![Just(200_u16), 100..600_u16], body: Vec<u8>,
        json_like in "[\\[\\]{}\":,a-z0-9. \\\\n-]{0,80}", content in "\\PC{0,40}",
    ) {
        let completion = completion(json!(content), "stop").to_string();
        for body in [body.as_slice(), json_like.as_bytes(), completion.as_bytes()] {
            let reply = JudgeReply::read(&response(status, body), JudgeReply::assumed_tokens(10, 100));
            if let Ok(score) = reply.score() {
                prop_assert!((0.0..=1.0).contains(&score) && status == 200);
            }
            prop_assert!(reply.tokens().are_plausible());
        }
    }
}
