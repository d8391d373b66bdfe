//! No body of feedback panics; no text is a receipt of this key, unless it was signed with it for this
//! unit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::assignment::{Epoch, StepExposure, Version};
use verdigris::config::Config;
use verdigris::feedback::{ExposureKey, FeedbackEvent, SignedExposure};

const CONFIG: &str = r#"{
    "rollout": "r", "unit": {"header": "u"}, "weights": {"blue": 1, "green": 1},
    "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
    "feedback": {"path": "/f", "thumb": "/thumb", "score": "/a/score"}
}"#;

thread_local! {
    static PARSED: Config = Config::parse(CONFIG.as_bytes()).unwrap();
}

fuzz_target!(|input: (u64, u64, u16, bool, &[u8])| {
    let (unit, other, epoch, is_newly_exposed, body) = input;
    PARSED.with(|config| {
        let _ = FeedbackEvent::parse(body, &config.feedback.as_ref().unwrap().pointers);
    });
    let key = ExposureKey::from_bytes(&[7; 16]).unwrap();
    assert_eq!(key.verify(body, unit), None);
    let step = Some(StepExposure { epoch: Epoch::new(epoch.into()), is_newly_exposed });
    let exposure = SignedExposure { version: Version::Green, step };
    let signed = key.sign(exposure, unit);
    assert_eq!(key.verify(signed.as_bytes(), unit), Some(exposure));
    assert_eq!(key.verify(signed.as_bytes(), other).is_some(), unit == other);
});
