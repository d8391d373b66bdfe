//! The store of a fleet in the Kubernetes API: ConfigMaps of one namespace, by HTTPS.
//!
//! | file | concept |
//! |---|---|
//! | [`names`] | the names, labels and paths of the objects |
//! | [`object`] | a ConfigMap as JSON, and what is read of it |
//! | [`base64`] | bytes as text |
//! | [`answer`] | an answer, its failure, and whether the request may have taken effect |
//! | [`page`] | a part of a list, as one request |
//! | `lists` | the lists of a rollout's objects |
//! | [`change`] | a transaction as a change of the rollout's object |
//! | [`chunks`] | the objects of full chunks of units, and when they can be deleted |
//! | [`units`] | the log of seen units in these objects |
//! | [`store`] | all of it as a [`FleetStore`](super::FleetStore) |
//!
//! **Objects.** The API writes one object at a time, so that everything that one decision writes is in
//! one ConfigMap, the rollout's. It is changed by a merge patch with `metadata.resourceVersion`, which
//! the API refuses with 409 where another instance has written. Each outbox is an object of its own.
//! Which outboxes a decision has consumed is in the decision, by their sequence numbers, so that the
//! resource versions of two objects are never compared.
//!
//! What is in force is an annotation of the rollout's object. So an instance that follows reads
//! metadata alone, a few kilobytes (`PartialObjectMetadata`), and never evidence.
//!
//! An object holds 1 MiB. The log of seen units can be larger: a chunk that is full, 64 KiB, becomes an
//! object of its own, which is never changed. It is created before the decision that refers to it, and
//! deleted after one that does not.
//!
//! **No watch.** A call of a VM is answered as a whole. A `watch` with `timeoutSeconds` would deliver a
//! change only at its end, as late as polling does, and would hold a connection and a watcher in the
//! API server meanwhile. So instances poll.
//!
//! Sources: the API conventions of Kubernetes (`resourceVersion`, optimistic concurrency, lists in
//! chunks), RFC 7396 for merge patches.

pub mod answer;
pub mod base64;
pub mod change;
pub mod chunks;
mod lists;
pub mod names;
pub mod object;
pub mod page;
pub mod store;
pub mod units;

pub use names::Names;
pub use store::KubernetesStore;
