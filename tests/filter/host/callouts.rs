//! The call-outs of the module, which a test answers.

use std::collections::BTreeMap;

use prost::Message;
use wasmi::Linker;

use super::abi::{Host, OK, give, host_call, read, write_u32};
use super::vm::{State, Vm};

const BAD_ARGUMENT: u32 = 2;
const INTERNAL_FAILURE: u32 = 10;

/// What the module has sent, and what the host has for it in a callback.
#[derive(Debug, Default)]
pub struct Callouts {
    /// The clusters that exist.
    pub clusters: Vec<String>,
    /// The calls and streams that are open, by their tokens.
    pub open: BTreeMap<u32, Callout>,
    /// The tokens that the module has cancelled.
    pub cancelled: Vec<u32>,
    /// The messages that the module has sent on streams.
    pub sent: Vec<(u32, Vec<u8>)>,
    last_token: u32,
    message: Vec<u8>,
    status_message: String,
    response_headers: Vec<(String, Vec<u8>)>,
}

/// A call or a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callout {
    /// A gRPC call to a method, such as `etcdserverpb.KV/Txn`.
    Grpc { cluster: String, method: String, message: Vec<u8>, timeout_ms: u32 },
    /// A gRPC stream of a method.
    Stream { cluster: String, method: String },
    /// An HTTP call.
    Http { cluster: String, body: Vec<u8>, timeout_ms: u32 },
}

/// The part of Envoy's message that the emulator knows.
#[derive(Clone, PartialEq, Message)]
struct GrpcService {
    #[prost(message, optional, tag = "1")]
    envoy_grpc: Option<EnvoyGrpc>,
}

#[derive(Clone, PartialEq, Message)]
struct EnvoyGrpc {
    #[prost(string, tag = "1")]
    cluster_name: String,
}

impl Callouts {
    /// The buffer of a callback; `None` where the host has no such buffer.
    pub(super) fn buffer(&self, buffer: u32) -> Option<&[u8]> {
        const HTTP_CALL_RESPONSE_BODY: u32 = 4;
        const GRPC_RECEIVE_BUFFER: u32 = 5;
        [HTTP_CALL_RESPONSE_BODY, GRPC_RECEIVE_BUFFER].contains(&buffer).then_some(&self.message)
    }

    /// The headers of the response in a callback; `None` where the map is another one.
    pub(super) fn headers(&self, map: u32) -> Option<&[(String, Vec<u8>)]> {
        const HTTP_CALL_RESPONSE_HEADERS: u32 = 6;
        (map == HTTP_CALL_RESPONSE_HEADERS).then_some(&self.response_headers)
    }

    /// Opens a call or a stream, as Envoy does, where its cluster exists.
    fn open(&mut self, cluster: &str, callout: Callout) -> Option<u32> {
        if !self.clusters.iter().any(|it| it == cluster) {
            return None;
        }
        self.last_token += 1;
        self.open.insert(self.last_token, callout);
        Some(self.last_token)
    }
}

/// The cluster of a service. Envoy ends its process where the message has no target.
fn cluster_of(service: &[u8]) -> String {
    let service = GrpcService::decode(service).expect("a serialised GrpcService");
    service.envoy_grpc.expect("a GrpcService with a target").cluster_name
}

fn text(host: &Host<'_>, data: u32, size: u32) -> String {
    String::from_utf8(read(host, data, size)).unwrap()
}

