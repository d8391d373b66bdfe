//! What is done with a request that carries feedback.

use verdigris::analysis::Metric;
use verdigris::assignment::{Epoch, StepExposure, UnitKey, Version};
use verdigris::feedback::intake::{MAX_BODY_BYTES, is_feedback_path, read_event};
use verdigris::feedback::{
    AcceptedFeedback, ExposureKey, FeedbackEvent, FeedbackIntake, FeedbackRequest,
    RejectedFeedback, SignedExposure, Thumb,
};

use super::pointers;

const UNIT: u64 = 42;

const STEP: StepExposure = StepExposure { epoch: Epoch::new(3), is_newly_exposed: true };

fn intake(max_per_minute: u32) -> FeedbackIntake {
    FeedbackIntake::new(ExposureKey::from_bytes(&[7; 16]).unwrap(), max_per_minute)
}

fn request(exposure: Option<SignedExposure>) -> FeedbackRequest {
    let event = FeedbackEvent { thumb: Some(Thumb::Down), score: Some(0.25) };
    FeedbackRequest { event, unit: UNIT, exposure, version: Version::Green }
}

#[test]
fn a_path_is_compared_without_its_query() {
    for (path, expected) in [("/feedback", true), ("/feedback?x=1", true), ("/feedbacks", false)] {
        assert_eq!(is_feedback_path(path.as_bytes(), "/feedback"), expected, "{path}");
    }
}

#[test]
fn a_body_has_an_event_or_is_rejected() {
    let event = FeedbackEvent { thumb: Some(Thumb::Up), score: None };
    assert_eq!(read_event(Some(br#"{"thumb": "up"}"#), 15, &pointers()), Ok(event));
    let unread = |size| read_event(None, size, &pointers()).unwrap_err();
    assert_eq!(unread(MAX_BODY_BYTES + 1), RejectedFeedback::BodyTooLarge);
    assert_eq!(unread(15), RejectedFeedback::BodyUnreadable);
    let not_json = RejectedFeedback::InvalidEvent("the body is not JSON".to_owned());
    assert_eq!(read_event(Some(b""), 0, &pointers()), Err(not_json));
}

#[test]
fn an_exposure_is_in_the_header_or_else_in_the_body() {
    let intake = intake(1);
    let text = intake.sign(Version::Green, UNIT, Some(STEP));
    let expected = Some(SignedExposure { version: Version::Green, step: Some(STEP) });
    let body = format!(r#"{{"step": "{text}"}}"#);
    let verify = |header: Option<&[u8]>, body: &str, unit| {
        intake.verify(header, body.as_bytes(), &pointers(), unit)
    };
    assert_eq!(verify(Some(text.as_bytes()), "{}", UNIT), expected);
    assert_eq!(verify(None, &body, UNIT), expected);
    assert_eq!(verify(None, "{}", UNIT), None);
    assert_eq!(verify(Some(b"green.3.new.0"), &body, UNIT), None, "the header counts");
    assert_eq!(verify(None, &body, UNIT + 1), None, "it belongs to another unit");
}

#[test]
fn a_receipt_names_its_unit() {
    let intake = intake(1);
    let text = intake.sign_receipt(Version::Green, UNIT, Some(STEP), 9);
    let exposure = SignedExposure { version: Version::Green, step: Some(STEP) };
    let body = format!(r#"{{"step": "{text}"}}"#);
    let open = |header: Option<&[u8]>, body: &str| {
        intake.open_receipt(header, body.as_bytes(), &pointers())
    };
    assert_eq!(open(Some(text.as_bytes()), "{}"), Some((exposure, UNIT)));
    assert_eq!(open(None, &body), Some((exposure, UNIT)));
    assert_eq!(open(None, "{}"), None);
    let signed = intake.sign(Version::Green, UNIT, Some(STEP));
    assert_eq!(open(Some(signed.as_bytes()), &body), None, "a client's exposure has no unit");
}

#[test]
fn proved_feedback_is_evidence_for_the_step_of_its_exposure() {
    let exposure = SignedExposure { version: Version::Green, step: Some(STEP) };
    let accepted = intake(1).accept(request(Some(exposure)), 5).unwrap();
    let AcceptedFeedback { version, is_proved, observation, .. } = accepted;
    assert_eq!((version, is_proved), (Version::Green, true));
    let observation = observation.unwrap();
    assert_eq!((observation.at_ns, observation.unit, observation.epoch), (5, UNIT, Epoch::new(3)));
    assert!(observation.is_newly_exposed && !observation.is_assignment);
    assert_eq!(observation.measurements.is_bad(Metric::ThumbsDownRate), Some(true));
    assert_eq!(observation.measurements.value_of(Metric::Score), Some(0.25));
}

#[test]
fn other_feedback_counts_and_is_not_evidence() {
    let without_step = SignedExposure { version: Version::Green, step: None };
    for (exposure, expected) in [(None, false), (Some(without_step), true)] {
        let accepted = intake(1).accept(request(exposure), 5).unwrap();
        assert_eq!((accepted.is_proved, accepted.observation), (expected, None));
    }
}

#[test]
fn a_unit_that_exceeds_its_limit_is_rejected() {
    let mut intake = intake(2);
    assert!(intake.accept(request(None), 0).is_ok() && intake.accept(request(None), 1).is_ok());
    let limited = RejectedFeedback::RateLimited { version: Version::Green, max_per_minute: 2 };
    assert_eq!(intake.accept(request(None), 2), Err(limited));
}

/// Whoever knows the name of a unit can send events for it, and, with many names, fill the limiter.
#[test]
fn events_without_an_exposure_do_not_keep_others_from_voting() {
    let mut intake = intake(2);
    for unit in 0..200_000_u64 {
        let unit = UnitKey::from_bytes(&[7; 16]).unwrap().hash(&unit.to_le_bytes());
        let _ = intake.accept(FeedbackRequest { unit, ..request(None) }, 0);
    }
    assert!(intake.accept(request(None), 1).is_err(), "the limiter is full");
    let exposure = SignedExposure { version: Version::Green, step: Some(STEP) };
    for is_accepted in [true, true, false] {
        assert_eq!(intake.accept(request(Some(exposure)), 1).is_ok(), is_accepted);
    }
    // An event with an exposure counts for the limit of the others, too.
    let mut intake = self::intake(2);
    assert!(intake.accept(request(Some(exposure)), 0).is_ok());
    assert!(intake.accept(request(None), 0).is_ok());
    assert!(intake.accept(request(None), 0).is_err());
}

#[test]
fn a_rejection_has_a_status_and_a_message() {
    let limited = RejectedFeedback::RateLimited { version: Version::Blue, max_per_minute: 5 };
    let table = [
        (RejectedFeedback::BodyTooLarge, 400, "the body is larger than 65536 bytes"),
        (RejectedFeedback::InvalidEvent("why".to_owned()), 400, "why"),
        (
            RejectedFeedback::NoUnit { has_receipt: false },
            400,
            "the request names no unit: send the header or cookie that the rated request had",
        ),
        (limited, 429, "at most 5 events a minute count for one unit"),
    ];
    for (rejected, status, message) in table {
        assert_eq!((rejected.status(), rejected.to_string().as_str()), (status, message));
    }
    assert_eq!(MAX_BODY_BYTES, 65_536);
}
