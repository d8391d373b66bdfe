//! A thumb or a score, in the body of a request.

use proptest::prelude::*;
use verdigris::feedback::{FeedbackEvent, FeedbackPointers, Thumb};

use super::pointers;

#[test]
fn a_thumb_has_many_forms() {
    let up = ["\"up\"", "\"Up\"", "\"thumbs_up\"", "\"like\"", "\"positive\"", "true", "1"];
    let down = ["\"down\"", "\"thumbs_down\"", "\"dislike\"", "\"negative\"", "false", "0", "-1"];
    let invalid = ["\"\"", "\"1\"", "\"good\"", "2", "1.5", "[]", "{}", "[true]"];
    let cases = up.map(|it| (it, Some(Thumb::Up)));
    let cases = cases.into_iter().chain(down.map(|it| (it, Some(Thumb::Down))));
    for (json, expected) in cases.chain(invalid.map(|it| (it, None))) {
        let body = format!(r#"{{"thumb": {json}}}"#);
        let event = FeedbackEvent::parse(body.as_bytes(), &pointers());
        assert_eq!(event.ok().and_then(|event| event.thumb), expected, "{json}");
    }
}

#[test]
fn a_score_is_a_number_from_0_to_1() {
    let cases = [
        ("0", Some(0)),
        ("1", Some(1000)),
        ("1.0", Some(1000)),
        ("0.8254", Some(825)),
        ("5e-1", Some(500)),
        ("-0.1", None),
        ("1.0001", None),
        ("1e400", None),
        ("\"0.5\"", None),
        ("true", None),
    ];
    for (json, expected) in cases {
        let body = format!(r#"{{"score": {json}, "thumb": null}}"#);
        let event = FeedbackEvent::parse(body.as_bytes(), &pointers());
        assert_eq!(event.ok().and_then(|event| event.score_milli()), expected, "{json}");
    }
}

#[test]
fn an_error_says_what_to_write() {
    let instruction = r#"write "up" or "down" at /thumb, or a number from 0 to 1 at /score"#;
    let table = [
        ("thumb=up", "the body is not JSON".to_owned()),
        ("{}", format!("the body has no thumb and no score: {instruction}")),
        (r#"{"thumb": null}"#, format!("the body has no thumb and no score: {instruction}")),
        (r#"{"thumb": 7}"#, format!("7 is not a valid thumb: {instruction}")),
        (r#"{"score": "1"}"#, format!(r#""1" is not a valid score: {instruction}"#)),
    ];
    for (body, expected) in table {
        assert_eq!(FeedbackEvent::parse(body.as_bytes(), &pointers()), Err(expected), "{body}");
    }
    let score = FeedbackPointers { thumb: None, ..pointers() };
    let expected = "the body has no score: write a number from 0 to 1 at /score";
    assert_eq!(FeedbackEvent::parse(b"{}", &score), Err(expected.to_owned()));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_without_a_panic(body: Vec<u8>, json in ".*") {
        let _ = FeedbackEvent::parse(&body, &pointers());
        let body = format!(r#"{{"thumb": {json}, "score": {json}}}"#);
        let _ = FeedbackEvent::parse(body.as_bytes(), &pointers());
    }
}
