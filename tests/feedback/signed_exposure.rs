//! The signed exposure of an answer.

use proptest::prelude::*;
use verdigris::assignment::{Epoch, StepExposure, Version};
use verdigris::feedback::{ExposureKey, SignedExposure};

fn any_exposure() -> impl Strategy<Value = SignedExposure> {
    let version = prop_oneof![Just(Version::Blue), Just(Version::Green)];
    let step = any::<Option<(u16, bool)>>().prop_map(|step| {
        step.map(|(epoch, is_newly_exposed)| StepExposure {
            epoch: Epoch::new(epoch),
            is_newly_exposed,
        })
    });
    (version, step).prop_map(|(version, step)| SignedExposure { version, step })
}

proptest! {
    #[test]
    fn a_signed_exposure_is_verified(key: [u8; 16], exposure in any_exposure(), unit: u64) {
        let key = ExposureKey::from_bytes(&key).unwrap();
        prop_assert_eq!(key.verify(key.sign(exposure, unit).as_bytes(), unit), Some(exposure));
    }

    /// It is changed, belongs to another unit, or is signed with another key.
    #[test]
    fn a_forged_exposure_is_not_verified(
        key: [u8; 16],
        other: [u8; 16],
        exposure in any_exposure(),
        unit: u64,
        index: prop::sample::Index,
        byte: u8,
    ) {
        prop_assume!(key != other);
        let key = ExposureKey::from_bytes(&key).unwrap();
        let text = key.sign(exposure, unit);
        prop_assert_eq!(key.verify(text.as_bytes(), unit ^ 1), None);
        prop_assert_eq!(ExposureKey::from_bytes(&other).unwrap().verify(text.as_bytes(), unit), None);
        let mut changed = text.clone().into_bytes();
        let index = index.index(changed.len());
        let is_same_digit = byte.eq_ignore_ascii_case(&changed[index]);
        changed[index] = byte;
        prop_assert_eq!(key.verify(&changed, unit).is_some(), is_same_digit && index >= text.len() - 16
            || changed == text.as_bytes());
    }

    #[test]
    fn any_bytes_are_rejected(text: Vec<u8>) {
        let key = ExposureKey::from_bytes(&[1; 16]).unwrap();
        prop_assert_eq!(key.verify(&text, 0), None);
    }
}
