//! The calls and tasks of one root context.

use std::cell::OnceCell;
use std::rc::Rc;

use super::super::host_error::HostError;
use super::hostcalls;
use super::http_response::{HttpError, HttpResponse, receive};
use super::stream_events::Streams;
use crate::callout::{PendingCalls, Tasks, Token};
use crate::fleet::etcd::GrpcError;

/// How many calls of each kind a root context has at once. Envoy's default circuit breaker has 1024
/// for all workers.
const MAX_CALLS: usize = 64;

/// The calls and tasks of one root context.
pub struct Callouts {
    context_id: u32,
    tasks: Tasks,
    pub(super) grpc_calls: Rc<PendingCalls<Result<Vec<u8>, GrpcError>>>,
    pub(super) http_calls: Rc<PendingCalls<Result<HttpResponse, HttpError>>>,
    pub(super) streams: Streams,
    grpc_check: OnceCell<Result<(), HostError>>,
    http_check: OnceCell<Result<(), HostError>>,
}

// === impl Callouts ===

impl Callouts {
    /// Without calls. Asks nothing of the host.
    pub fn new(context_id: u32) -> Rc<Self> {
        Rc::new(Self {
            context_id,
            tasks: Tasks::default(),
            grpc_calls: PendingCalls::new(MAX_CALLS, hostcalls::cancel_grpc),
            // The host has no call to cancel an HTTP call. Its answer is dropped.
            http_calls: PendingCalls::new(MAX_CALLS, |_| {}),
            streams: Streams::default(),
            grpc_check: OnceCell::new(),
            http_check: OnceCell::new(),
        })
    }

    /// The root context.
    pub fn context_id(&self) -> u32 {
        self.context_id
    }

    /// Adds a task, which begins with the root context's next callback.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn(task);
    }

    /// Continues all tasks. Only in a callback of the root context.
    pub fn poll(&self) {
        self.tasks.poll();
    }

    /// Drops all tasks, and cancels their calls and streams.
    pub fn cancel_all(&self) {
        self.tasks.cancel_all();
        self.streams.cancel_all();
    }

    /// Whether the host allows gRPC calls. Only the first check calls the host.
    pub(super) fn check_grpc(&self) -> Result<(), HostError> {
        *self.grpc_check.get_or_init(|| hostcalls::check_grpc(self.context_id))
    }

    /// Whether the host allows HTTP calls. Only the first check calls the host.
    pub(super) fn check_http(&self) -> Result<(), HostError> {
        *self.http_check.get_or_init(|| hostcalls::check_http(self.context_id))
    }

    /// A gRPC call has ended with a status, or with a message of this size.
    pub fn on_grpc_response(&self, token: Token, status: u32, size: usize) {
        let answer = match status {
            0 => hostcalls::grpc_message(size).map_err(|error| {
                const INTERNAL: u32 = 13;
                GrpcError::Status { code: INTERNAL, message: error.to_string() }
            }),
            code => Err(GrpcError::Status { code, message: hostcalls::grpc_status_message() }),
        };
        self.grpc_calls.complete(token, answer);
        self.poll();
    }

    /// A gRPC stream has received a message of this size.
    pub fn on_stream_message(&self, stream: Token, size: usize) {
        self.streams.receive(stream, size, || hostcalls::grpc_message(size));
        self.poll();
    }

    /// A gRPC stream has ended with this status.
    pub fn on_stream_close(&self, stream: Token, code: u32) {
        let message = hostcalls::grpc_status_message();
        self.streams.close(stream, GrpcError::Status { code, message });
        self.poll();
    }

    /// An HTTP call has ended.
    pub fn on_http_response(&self, token: Token, header_count: usize, body_size: usize) {
        self.http_calls.complete(token, receive(header_count, body_size));
        self.poll();
    }
}
