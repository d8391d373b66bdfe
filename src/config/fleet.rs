//! The `fleet` section: the store that several Envoys share a rollout through.

use std::time::Duration;

use super::FieldError;
use super::checks::check_cluster_name;
use super::diagnostics::Diagnostics;
use super::examples::example_fix;
use super::raw::sections::RawFleet;
use crate::names::ClusterName;

/// The store that several Envoys share a rollout through: etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetConfig {
    /// The cluster with etcd's endpoints.
    pub cluster: ClusterName,
    /// The prefix of all keys, without a slash at its end. The rollout's name follows it.
    pub prefix: String,
    /// The name of this instance; `None`: Envoy's node id.
    pub instance: Option<String>,
    /// How often an instance talks to the store.
    pub interval: Duration,
}

const DEFAULT_PREFIX: &str = "/verdigris";
/// How long a call to the store may take, in intervals, and at least.
const CALL_INTERVALS: u32 = 2;
const MIN_CALL_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_NAME: usize = 128;

// === impl FleetConfig ===

impl FleetConfig {
    /// A name that can be an instance's, from any text.
    pub fn instance_name(text: &str) -> String {
        let name = text.chars().map(|it| if is_in_name(it) { it } else { '-' });
        let name: String = name.take(MAX_NAME).collect();
        if name.is_empty() { "envoy".to_owned() } else { name }
    }

    /// How long a call to the store may take: two intervals, at least two seconds.
    pub fn call_timeout(&self) -> Duration {
        (self.interval * CALL_INTERVALS).max(MIN_CALL_TIMEOUT)
    }
}

/// Checks the `fleet` section.
pub(super) fn check_fleet(
    raw: RawFleet,
    has_ramp: bool,
    diagnostics: &mut Diagnostics,
) -> Option<FleetConfig> {
    if !has_ramp {
        let fix = "a fleet shares a ramp; add ramp, or remove fleet";
        diagnostics.push(FieldError::unneeded("fleet", fix));
    }
    if !raw.has_store {
        diagnostics.push(FieldError::missing("fleet.store", example_fix("fleet.store")));
    }
    let cluster = match raw.cluster {
        Some(name) => diagnostics.checked("fleet.cluster", &name, check_cluster_name),
        None => {
            diagnostics.push(FieldError::missing("fleet.cluster", example_fix("fleet.cluster")));
            None
        }
    };
    let prefix = raw.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    let prefix = diagnostics.checked("fleet.prefix", prefix, check_prefix);
    let instance = match &raw.instance {
        Some(name) => diagnostics.checked("fleet.instance", name, check_instance).map(Some),
        None => Some(None),
    };
    let is_valid = has_ramp && raw.has_store;
    let interval = raw.interval.0;
    let fleet = FleetConfig { cluster: cluster?, prefix: prefix?, instance: instance?, interval };
    is_valid.then_some(fleet)
}

fn check_prefix(prefix: &str) -> Result<String, &'static str> {
    let parts = prefix.strip_prefix('/').unwrap_or_default().split('/');
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_in_name);
    match prefix.len() <= MAX_NAME && parts.clone().all(is_part) {
        true => Ok(prefix.to_owned()),
        false => Err(
            "write a path of letters, digits, dots, dashes and underscores, such as \"/verdigris\"",
        ),
    }
}

fn check_instance(name: &str) -> Result<String, &'static str> {
    match !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(is_in_name) {
        true => Ok(name.to_owned()),
        false => Err("write at most 128 letters, digits, dots, dashes and underscores"),
    }
}

fn is_in_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_')
}
