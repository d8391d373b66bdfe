//! A gRPC call, its failure, and whether it may have taken effect.

use std::fmt;

use super::super::store::StoreError;

/// Makes gRPC calls.
pub trait GrpcCalls {
    /// Calls a method with a message. Returns the message of the answer.
    ///
    /// # Errors
    /// The status of the answer, if it is not OK; that the call was not sent.
    fn call(
        &self,
        method: GrpcMethod,
        message: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, GrpcError>>;
}

/// A method of a gRPC service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcMethod {
    /// The service, with its package.
    pub service: &'static str,
    /// The method.
    pub method: &'static str,
}

/// Why a gRPC call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcError {
    /// The call was not sent, for this reason.
    NotSent(String),
    /// The call has ended with this status, which is not OK. It is the server's, or that of a
    /// proxy on the way.
    Status {
        /// The code.
        code: u32,
        /// The server's message.
        message: String,
    },
}

// === impl GrpcMethod ===

impl GrpcMethod {
    /// A transaction on keys.
    pub const TXN: Self = Self { service: "etcdserverpb.KV", method: "Txn" };
    /// A stream of changes.
    pub const WATCH: Self = Self { service: "etcdserverpb.Watch", method: "Watch" };
}

// === impl GrpcError ===

/// The names of the status codes, from 0. Source: gRPC, `doc/statuscodes.md`.
const STATUS_NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Status codes by which etcd, or a proxy before it, refuses a request before it is applied.
const REFUSALS: [&str; 8] = [
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "UNAUTHENTICATED",
];

/// What etcd answers, as UNAVAILABLE, where a member refuses a request since it has no leader.
/// Source: etcd 3.4, `ErrGRPCNoLeader` in `etcdserver/api/v3rpc/rpctypes/error.go`.
const NO_LEADER: &str = "etcdserver: no leader";

impl GrpcError {
    /// Whether the server may have done what the call asks for, or may still do it.
    ///
    /// UNAVAILABLE and DEADLINE_EXCEEDED are also what Envoy answers for a connection that ended
    /// after the request was sent.
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::NotSent(_) => false,
            Self::Status { message, .. } if message == NO_LEADER => false,
            Self::Status { code, .. } => {
                status_name(*code).is_none_or(|name| !REFUSALS.contains(&name))
            }
        }
    }

    /// Whether the server was not available. Another member of the cluster may be.
    pub fn is_unavailable(&self) -> bool {
        let Self::Status { code, .. } = self else { return false };
        status_name(*code) == Some("UNAVAILABLE")
    }

    /// The failure of a call that writes.
    pub fn of_write(self) -> StoreError {
        let text = self.to_string();
        match self.may_have_taken_effect() {
            true => StoreError::Unknown(text),
            false => StoreError::Failed(text),
        }
    }

    /// The failure of a call that only reads.
    pub fn of_read(self) -> StoreError {
        StoreError::Failed(self.to_string())
    }
}

impl fmt::Display for GrpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "the call to etcd was not sent: {why}"),
            Self::Status { code, message } => {
                match status_name(*code) {
                    Some(name) => write!(f, "etcd answers {name}")?,
                    None => write!(f, "etcd answers the unknown status {code}")?,
                }
                if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
            }
        }
    }
}

fn status_name(code: u32) -> Option<&'static str> {
    STATUS_NAMES.get(usize::try_from(code).ok()?).copied()
}
