//! The host calls of call-outs.
//!
//! Answers are routed by the SDK's dispatcher, which drops those of calls that it has not made. So
//! calls are made by the SDK. It panics on a status that it does not list. Envoy 1.40 answers a call
//! that `capability_restriction_config` leaves out with one that the SDK lists, but other hosts do not;
//! and before each answer the SDK sets the context, where it accepts no refusal. So [`check_grpc`] and
//! [`check_http`] make each call once without the SDK, with arguments that the host refuses.
#![allow(unsafe_code, reason = "the host is reached through foreign functions")]

use std::ptr::null;
use std::time::Duration;

use proxy_wasm::hostcalls as sdk;
use proxy_wasm::types::{BufferType, Bytes, MapType, Status};

use super::super::host_error::HostError;
use super::super::hostcalls;
use crate::callout::{Token, grpc_service};
use crate::fleet::etcd::GrpcMethod;

#[rustfmt::skip]
mod abi {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn proxy_grpc_call(
            service: *const u8, service_size: usize, name: *const u8, name_size: usize,
            method: *const u8, method_size: usize, metadata: *const u8, metadata_size: usize,
            message: *const u8, message_size: usize, timeout_ms: u32, token: *mut u32
        ) -> u32;
        pub fn proxy_grpc_stream(
            service: *const u8, service_size: usize, name: *const u8, name_size: usize,
            method: *const u8, method_size: usize, metadata: *const u8, metadata_size: usize,
            token: *mut u32
        ) -> u32;
        pub fn proxy_grpc_send(
            token: u32, message: *const u8, message_size: usize, end_stream: u32
        ) -> u32;
        pub fn proxy_grpc_cancel(token: u32) -> u32;
        pub fn proxy_get_status(code: *mut u32, message: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_http_call(
            cluster: *const u8, cluster_size: usize, headers: *const u8, headers_size: usize,
            body: *const u8, body_size: usize, trailers: *const u8, trailers_size: usize,
            timeout_ms: u32, token: *mut u32
        ) -> u32;
    }
}

/// Whether this context may make gRPC calls and streams.
///
/// # Errors
/// The status of a call that the host leaves out.
pub fn check_grpc(context_id: u32) -> Result<(), HostError> {
    // No cluster has an empty name.
    let nowhere = grpc_service("");
    let (service, size) = (nowhere.as_ptr(), nowhere.len());
    let mut token = 0;
    // SAFETY: `nowhere` outlives the calls, and the host reads no bytes of texts without length. It
    // writes a number to `token`.
    let (call, stream) = unsafe {
        (
            abi::proxy_grpc_call(
                service,
                size,
                null(),
                0,
                null(),
                0,
                null(),
                0,
                null(),
                0,
                1,
                &mut token,
            ),
            abi::proxy_grpc_stream(service, size, null(), 0, null(), 0, null(), 0, &mut token),
        )
    };
    check_refusal(call)?;
    check_refusal(stream)?;
    check_context(context_id)
}

/// Whether this context may make HTTP calls.
///
/// # Errors
/// The status of a call that the host leaves out.
pub fn check_http(context_id: u32) -> Result<(), HostError> {
    let mut token = 0;
    // SAFETY: the host reads no bytes of texts without length. It writes a number to `token`.
    let status =
        unsafe { abi::proxy_http_call(null(), 0, null(), 0, null(), 0, null(), 0, 1, &mut token) };
    check_refusal(status)?;
    check_context(context_id)
}

/// Checks that a call was refused because of its arguments.
fn check_refusal(status: u32) -> Result<(), HostError> {
    let is_allowed =
        [Status::Ok, Status::BadArgument, Status::ParseFailure, Status::InternalFailure]
            .iter()
            .any(|it| *it as u32 == status);
    if is_allowed { Ok(()) } else { HostError::check(status) }
}

/// The SDK sets the context before each callback with an answer, and panics if it cannot.
fn check_context(context_id: u32) -> Result<(), HostError> {
    hostcalls::set_effective_context(context_id)
}

/// Makes a gRPC call to a serialised `GrpcService`. After [`check_grpc`], and in a callback of the
/// root context.
pub fn grpc_call(
    service: &[u8],
    GrpcMethod { service: name, method }: GrpcMethod,
    message: &[u8],
    timeout: Duration,
) -> Result<Token, HostError> {
    let service = text_for_host(service);
    sdk::dispatch_grpc_call(service, name, method, Vec::new(), Some(message), timeout)
        .map_err(HostError::from)
}

/// Opens a gRPC stream, as [`grpc_call`] makes a call.
pub fn open_grpc_stream(
    service: &[u8],
    GrpcMethod { service: name, method }: GrpcMethod,
) -> Result<Token, HostError> {
    sdk::open_grpc_stream(text_for_host(service), name, method, Vec::new()).map_err(HostError::from)
}

/// The SDK takes the service as a text, which a length of 128 or more is not.
fn text_for_host(bytes: &[u8]) -> &str {
    // SAFETY: a `str` that is not UTF-8 is not undefined behaviour in itself; functions on it may be.
    // The SDK calls none but `as_ptr` and `len`, which do not read it.
    unsafe { str::from_utf8_unchecked(bytes) }
}

/// Sends a message on a gRPC stream.
pub fn send_grpc_message(stream: Token, message: &[u8]) -> Result<(), HostError> {
    // SAFETY: `message` outlives the call; the host only reads it.
    HostError::check(unsafe { abi::proxy_grpc_send(stream, message.as_ptr(), message.len(), 0) })
}

/// Cancels a gRPC call or stream. The host may have ended it already.
pub fn cancel_grpc(token: Token) {
    // SAFETY: no memory is shared.
    unsafe { abi::proxy_grpc_cancel(token) };
}

/// The message that the host passes in a gRPC callback.
pub fn grpc_message(size: usize) -> Result<Bytes, HostError> {
    hostcalls::buffer(BufferType::GrpcReceiveBuffer, size)
}

/// The text of the gRPC status that the host passes in a callback; empty where there is none.
pub fn grpc_status_message() -> String {
    let mut code = 0;
    // SAFETY: the host writes a number to `code`, and to the two places as `receive` says.
    let message =
        hostcalls::receive(|value, size| unsafe { abi::proxy_get_status(&mut code, value, size) });
    String::from_utf8_lossy(&message.unwrap_or_default()).into_owned()
}

/// Makes an HTTP call to a cluster. After [`check_http`], and in a callback of the root context.
pub fn http_call(
    cluster: &str,
    headers: Vec<(&str, &str)>,
    body: &[u8],
    timeout: Duration,
) -> Result<Token, HostError> {
    sdk::dispatch_http_call(cluster, headers, Some(body), Vec::new(), timeout)
        .map_err(HostError::from)
}

/// A header of the response that the host passes in a callback.
pub fn http_response_header(name: &str) -> Option<Bytes> {
    hostcalls::header(MapType::HttpCallResponseHeaders, name)
}

/// The body of the response that the host passes in a callback.
pub fn http_response_body(size: usize) -> Result<Bytes, HostError> {
    hostcalls::buffer(BufferType::HttpCallResponseBody, size)
}
