//! What the VMs of an Envoy process share: Envoy's shared data, one map for each `vm_id`.
//!
//! | file | concept |
//! |---|---|
//! | [`keys`] | the keys, and the version of what is written |
//! | [`shared_cell`] | one value, changed by compare-and-swap |
//! | [`lease`] | which VM reconciles a ramp |
//! | [`config_revision`] | which configuration of a rollout is the newest |
//! | [`history`] | which shares were in force when |
//! | [`seen_units`] | the units that the gates have seen, in pieces |
//! | [`rejections`] | notes of rejected configurations |

pub mod config_revision;
pub mod history;
pub mod keys;
pub mod lease;
pub mod rejections;
pub mod seen_units;
pub mod shared_cell;
