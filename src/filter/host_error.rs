//! A host call that the host has refused.

/// A status other than "ok", as the host returned it. Hosts may return one that no enum here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError(u32);

// === impl HostError ===

impl HostError {
    /// Turns the status of a call into a result.
    ///
    /// # Errors
    /// The status, if it is not "ok".
    pub fn check(status: u32) -> Result<(), Self> {
        if status == 0 { Ok(()) } else { Err(Self(status)) }
    }

    /// Whether another VM has written the value since it was read.
    pub fn is_cas_mismatch(self) -> bool {
        const CAS_MISMATCH: u32 = 8;
        self.0 == CAS_MISMATCH
    }
}
