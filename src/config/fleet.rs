//! The `fleet` section: the store that several Envoys share a rollout through.

use std::time::Duration;

use super::FieldError;
use super::checks::check_cluster_name;
use super::diagnostics::Diagnostics;
use super::examples::example_fix;
use super::raw::sections::{FleetStoreKind, RawFleet};
use crate::hash::hash_64;
use crate::names::ClusterName;

/// The store that several Envoys share a rollout through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetConfig {
    /// The store.
    pub store: FleetStoreConfig,
    /// The cluster with the store's endpoints.
    pub cluster: ClusterName,
    /// The name of this instance; `None`: Envoy's node id.
    pub instance: Option<String>,
    /// How often an instance talks to the store.
    pub interval: Duration,
}

/// The kind of the store, and where the fleet's records are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetStoreConfig {
    /// etcd.
    Etcd {
        /// The prefix of all keys, without a slash at its end. The rollout's name follows it.
        prefix: String,
    },
    /// The Kubernetes API.
    Kubernetes {
        /// The namespace of the ConfigMaps.
        namespace: String,
    },
}

/// The first decision of a fleet without a state comes after so many intervals at the latest: its instances
/// wait three to four for one that knows the ramp, and talk to the store once in an interval.
const START_INTERVALS: u32 = 5;
const DEFAULT_PREFIX: &str = "/verdigris";
/// How long a call to the store may take, in intervals, and at least.
const CALL_INTERVALS: u32 = 2;
const MIN_CALL_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_NAME: usize = 128;
/// The longest name of a namespace.
const MAX_NAMESPACE: usize = 63;
/// How often an instance talks to the store by default.
const ETCD_INTERVAL: Duration = Duration::from_secs(1);
const KUBERNETES_INTERVAL: Duration = Duration::from_secs(5);

// === impl FleetStoreConfig ===

impl FleetStoreConfig {
    /// The field that says where the records are in the store, and its value.
    pub fn place(&self) -> (&'static str, &str) {
        match self {
            Self::Etcd { prefix } => ("fleet.prefix", prefix),
            Self::Kubernetes { namespace } => ("fleet.namespace", namespace),
        }
    }

    /// The name of the kind of the store.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Etcd { .. } => "etcd",
            Self::Kubernetes { .. } => "the Kubernetes API",
        }
    }
}

// === impl FleetConfig ===

impl FleetConfig {
    /// A name that can be an instance's, from any text.
    pub fn instance_name(text: &str) -> String {
        let name = text.chars().map(|it| if is_in_name(it) { it } else { '-' });
        let name: String = name.take(MAX_NAME).collect();
        if name.is_empty() { "envoy".to_owned() } else { name }
    }

    /// A number that distinguishes the place of the records from others: the cluster of the store, and the prefix or
    /// namespace in it.
    pub fn store_id(&self) -> u64 {
        let (field, place) = self.store.place();
        hash_64([self.cluster.as_str(), field, place].join("\0").as_bytes())
    }

    /// How long a call to the store may take: two intervals, at least two seconds.
    pub fn call_timeout(&self) -> Duration {
        (self.interval * CALL_INTERVALS).max(MIN_CALL_TIMEOUT)
    }
}

/// How long a fleet takes to begin a ramp; nothing without a valid one.
pub(super) fn start_delay(fleet: &Option<Option<FleetConfig>>) -> Duration {
    let interval = fleet.iter().flatten().map(|it| it.interval);
    interval.sum::<Duration>() * START_INTERVALS
}

/// Checks the `fleet` section.
pub(super) fn check_fleet(
    raw: &RawFleet,
    has_ramp: bool,
    diagnostics: &mut Diagnostics,
) -> Option<FleetConfig> {
    if !has_ramp {
        let fix = "a fleet shares a ramp; add ramp, or remove fleet";
        diagnostics.push(FieldError::unneeded("fleet", fix));
    }
    if raw.store.is_none() {
        diagnostics.push(FieldError::missing("fleet.store", example_fix("fleet.store")));
    }
    let cluster = match &raw.cluster {
        Some(name) => diagnostics.checked("fleet.cluster", name, check_cluster_name),
        None => {
            diagnostics.push(FieldError::missing("fleet.cluster", example_fix("fleet.cluster")));
            None
        }
    };
    let store = check_store(raw, diagnostics);
    let instance = match &raw.instance {
        Some(name) => diagnostics.checked("fleet.instance", name, check_instance).map(Some),
        None => Some(None),
    };
    let (store, cluster, instance) = (store?, cluster?, instance?);
    let default_interval = match &store {
        FleetStoreConfig::Etcd { .. } => ETCD_INTERVAL,
        FleetStoreConfig::Kubernetes { .. } => KUBERNETES_INTERVAL,
    };
    let interval = raw.interval.unwrap_or(default_interval);
    has_ramp.then_some(FleetConfig { store, cluster, instance, interval })
}

fn check_store(raw: &RawFleet, diagnostics: &mut Diagnostics) -> Option<FleetStoreConfig> {
    match raw.store? {
        FleetStoreKind::Etcd => {
            if raw.namespace.is_some() {
                let fix = "only Kubernetes has namespaces; remove fleet.namespace";
                diagnostics.push(FieldError::unneeded("fleet.namespace", fix));
            }
            let prefix = raw.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
            let prefix = diagnostics.checked("fleet.prefix", prefix, check_prefix)?;
            raw.namespace.is_none().then_some(FleetStoreConfig::Etcd { prefix })
        }
        FleetStoreKind::Kubernetes => {
            if raw.prefix.is_some() {
                let fix = "only the keys of etcd have a prefix; remove fleet.prefix";
                diagnostics.push(FieldError::unneeded("fleet.prefix", fix));
            }
            let Some(namespace) = &raw.namespace else {
                let fix = example_fix("fleet.namespace");
                diagnostics.push(FieldError::missing("fleet.namespace", fix));
                return None;
            };
            let namespace = diagnostics.checked("fleet.namespace", namespace, check_namespace)?;
            raw.prefix.is_none().then_some(FleetStoreConfig::Kubernetes { namespace })
        }
    }
}

/// A label of RFC 1123, which Kubernetes requires.
fn check_namespace(name: &str) -> Result<String, &'static str> {
    let is_alphanumeric = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_valid = name.len() <= MAX_NAMESPACE
        && name.starts_with(is_alphanumeric)
        && name.ends_with(is_alphanumeric)
        && name.chars().all(|it| is_alphanumeric(it) || it == '-');
    match is_valid {
        true => Ok(name.to_owned()),
        false => Err(
            "write the name of a namespace: at most 63 of a-z, 0-9 and \"-\", with a letter or \
                      digit at both ends, such as \"verdigris-fleet\"",
        ),
    }
}

fn check_prefix(prefix: &str) -> Result<String, &'static str> {
    let parts = prefix.strip_prefix('/').unwrap_or_default().split('/');
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_in_name);
    match prefix.len() <= MAX_NAME && parts.clone().all(is_part) {
        true => Ok(prefix.to_owned()),
        false => Err(
            "write a path of at most 128 letters, digits, dots, dashes and underscores, with a slash at its \
             beginning and none at its end, such as \"/verdigris\"",
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
