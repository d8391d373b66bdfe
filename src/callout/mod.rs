//! Calls that a host makes and answers later, as futures.
//!
//! | file | concept |
//! |---|---|
//! | [`tasks`] | futures that the host polls |
//! | [`pending`] | calls without an answer yet |
//! | [`mod@authority`] | the `:authority` of calls |
//! | [`envoy_service`] | the target of a gRPC call |
//! | [`http`] | HTTP calls, and their responses |

pub mod authority;
pub mod envoy_service;
pub mod http;
pub mod pending;
pub mod tasks;

pub use authority::authority;
pub use envoy_service::grpc_service;
pub use http::{HttpCalls, HttpError, HttpRequest, HttpResponse};
pub use pending::{PendingCall, PendingCalls, Token};
pub use tasks::Tasks;
