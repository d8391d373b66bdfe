//! The version and step of an answer, signed, as a header carries it.
//!
//! An exposure is written as `green.7.new.c0ffee0123456789`: the version, the epoch of the
//! ramp's step that decided, whether the unit was on blue before the step, and a keyed hash of
//! these and of the unit. The exposure of an answer that is not evidence is written as
//! `blue.0123456789abcdef`. Only a client that got an answer has an exposure, and it is not
//! valid for another unit.
//!
//! A program that judges answers has a *receipt* instead, and does not know the unit. It is written as
//! `green.7.new.0123456789abcdef.fedcba9876543210.c0ffee0123456789`: before the keyed hash it has a
//! random number, and the unit's hash in exclusive or with a keyed hash of that number. So two
//! receipts do not show whether they are of one unit.

use crate::assignment::{Epoch, SipKey, StepExposure, Version};

/// The request and response header that carries a signed exposure.
pub const EXPOSURE_HEADER: &str = "x-verdigris-step";

/// What an answer's signed exposure states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedExposure {
    /// The version that answered.
    pub version: Version,
    /// The step that the answer is evidence for; `None` where it is not evidence.
    pub step: Option<StepExposure>,
}

/// The key that exposures are signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExposureKey(SipKey);

// === impl ExposureKey ===

impl ExposureKey {
    /// The length of a key in bytes.
    pub const LENGTH: usize = SipKey::LENGTH;

    /// The key with these bytes; `None` unless there are [`LENGTH`](Self::LENGTH) of them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        SipKey::from_bytes(bytes).map(Self)
    }

    /// Writes and signs the exposure of the unit with this hash.
    ///
    /// ```
    /// use verdigris::assignment::{Epoch, StepExposure, Version};
    /// use verdigris::feedback::{ExposureKey, SignedExposure};
    /// let key = ExposureKey::from_bytes(&[7; 16]).unwrap();
    /// let step = Some(StepExposure { epoch: Epoch::new(3), is_newly_exposed: true });
    /// let exposure = SignedExposure { version: Version::Green, step };
    /// let text = key.sign(exposure, 42);
    /// assert!(text.starts_with("green.3.new."));
    /// assert_eq!(key.verify(text.as_bytes(), 42), Some(exposure));
    /// assert_eq!(key.verify(text.as_bytes(), 43), None, "another unit");
    /// ```
    pub fn sign(self, exposure: SignedExposure, unit: u64) -> String {
        let statement = statement(exposure);
        let hash = self.hash(statement.as_bytes(), unit);
        format!("{statement}.{hash:016x}")
    }

    /// Verifies and reads an exposure; `None` unless it was signed with this key for the unit
    /// with this hash.
    pub fn verify(self, text: &[u8], unit: u64) -> Option<SignedExposure> {
        let (statement, hash) = str::from_utf8(text).ok()?.rsplit_once('.')?;
        let is_hash = hash.len() == 16 && !hash.starts_with('+');
        let hash = u64::from_str_radix(hash, 16).ok().filter(|_| is_hash)?;
        if hash != self.hash(statement.as_bytes(), unit) {
            return None;
        }
        let mut parts = statement.split('.');
        let version = Version::from_bytes(parts.next()?.as_bytes())?;
        let step = match (parts.next(), parts.next()) {
            (Some(epoch), Some(kind @ ("new" | "old"))) => Some(StepExposure {
                epoch: Epoch::new(epoch.parse().ok()?),
                is_newly_exposed: kind == "new",
            }),
            _ => None,
        };
        Some(SignedExposure { version, step })
    }

    /// Writes and signs a receipt, which contains the hash of the unit and hides it. `random` must be
    /// another number for each receipt.
    ///
    /// ```
    /// use verdigris::assignment::Version;
    /// use verdigris::feedback::{ExposureKey, SignedExposure};
    /// let key = ExposureKey::from_bytes(&[7; 16]).unwrap();
    /// let exposure = SignedExposure { version: Version::Green, step: None };
    /// let receipt = key.sign_receipt(exposure, 42, 1);
    /// assert_eq!(key.open_receipt(receipt.as_bytes()), Some((exposure, 42)));
    /// ```
    pub fn sign_receipt(self, exposure: SignedExposure, unit: u64, random: u64) -> String {
        let hidden = unit ^ self.mask(random);
        let statement = format!("{}.{random:016x}.{hidden:016x}", statement(exposure));
        let hash = self.hash(statement.as_bytes(), unit);
        format!("{statement}.{hash:016x}")
    }

    /// Verifies and reads a receipt, with the hash of its unit; `None` unless it was signed with this
    /// key.
    pub fn open_receipt(self, text: &[u8]) -> Option<(SignedExposure, u64)> {
        let mut parts = str::from_utf8(text).ok()?.rsplitn(4, '.').skip(1);
        let (hidden, random) = (parts.next()?, parts.next()?);
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        let unit = number(hidden)? ^ self.mask(number(random)?);
        let exposure = self.verify(text, unit)?;
        // Any other way to write the same is not a receipt.
        (self.sign_receipt(exposure, unit, number(random)?).as_bytes() == text)
            .then_some((exposure, unit))
    }

    /// What hides the hash of a unit in the receipt with this random number. No statement is hashed
    /// to it: each begins with the name of a version.
    fn mask(self, random: u64) -> u64 {
        self.hash(b"unit", random)
    }

    fn hash(self, statement: &[u8], unit: u64) -> u64 {
        self.0.hash(&[&unit.to_le_bytes(), statement])
    }
}

/// What an exposure states, as it is signed.
fn statement(SignedExposure { version, step }: SignedExposure) -> String {
    match step {
        Some(StepExposure { epoch, is_newly_exposed }) => {
            let kind = if is_newly_exposed { "new" } else { "old" };
            format!("{version}.{epoch}.{kind}")
        }
        None => version.to_string(),
    }
}