pub(super) fn link(linker: &mut Linker<State>) {
    host_call!(linker, proxy_grpc_call(
        host, service: u32, service_size: u32, name: u32, name_size: u32, method: u32,
        method_size: u32, _metadata: u32, _metadata_size: u32, message: u32, message_size: u32,
        timeout_ms: u32, token: u32
    ) {
        let cluster = cluster_of(&read(&host, service, service_size));
        let method =
            format!("{}/{}", text(&host, name, name_size), text(&host, method, method_size));
        let message = read(&host, message, message_size);
        let call = Callout::Grpc { cluster: cluster.clone(), method, message, timeout_ms };
        opened(&mut host, &cluster, call, token, INTERNAL_FAILURE)
    });
    host_call!(linker, proxy_grpc_stream(
        host, service: u32, service_size: u32, name: u32, name_size: u32, method: u32,
        method_size: u32, _metadata: u32, _metadata_size: u32, token: u32
    ) {
        let cluster = cluster_of(&read(&host, service, service_size));
        let method =
            format!("{}/{}", text(&host, name, name_size), text(&host, method, method_size));
        let stream = Callout::Stream { cluster: cluster.clone(), method };
        opened(&mut host, &cluster, stream, token, INTERNAL_FAILURE)
    });
    host_call!(linker, proxy_http_call(
        host, cluster: u32, cluster_size: u32, _headers: u32, _headers_size: u32, body: u32,
        body_size: u32, _trailers: u32, _trailers_size: u32, timeout_ms: u32, token: u32
    ) {
        let cluster = text(&host, cluster, cluster_size);
        let body = read(&host, body, body_size);
        let call = Callout::Http { cluster: cluster.clone(), body, timeout_ms };
        opened(&mut host, &cluster, call, token, BAD_ARGUMENT)
    });
    host_call!(linker, proxy_grpc_send(
        host, stream: u32, message: u32, message_size: u32, _end_stream: u32
    ) {
        const NOT_FOUND: u32 = 1;
        let message = read(&host, message, message_size);
        let callouts = &mut host.data_mut().callouts;
        if !callouts.open.contains_key(&stream) {
            return NOT_FOUND;
        }
        callouts.sent.push((stream, message));
        OK
    });
    host_call!(linker, proxy_grpc_cancel(host, token: u32) {
        const NOT_FOUND: u32 = 1;
        let callouts = &mut host.data_mut().callouts;
        callouts.cancelled.push(token);
        if callouts.open.remove(&token).is_some() { OK } else { NOT_FOUND }
    });
    host_call!(linker, proxy_get_status(host, code: u32, value: u32, value_size: u32) {
        write_u32(&mut host, code, 0);
        let message = host.data().callouts.status_message.clone();
        give(&mut host, message.as_bytes(), value, value_size)
    });
}

fn opened(host: &mut Host<'_>, cluster: &str, callout: Callout, token: u32, refused: u32) -> u32 {
    match host.data_mut().callouts.open(cluster, callout) {
        Some(opened) => {
            write_u32(host, token, opened);
            OK
        }
        None => refused,
    }
}

impl Vm {
    pub fn callouts(&mut self) -> &mut Callouts {
        &mut self.state_mut().callouts
    }

    /// Answers a gRPC call, or sends a message on a stream.
    pub fn receive_grpc(&mut self, root: u32, token: u32, message: &[u8]) {
        let callouts = self.callouts();
        if matches!(callouts.open.get(&token), Some(Callout::Grpc { .. })) {
            callouts.open.remove(&token);
        }
        callouts.message = message.to_vec();
        let size = u32::try_from(message.len()).unwrap();
        self.call("proxy_on_grpc_receive", &[root, token, size]);
    }

    /// Ends a gRPC call or stream with a status.
    pub fn close_grpc(&mut self, root: u32, token: u32, status: u32, message: &str) {
        let callouts = self.callouts();
        callouts.open.remove(&token);
        callouts.status_message = message.to_owned();
        self.call("proxy_on_grpc_close", &[root, token, status]);
        self.callouts().status_message.clear();
    }

    /// Answers an HTTP call. Without headers the response was cut short.
    pub fn receive_http(&mut self, root: u32, token: u32, headers: &[(&str, &str)], body: &[u8]) {
        let callouts = self.callouts();
        callouts.open.remove(&token);
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        callouts.response_headers = headers.iter().map(pair).collect();
        callouts.message = body.to_vec();
        let count = u32::try_from(headers.len()).unwrap();
        let size = u32::try_from(body.len()).unwrap();
        self.call("proxy_on_http_call_response", &[root, token, count, size, 0]);
    }
}
