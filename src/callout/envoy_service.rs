//! The target of a gRPC call as Envoy takes it.

use std::borrow::Cow;

use prost::Message;

use super::authority::authority;

/// Source: Envoy's `api/envoy/config/core/v3/grpc_service.proto`.
#[derive(Clone, PartialEq, Eq, Message)]
struct GrpcService {
    #[prost(message, optional, tag = "1")]
    envoy_grpc: Option<EnvoyGrpc>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct EnvoyGrpc {
    #[prost(string, tag = "1")]
    cluster_name: String,
    /// The `:authority` of calls; where it is empty, the cluster's name.
    #[prost(string, tag = "2")]
    authority: String,
}

/// A cluster of Envoy as the target of gRPC calls: a serialised `GrpcService`.
///
/// Envoy also takes a cluster's name, but only where the name is not a serialised `GrpcService` by
/// chance. A call to a cluster `etcds` ends Envoy's process.
pub fn grpc_service(cluster: &str) -> Vec<u8> {
    let authority = match authority(cluster) {
        Cow::Borrowed(_) => String::new(),
        Cow::Owned(authority) => authority,
    };
    let envoy_grpc = Some(EnvoyGrpc { cluster_name: cluster.to_owned(), authority });
    GrpcService { envoy_grpc }.encode_to_vec()
}
