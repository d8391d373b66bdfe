//! Calls from a root context to clusters of Envoy.
//!
//! | file | concept |
//! |---|---|
//! | [`callouts`] | the calls and tasks of one root context |
//! | [`grpc`] | gRPC calls to one cluster |
//! | [`streams`], [`stream_events`] | gRPC streams to one cluster, and what they have received |
//! | [`http`], [`http_response`] | HTTP calls, and their responses |
//! | [`hostcalls`] | the host calls of all of them |
//!
//! Envoy calls back only root contexts: a stream's context is gone when the answer comes. So the
//! tasks of [`Callouts`] are polled in callbacks of the root context alone, and there they make their
//! calls. Any callback may spawn one.

pub mod callouts;
pub mod grpc;
mod hostcalls;
pub mod http;
pub mod http_response;
mod stream_events;
pub mod streams;

pub use callouts::Callouts;
