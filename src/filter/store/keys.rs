//! The keys of shared data.

pub use crate::rollout::store::STATE_VERSION;

/// Under which name a rollout's records are shared. A ramp that is a fleet's has others than one of
/// this Envoy alone, because its times are those of another clock.
pub fn store_name(rollout: &str, is_of_fleet: bool) -> String {
    // No rollout has a slash in its name.
    if is_of_fleet { format!("{rollout}/fleet") } else { rollout.to_owned() }
}

/// The key of a value in the form of [`STATE_VERSION`].
pub fn versioned(rollout: &str, name: &str) -> String {
    format!("verdigris.{STATE_VERSION}.{rollout}.{name}")
}

/// The key of a value that modules of all versions must agree on, such as the lease.
pub fn unversioned(rollout: &str, name: &str) -> String {
    format!("verdigris.{rollout}.{name}")
}
