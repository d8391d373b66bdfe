//! What the VMs of an Envoy process share: Envoy's shared data, one map for each `vm_id`.
//!
//! | file | concept |
//! |---|---|
//! | [`keys`] | the keys, and the version of what is written |
//! | [`shared_cell`] | one value, changed by compare-and-swap |
//! | [`config_revision`] | which configuration of a rollout is the newest |
//! | [`gauge_owner`] | which VM a rollout's gauges are left to |
//! | [`shared_data`] | the store of a rollout |
//! | [`hostcalls`] | the host calls of all of them |
//! | [`rejections`] | notes of rejected configurations |

pub mod config_revision;
pub mod gauge_owner;
pub mod hostcalls;
pub mod keys;
pub mod rejections;
pub mod running;
pub mod shared_cell;
pub mod shared_data;
