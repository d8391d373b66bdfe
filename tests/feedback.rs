//! Votes, receipts, and who is heard.

use proptest::prelude::*;
use verdigris::assignment::{Epoch, StepExposure, Version};
use verdigris::feedback::{
    ExposureKey, FeedbackEvent, FeedbackPointers, RateLimiter, SignedExposure, Thumb,
};

fn places() -> FeedbackPointers {
    let place = |token: &str| Some(vec![token.into()]);
    FeedbackPointers { thumb: place("thumb"), score: place("score"), step: None }
}

#[test]
fn thumbs_are_written_in_many_ways() {
    let ups = ["\"up\"", "\"Up\"", "\"thumbs_up\"", "\"like\"", "\"positive\"", "true", "1"];
    let downs = ["\"down\"", "\"thumbs_down\"", "\"dislike\"", "\"negative\"", "false", "0", "-1"];
    let others = ["\"\"", "\"1\"", "\"good\"", "2", "1.5", "[]", "{}", "[true]"];
    let cases = ups.map(|it| (it, Some(Thumb::Up)));
    let cases = cases.into_iter().chain(downs.map(|it| (it, Some(Thumb::Down))));
    for (json, expected) in cases.chain(others.map(|it| (it, None))) {
        let body = format!(r#"{{"thumb": {json}}}"#);
        let vote = FeedbackEvent::parse(body.as_bytes(), &places());
        assert_eq!(vote.ok().and_then(|vote| vote.thumb), expected, "{json}");
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
        let vote = FeedbackEvent::parse(body.as_bytes(), &places());
        assert_eq!(vote.ok().and_then(|vote| vote.score_milli()), expected, "{json}");
    }
}

#[test]
fn a_unit_is_heard_so_often_a_minute() {
    const MINUTE: u64 = 60_000_000_000;
    let mut limiter = RateLimiter::new(3);
    let heard = |limiter: &mut RateLimiter, unit: u64, now: u64| {
        (0..10).filter(|_| limiter.allow(unit, now)).count()
    };
    assert_eq!(heard(&mut limiter, 7, 5 * MINUTE), 3);
    assert_eq!(heard(&mut limiter, 7, 6 * MINUTE - 1), 0);
    assert_eq!(heard(&mut limiter, 8, 6 * MINUTE - 1), 3);
    assert_eq!(heard(&mut limiter, 7, 6 * MINUTE), 3);
    // One that shares its place has it forgotten; others do not.
    assert_eq!(heard(&mut limiter, 7 + 1024, 6 * MINUTE), 3);
    assert_eq!(heard(&mut limiter, 7, 6 * MINUTE), 3);
    assert_eq!(heard(&mut limiter, 8, 6 * MINUTE), 3);
    assert_eq!(heard(&mut limiter, 8, 6 * MINUTE), 0);
}

fn any_receipt() -> impl Strategy<Value = SignedExposure> {
    let version = prop_oneof![Just(Version::Blue), Just(Version::Green)];
    (version, any::<Option<(u16, bool)>>()).prop_map(|(version, step)| {
        let exposure =
            |(epoch, is_newly_exposed)| StepExposure { epoch: Epoch::new(epoch), is_newly_exposed };
        SignedExposure { version, step: step.map(exposure) }
    })
}

proptest! {
    #[test]
    fn a_receipt_is_read_as_it_was_written(key: [u8; 16], receipt in any_receipt(), unit: u64) {
        let key = ExposureKey::from_bytes(&key).unwrap();
        prop_assert_eq!(key.verify(key.sign(receipt, unit).as_bytes(), unit), Some(receipt));
    }

    /// Changed anywhere, of another unit, or written with another key, it is none.
    #[test]
    fn a_forged_receipt_is_none(
        key: [u8; 16],
        other: [u8; 16],
        receipt in any_receipt(),
        unit: u64,
        at: prop::sample::Index,
        byte: u8,
    ) {
        prop_assume!(key != other);
        let key = ExposureKey::from_bytes(&key).unwrap();
        let text = key.sign(receipt, unit);
        prop_assert_eq!(key.verify(text.as_bytes(), unit ^ 1), None);
        prop_assert_eq!(ExposureKey::from_bytes(&other).unwrap().verify(text.as_bytes(), unit), None);
        let mut changed = text.clone().into_bytes();
        let at = at.index(changed.len());
        let same_digit = byte.eq_ignore_ascii_case(&changed[at]);
        changed[at] = byte;
        prop_assert_eq!(key.verify(&changed, unit).is_some(), same_digit && at >= text.len() - 16
            || changed == text.as_bytes());
    }

    #[test]
    fn no_bytes_panic(text: Vec<u8>, body: Vec<u8>, json in ".*") {
        let key = ExposureKey::from_bytes(&[1; 16]).unwrap();
        prop_assert_eq!(key.verify(&text, 0), None);
        let _ = FeedbackEvent::parse(&body, &places());
        let _ = FeedbackEvent::parse(format!(r#"{{"thumb": {json}, "score": {json}}}"#).as_bytes(), &places());
    }
}
