//! gRPC streams to one cluster.

use std::rc::Rc;

use super::super::host_error::HostError;
use super::callouts::Callouts;
use super::hostcalls;
use crate::callout::{Token, grpc_service};
use crate::fleet::etcd::{GrpcError, GrpcMethod, GrpcStreams, StreamEvent};

/// A cluster of Envoy that gRPC streams are opened to.
pub struct StreamCluster {
    callouts: Rc<Callouts>,
    service: Vec<u8>,
}

// === impl StreamCluster ===

impl StreamCluster {
    /// Streams to this cluster.
    pub fn new(callouts: Rc<Callouts>, cluster: &str) -> Self {
        Self { callouts, service: grpc_service(cluster) }
    }
}

impl GrpcStreams for StreamCluster {
    fn open(&self, method: GrpcMethod) -> Result<Token, GrpcError> {
        let not_sent = |it: HostError| GrpcError::NotSent(it.to_string());
        self.callouts.check_grpc().map_err(not_sent)?;
        let stream = hostcalls::open_grpc_stream(&self.service, method).map_err(not_sent)?;
        self.callouts.streams.add(stream);
        Ok(stream)
    }

    fn send(&self, stream: Token, message: &[u8]) -> Result<(), GrpcError> {
        hostcalls::send_grpc_message(stream, message)
            .map_err(|it| GrpcError::NotSent(it.to_string()))
    }

    fn take(&self, stream: Token) -> Option<StreamEvent> {
        self.callouts.streams.take(stream)
    }

    fn cancel(&self, stream: Token) {
        self.callouts.streams.cancel(stream);
    }
}
