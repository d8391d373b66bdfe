//! The store of a fleet in etcd, by the gRPC API `etcdserverpb` of etcd 3.4 and later.
//!
//! | file | concept |
//! |---|---|
//! | [`message`] | the messages that are used |
//! | [`grpc`] | a call, its failure, and whether it may have taken effect |
//! | [`keys`] | the keys of the records |
//! | [`transaction`] | a transaction as one request, and its answer |
//! | [`page`] | a part of a folder as one request, and its answer |
//! | [`identity`] | whether it is the etcd that answered before, with all its writes |
//! | [`watch`] | changes that etcd sends by itself |
//! | [`watch_stream`] | the stream that they come by |
//! | [`store`] | all of it as a [`FleetStore`](super::FleetStore) |
//!
//! **Every request is a `Txn`**, also one that only reads. A `RangeResponse` that has lost its end is
//! a valid one in which the record does not exist. The answer to a `Txn` says whether it succeeded,
//! and contains one answer for each operation, so that a lost end is always noticed.

pub mod grpc;
pub mod identity;
pub mod keys;
pub mod message;
pub mod page;
pub mod store;
pub mod transaction;
pub mod watch;
pub mod watch_stream;

pub use grpc::{GrpcCalls, GrpcError, GrpcMethod};
pub use keys::Keys;
pub use store::EtcdStore;
pub use watch::{Watch, WatchError};
pub use watch_stream::{GrpcStreams, StreamEvent, WatchStream};
