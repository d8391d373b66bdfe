//! One rollout across many Envoys.
//!
//! | file | concept |
//! |---|---|
//! | [`store`] | the store that all instances share |
//! | [`etcd`], [`kubernetes`] | that store in etcd, and in the Kubernetes API |
//! | [`records`], [`format`] | what instances write for each other, and its form |
//! | [`clock`] | the time that they share |
//! | [`generation`] | which of several configurations decides |
//! | [`instance`] | one Envoy: follows, hands over its evidence, and decides if no other instance does |
//! | [`local_evidence`] | what it has seen itself |
//! | [`follower`] | what it knows of what is in force |
//! | `hand_over` | when an instance fills its outbox, and with what |
//! | [`outbox`] | how it hands over evidence, so that each observation counts once |
//! | [`consumption`] | which outboxes were consumed |
//! | `local_rollback` | the rollback that an Envoy makes by itself, before the fleet does |
//! | `publishing` | what an instance puts in force for the workers of its Envoy |
//! | `own_rollback` | the rollback of a ramp that an Envoy ran before it joined the fleet |
//! | `protocol` | what an instance knows of the fleet, and what it has done |
//! | [`turn`], [`deciding`] | whose turn it is to decide, and what a commit means |
//! | `read_outboxes` | the outboxes that one decision takes in |
//! | [`decider`], [`decision_context`], [`memory`] | a decision, made on a copy of the records |
//! | `reconcile_outcome` | what one reconcile of the decider has led to |
//! | [`command`] | an operator's command, given to any instance |
//! | [`keys`] | the keys that all instances have in common |
//! | [`display`] | what an instance reads for the page, and the units' hashes |
//! | [`event`], [`status`] | what happens to an instance, and what its Envoy knows |

pub mod clock;
pub mod command;
pub mod consumption;
pub mod decider;
pub mod deciding;
pub mod decision_context;
pub mod display;
pub mod etcd;
pub mod event;
pub mod follower;
pub mod format;
pub mod generation;
mod hand_over;
pub mod instance;
pub mod keys;
pub mod kubernetes;
pub mod local_evidence;
mod local_rollback;
pub mod memory;
pub mod outbox;
mod own_rollback;
mod protocol;
mod publishing;
mod read_outboxes;
mod reconcile_outcome;
pub mod records;
pub mod status;
pub mod store;
pub mod turn;

pub use consumption::Consumed;
pub use event::FleetEvent;
pub use instance::{FleetInstance, StepContext};
pub use keys::FleetKeys;
pub use records::{InForce, Participant, Participants};
pub use status::FleetStatus;
pub use store::{
    FleetRecord, FleetStore, Folder, FoundRecord, InstanceId, Listing, Revision, StoreError,
    Transaction,
};
