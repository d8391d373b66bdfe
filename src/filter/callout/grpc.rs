//! gRPC calls to one cluster.

use std::rc::Rc;
use std::time::Duration;

use super::callouts::Callouts;
use super::hostcalls;
use crate::callout::grpc_service;
use crate::fleet::etcd::{GrpcCalls, GrpcError, GrpcMethod};

/// A cluster of Envoy that gRPC calls are made to.
pub struct GrpcCluster {
    callouts: Rc<Callouts>,
    /// As Envoy takes it.
    service: Vec<u8>,
    timeout: Duration,
}

// === impl GrpcCluster ===

impl GrpcCluster {
    /// A cluster whose calls end after `timeout`; 0 means no time-out.
    pub fn new(callouts: Rc<Callouts>, cluster: &str, timeout: Duration) -> Self {
        Self { callouts, service: grpc_service(cluster), timeout }
    }
}

impl GrpcCalls for GrpcCluster {
    async fn call(&self, method: GrpcMethod, message: Vec<u8>) -> Result<Vec<u8>, GrpcError> {
        self.callouts.check_grpc().map_err(|it| GrpcError::NotSent(it.to_string()))?;
        let send = || {
            hostcalls::grpc_call(&self.service, method, &message, self.timeout)
                .map_err(|it| GrpcError::NotSent(it.to_string()))
        };
        let too_many = |most| GrpcError::NotSent(format!("{most} calls are under way"));
        self.callouts.grpc_calls.send(send, too_many)?.await
    }
}
