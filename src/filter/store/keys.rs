//! The keys of shared data.

pub use crate::rollout::store::STATE_VERSION;

/// The name under which the VMs share a rollout's records. A fleet's ramp has another name than a ramp of
/// this Envoy alone, because its times are those of the fleet's clock.
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
