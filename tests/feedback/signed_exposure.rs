//! The signed exposure of an answer.

use proptest::prelude::*;
use verdigris::assignment::{Epoch, StepExposure, Version};
use verdigris::feedback::{ExposureKey, SignedExposure};

fn any_exposure() -> impl Strategy<Value = SignedExposure> {
    let version = prop_oneof![Just(Version::Blue), Just(Version::Green)];
    let step = any::<Option<(u32, bool)>>().prop_map(|step| {
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

    /// A receipt names its unit; with the unit it is a signed exposure, too.
    #[test]
    fn a_receipt_is_opened(key: [u8; 16], exposure in any_exposure(), unit: u64, random: u64) {
        let key = ExposureKey::from_bytes(&key).unwrap();
        let receipt = key.sign_receipt(exposure, unit, random);
        prop_assert_eq!(key.open_receipt(receipt.as_bytes()), Some((exposure, unit)));
        prop_assert_eq!(key.verify(receipt.as_bytes(), unit), Some(exposure));
        prop_assert_eq!(key.verify(receipt.as_bytes(), unit ^ 1), None);
    }

    #[test]
    fn a_forged_receipt_is_not_opened(
        key: [u8; 16],
        other: [u8; 16],
        exposure in any_exposure(),
        unit: u64,
        random: u64,
        index: prop::sample::Index,
        byte: u8,
    ) {
        prop_assume!(key != other);
        let [key, other] = [key, other].map(|key| ExposureKey::from_bytes(&key).unwrap());
        let receipt = key.sign_receipt(exposure, unit, random);
        prop_assert_eq!(other.open_receipt(receipt.as_bytes()), None);
        prop_assert_eq!(key.open_receipt(key.sign(exposure, unit).as_bytes()), None);
        let mut changed = receipt.clone().into_bytes();
        changed[index.index(receipt.len())] = byte;
        prop_assert_eq!(
            key.open_receipt(&changed).is_some(),
            changed == receipt.as_bytes()
        );
    }

    /// Two receipts of one unit have nothing in common that those of two units have not.
    #[test]
    fn a_receipt_does_not_show_its_unit(unit: u64, other: u64, random: [u64; 2]) {
        prop_assume!(unit != other && random[0] != random[1]);
        let key = ExposureKey::from_bytes(&[3; 16]).unwrap();
        let exposure = SignedExposure { version: Version::Green, step: None };
        let hidden = |unit, random| {
            let receipt = key.sign_receipt(exposure, unit, random);
            receipt.split('.').nth(2).unwrap().to_owned()
        };
        prop_assert_ne!(hidden(unit, random[0]), hidden(unit, random[1]));
        prop_assert_ne!(hidden(unit, random[0]), hidden(other, random[0]));
        prop_assert_ne!(hidden(unit, random[0]), format!("{unit:016x}"));
    }

    #[test]
    fn any_bytes_are_rejected(text: Vec<u8>) {
        let key = ExposureKey::from_bytes(&[1; 16]).unwrap();
        prop_assert_eq!(key.verify(&text, 0), None);
        prop_assert_eq!(key.open_receipt(&text), None);
    }
}
