//! Which version answered in which step, as the answer's header says it.
//!
//! A receipt is `green.7.new.c0ffee0123456789`: the version, the number of the ramp's step
//! whose share decided, whether the unit was on blue before it, and a keyed hash of these
//! and of the unit. `blue.0123456789abcdef` is one of an answer that is no evidence. Who has
//! no answer has no receipt, and a receipt is worth nothing for another unit.

// Deprecated in favour of a hasher whose algorithm may change; a receipt must be
// understood by all workers, whatever they were built with.
use std::hash::Hasher as _;
#[allow(deprecated, reason = "this very algorithm is needed")]
use std::hash::SipHasher;

use crate::assignment::{Epoch, StepExposure, Version};

/// What an answer's receipt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedExposure {
    /// Who answered.
    pub version: Version,
    /// The epoch whose share decided, and whether the unit was on blue before its step; `None`
    /// where the answer is no evidence.
    pub step: Option<StepExposure>,
}

/// What receipts are hashed with. Who does not know it cannot make one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExposureKey([u64; 2]);

// === impl Key ===

impl ExposureKey {
    /// Its length, in bytes.
    pub const LENGTH: usize = 16;

    /// The key of these bytes; `None` where they are not as many as it takes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (low, rest) = bytes.split_first_chunk()?;
        let high = rest.try_into().ok()?;
        Some(Self([u64::from_le_bytes(*low), u64::from_le_bytes(high)]))
    }

    /// The receipt as a header has it; `unit` is the unit's hash.
    ///
    /// ```
    /// use verdigris::assignment::{Epoch, StepExposure, Version};
    /// use verdigris::feedback::{ExposureKey, SignedExposure};
    /// let key = ExposureKey::from_bytes(&[7; 16]).unwrap();
    /// let step = StepExposure { epoch: Epoch::new(3), is_newly_exposed: true };
    /// let receipt = SignedExposure { version: Version::Green, step: Some(step) };
    /// let text = key.sign(receipt, 42);
    /// assert!(text.starts_with("green.3.new."));
    /// assert_eq!(key.verify(text.as_bytes(), 42), Some(receipt));
    /// assert_eq!(key.verify(text.as_bytes(), 43), None, "it is another unit's");
    /// ```
    pub fn sign(self, receipt: SignedExposure, unit: u64) -> String {
        let SignedExposure { version, step } = receipt;
        let said = match step {
            Some(StepExposure { epoch, is_newly_exposed: true }) => {
                format!("{version}.{epoch}.new")
            }
            Some(StepExposure { epoch, is_newly_exposed: false }) => {
                format!("{version}.{epoch}.old")
            }
            None => version.to_string(),
        };
        let hash = self.hash(said.as_bytes(), unit);
        format!("{said}.{hash:016x}")
    }

    /// What a receipt says; `None` where it was not written with this key for this unit.
    pub fn verify(self, text: &[u8], unit: u64) -> Option<SignedExposure> {
        let (said, hash) = str::from_utf8(text).ok()?.rsplit_once('.')?;
        let is_hash = hash.len() == 16 && !hash.starts_with('+');
        let hash = u64::from_str_radix(hash, 16).ok().filter(|_| is_hash)?;
        if hash != self.hash(said.as_bytes(), unit) {
            return None;
        }
        let mut parts = said.split('.');
        let version = Version::from_bytes(parts.next()?.as_bytes())?;
        let step = match (parts.next(), parts.next()) {
            (Some(epoch), Some(kind)) => Some(StepExposure {
                epoch: Epoch::new(epoch.parse().ok()?),
                is_newly_exposed: kind == "new",
            }),
            _ => None,
        };
        Some(SignedExposure { version, step })
    }

    #[allow(deprecated, reason = "see above")]
    fn hash(self, said: &[u8], unit: u64) -> u64 {
        let Self([low, high]) = self;
        let mut hasher = SipHasher::new_with_keys(low, high);
        hasher.write(&unit.to_le_bytes());
        hasher.write(said);
        hasher.finish()
    }
}
