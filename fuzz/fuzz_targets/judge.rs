//! No answer of a judge panics, and none but a verdict of the form that was asked for is one. Any bytes of
//! a prompt and an answer are quoted in the question: they change nothing else in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use verdigris::callout::HttpResponse;
use verdigris::judge::{JudgeParameters, JudgeQuestion, JudgeReply};
use verdigris::sampling::{Message, read_messages};

fn read(status: u16, body: &[u8]) -> JudgeReply {
    let response = HttpResponse { status, retry_after_s: None, body: body.to_vec() };
    JudgeReply::read(&Ok(response), JudgeReply::assumed_tokens(600, 100))
}

/// The question about an answer, as JSON.
fn question(request: &[Message], answer: &str) -> Value {
    let parameters = &JudgeParameters::default();
    let question = JudgeQuestion { model: "m", rubric: "helpful", parameters, request };
    serde_json::from_slice(&question.score(answer)).unwrap()
}

fuzz_target!(|input: (u16, &[u8], &[u8], &str)| {
    let (status, body, prompt, text) = input;
    let completion = json!({
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 9},
    });
    for reply in [read(status, body), read(200, body), read(200, completion.to_string().as_bytes())] {
        if let Ok(score) = reply.score() {
            assert!((0.0..=1.0).contains(&score) && reply.pair().is_err());
        }
    }
    if read(200, completion.to_string().as_bytes()).pair().is_ok() {
        assert!(serde_json::from_str::<Value>(text).unwrap().is_object());
    }

    let Some(messages) = read_messages(prompt) else { return };
    assert!(!messages.is_empty());
    let mut asked = question(&messages, text);
    let document = asked["messages"][1]["content"].take();
    let document: Value = serde_json::from_str(document.as_str().unwrap()).unwrap();
    assert_eq!(document["answer"], text);
    assert_eq!(document["request"].as_array().unwrap().len(), messages.len());
    let mut empty = question(&[], "");
    empty["messages"][1]["content"].take();
    assert_eq!(asked, empty);
});
