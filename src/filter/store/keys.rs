//! The keys of shared data.

/// The version of what is written in shared data; raised whenever its form changes. Two modules of
/// different versions have a rollout each, and neither reads what it would misunderstand.
pub const STATE_VERSION: u32 = 9;

/// The key of a value in the form of [`STATE_VERSION`].
pub fn versioned(rollout: &str, name: &str) -> String {
    format!("verdigris.{STATE_VERSION}.{rollout}.{name}")
}

/// The key of a value that modules of all versions must agree on, such as the lease.
pub fn unversioned(rollout: &str, name: &str) -> String {
    format!("verdigris.{rollout}.{name}")
}
