//! A host call that the host has refused.

use std::fmt;

use proxy_wasm::types::Status;

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

/// The status that the SDK returns as an error.
impl From<Status> for HostError {
    fn from(status: Status) -> Self {
        Self(status as u32)
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            2 => f.write_str("Envoy refuses the call's arguments: does the cluster exist?"),
            10 => f.write_str(
                "Envoy refuses the call: the cluster does not exist or has no healthy host, its \
                 circuit breaker is open, or capability_restriction_config leaves the call out",
            ),
            12 => f.write_str("the host does not have the call, or leaves it out"),
            status => write!(f, "Envoy refuses the call with status {status}"),
        }
    }
}
