//! Calls to the host by proxy-wasm ABI 0.2.1, except those of shared data (`store/hostcalls.rs`) and of
//! call-outs (`callout/hostcalls.rs`).
//!
//! Types are the SDK's. The calls are not: each function of `proxy_wasm::hostcalls` panics on a
//! status that it does not list, and a panic traps the VM and ends every stream of its worker. Envoy
//! answers such statuses where `capability_restriction_config` leaves a call out, and where a header
//! map is read outside its phase. So this file declares its own imports, reads the status as a number,
//! and returns what the host refuses as a [`HostError`]. Values are bytes, since the SDK's texts panic
//! on what is not UTF-8. Source: the proxy-wasm specification, `abi-versions/v0.2.1`.
#![allow(unsafe_code, reason = "the host is reached through foreign functions")]

use std::ptr::null_mut;

use proxy_wasm::types::{BufferType, Bytes, MapType, MetricType};

use super::header_map::{HeaderMap, serialize};
use super::host_error::HostError;

/// A counter, gauge or histogram that the host knows in this VM.
#[derive(Clone, Copy, Debug)]
pub struct MetricId(u32);

#[rustfmt::skip]
mod abi {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
        pub fn proxy_get_log_level(level: *mut u32) -> u32;
        pub fn proxy_get_buffer_bytes(
            buffer: u32, start: usize, max_size: usize, value: *mut *mut u8, size: *mut usize
        ) -> u32;
        pub fn proxy_set_buffer_bytes(
            buffer: u32, start: usize, end: usize, value: *const u8, size: usize
        ) -> u32;
        pub fn proxy_get_header_map_value(
            map: u32, key: *const u8, key_size: usize, value: *mut *mut u8, size: *mut usize
        ) -> u32;
        pub fn proxy_get_header_map_pairs(map: u32, value: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_replace_header_map_value(
            map: u32, key: *const u8, key_size: usize, value: *const u8, size: usize
        ) -> u32;
        pub fn proxy_add_header_map_value(
            map: u32, key: *const u8, key_size: usize, value: *const u8, size: usize
        ) -> u32;
        pub fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
        pub fn proxy_continue_stream(stream: u32) -> u32;
        pub fn proxy_send_local_response(
            status: u32, details: *const u8, details_size: usize, body: *const u8,
            body_size: usize, headers: *const u8, headers_size: usize, grpc_status: i32
        ) -> u32;
        pub fn proxy_get_property(
            path: *const u8, path_size: usize, value: *mut *mut u8, size: *mut usize
        ) -> u32;
        pub fn proxy_set_property(
            path: *const u8, path_size: usize, value: *const u8, size: usize
        ) -> u32;
        pub fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32;
        pub fn proxy_increment_metric(id: u32, offset: i64) -> u32;
        pub fn proxy_get_metric(id: u32, value: *mut u64) -> u32;
        pub fn proxy_record_metric(id: u32, value: u64) -> u32;
        pub fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub fn proxy_set_effective_context(context: u32) -> u32;
        pub fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
        pub fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u32;
        pub fn environ_get(places: *mut *mut u8, variables: *mut u8) -> u32;
    }
}

/// Calls the host for a value. `call` gets the places of its address and its size.
pub(super) fn receive(
    call: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Bytes, HostError> {
    let (mut data, mut size) = (null_mut(), 0);
    HostError::check(call(&mut data, &mut size))?;
    // The host allocates nothing for a value without bytes.
    if data.is_null() {
        return Ok(Bytes::new());
    }
    // SAFETY: the host has got the memory from the SDK's `proxy_on_memory_allocate`, which leaks a boxed
    // slice of that size. It has filled the memory, and does not use it after the call.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// Calls the host for a number. `call` gets its place.
pub(super) fn receive_number<T: Default>(call: impl FnOnce(&mut T) -> u32) -> Result<T, HostError> {
    let mut number = T::default();
    HostError::check(call(&mut number))?;
    Ok(number)
}

/// The plugin configuration; empty if there is none.
pub fn plugin_configuration() -> Result<Bytes, HostError> {
    buffer(BufferType::PluginConfiguration, usize::MAX)
}

/// The first `size` bytes of the buffered request body.
pub fn request_body(size: usize) -> Result<Bytes, HostError> {
    buffer(BufferType::HttpRequestBody, size)
}

/// Replaces the buffered request body.
pub fn set_request_body(body: &[u8]) -> Result<(), HostError> {
    set_buffer(BufferType::HttpRequestBody, body)
}

fn set_buffer(buffer: BufferType, bytes: &[u8]) -> Result<(), HostError> {
    // SAFETY: `bytes` outlives the call; the host only reads it.
    HostError::check(unsafe {
        abi::proxy_set_buffer_bytes(buffer as u32, 0, usize::MAX, bytes.as_ptr(), bytes.len())
    })
}

/// The first `size` bytes of the current chunk of the response body.
pub fn response_body(size: usize) -> Result<Bytes, HostError> {
    buffer(BufferType::HttpResponseBody, size)
}

/// The first `size` bytes of a buffer.
pub(super) fn buffer(buffer: BufferType, size: usize) -> Result<Bytes, HostError> {
    // SAFETY: the host writes to the two places, as `receive` says.
    receive(|value, value_size| unsafe {
        abi::proxy_get_buffer_bytes(buffer as u32, 0, size, value, value_size)
    })
}

/// The first value of a request header; `None` if there is none.
pub fn request_header(name: &str) -> Option<Bytes> {
    header(MapType::HttpRequestHeaders, name)
}

/// All headers of the request; cheaper than two of them by name.
pub fn request_headers() -> Result<HeaderMap, HostError> {
    headers(MapType::HttpRequestHeaders)
}

/// The first value of a response header; `None` if there is none.
pub fn response_header(name: &str) -> Option<Bytes> {
    header(MapType::HttpResponseHeaders, name)
}

/// All headers of the response; cheaper than two of them by name.
pub fn response_headers() -> Result<HeaderMap, HostError> {
    headers(MapType::HttpResponseHeaders)
}

fn headers(map: MapType) -> Result<HeaderMap, HostError> {
    // SAFETY: the host writes to the two places, as `receive` says.
    let pairs =
        receive(|value, size| unsafe { abi::proxy_get_header_map_pairs(map as u32, value, size) });
    pairs.map(HeaderMap::new)
}

/// The first value of a header; `None` if there is none.
pub(super) fn header(map: MapType, name: &str) -> Option<Bytes> {
    // SAFETY: `name` outlives the call, and the host writes as `receive` says.
    receive(|value, size| unsafe {
        abi::proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), value, size)
    })
    .ok()
}

/// The first value of a response trailer; `None` if there is none.
pub fn response_trailer(name: &str) -> Option<Bytes> {
    header(MapType::HttpResponseTrailers, name)
}

/// An attribute of Envoy by its path, whose parts are separated by zero bytes.
pub fn property(path: &[u8]) -> Result<Bytes, HostError> {
    // SAFETY: `path` outlives the call, and the host writes as `receive` says.
    receive(|value, size| unsafe {
        abi::proxy_get_property(path.as_ptr(), path.len(), value, size)
    })
}

/// Sets a request header to one value. Envoy resolves the route again.
pub fn replace_request_header(name: &str, value: &str) -> Result<(), HostError> {
    write_header(abi::proxy_replace_header_map_value, MapType::HttpRequestHeaders, name, value)
}

/// Replaces what there is of a response header, also `:status`.
pub fn replace_response_header(name: &str, value: &str) -> Result<(), HostError> {
    write_header(abi::proxy_replace_header_map_value, MapType::HttpResponseHeaders, name, value)
}

/// Replaces the current chunk of the response body.
pub fn set_response_body(body: &[u8]) -> Result<(), HostError> {
    set_buffer(BufferType::HttpResponseBody, body)
}

/// Continues the request of the stream that is the effective context.
pub fn continue_request() -> Result<(), HostError> {
    const HTTP_REQUEST: u32 = 0;
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_continue_stream(HTTP_REQUEST) })
}

/// Adds a response header. Others of the same name stay.
pub fn add_response_header(name: &str, value: &str) -> Result<(), HostError> {
    write_header(abi::proxy_add_header_map_value, MapType::HttpResponseHeaders, name, value)
}

/// Removes a request header. Envoy resolves the route again.
pub fn remove_request_header(name: &str) -> Result<(), HostError> {
    // SAFETY: `name` outlives the call; the host only reads it.
    HostError::check(unsafe {
        let map = MapType::HttpRequestHeaders as u32;
        abi::proxy_remove_header_map_value(map, name.as_ptr(), name.len())
    })
}

fn write_header(
    call: unsafe extern "C" fn(u32, *const u8, usize, *const u8, usize) -> u32,
    map: MapType,
    name: &str,
    value: &str,
) -> Result<(), HostError> {
    // SAFETY: `call` is one of the imports that take a map, a name and a value. Both texts outlive the
    // call; the host only reads them.
    HostError::check(unsafe {
        call(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Answers the current request. Envoy does not send it upstream.
pub fn send_local_response(
    status: u32,
    details: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(), HostError> {
    const NO_GRPC: i32 = -1;
    let headers = serialize(headers);
    // SAFETY: all texts outlive the call; the host only reads them.
    HostError::check(unsafe {
        abi::proxy_send_local_response(
            status,
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC,
        )
    })
}

/// Sets the stream's filter state `wasm.<name>`. A client cannot forge it.
pub fn set_filter_state(name: &str, value: &str) -> Result<(), HostError> {
    // SAFETY: both texts outlive the call; the host only reads them.
    HostError::check(unsafe {
        abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Defines a metric. If it exists already, it is the same one.
pub fn define_metric(kind: MetricType, name: &str) -> Result<MetricId, HostError> {
    // SAFETY: `name` outlives the call.
    receive_number(|id| unsafe {
        abi::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), id)
    })
    .map(MetricId)
}

/// No response raises a counter by more. The host's counters have 64 bits and wrap around: with this
/// limit, that takes 2^24 such responses.
const MAX_INCREMENT: u64 = 1 << 40;

/// Raises a counter.
pub fn increment(counter: MetricId, by: u64) -> Result<(), HostError> {
    let by = by.min(MAX_INCREMENT).cast_signed();
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_increment_metric(counter.0, by) })
}

/// The value of a counter in the whole process, not only in this VM.
pub fn counter_value(counter: MetricId) -> Result<u64, HostError> {
    // SAFETY: the host writes the number, and accesses no other memory.
    receive_number(|value| unsafe { abi::proxy_get_metric(counter.0, value) })
}

/// Sets a gauge, or adds a value to a histogram.
pub fn record(metric: MetricId, value: u64) -> Result<(), HostError> {
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_record_metric(metric.0, value) })
}

/// Makes calls act on another context until the callback ends. Fails where the context has ended.
pub fn set_effective_context(context_id: u32) -> Result<(), HostError> {
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_set_effective_context(context_id) })
}

/// Sets how often the current root context is ticked; 0 stops the ticks.
pub fn set_tick_period(period_ms: u32) -> Result<(), HostError> {
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_set_tick_period_milliseconds(period_ms) })
}

/// Nanoseconds since 1970.
pub fn wall_time_ns() -> Result<u64, HostError> {
    // SAFETY: the host writes the number, and accesses no other memory.
    receive_number(|time| unsafe { abi::proxy_get_current_time_nanoseconds(time) })
}

/// The wall clock, in milliseconds since 1970; 0 if the host refuses.
pub fn unix_ms() -> u64 {
    wall_time_ns().unwrap_or_default() / 1_000_000
}

/// Nanoseconds of the monotonic clock, which is the process's: all VMs read the same.
pub fn monotonic_time_ns() -> Result<u64, HostError> {
    const MONOTONIC: u32 = 1;
    // SAFETY: the host writes the number, and accesses no other memory.
    receive_number(|time| unsafe { abi::clock_time_get(MONOTONIC, 1, time) })
}

/// The VM's environment: `name=value` of each variable, ended by a zero byte.
///
/// `std::env` is not used: it panics if the host refuses the calls.
///
/// Source: WASI, snapshot preview 1, `environ_sizes_get` and `environ_get`.
pub fn environment() -> Result<Vec<u8>, HostError> {
    let (mut count, mut size) = (0, 0);
    // SAFETY: the host writes one number to each.
    HostError::check(unsafe { abi::environ_sizes_get(&mut count, &mut size) })?;
    let mut places = vec![null_mut(); count];
    let mut variables = vec![0; size];
    // SAFETY: the host writes `count` places and `size` bytes, as it has answered before.
    HostError::check(unsafe { abi::environ_get(places.as_mut_ptr(), variables.as_mut_ptr()) })?;
    Ok(variables)
}

/// Writes to Envoy's log. A message that the host refuses is lost.
pub fn log(level: log::Level, message: &str) {
    // The host counts up from trace, 0; the crate `log` down from trace, 5.
    let level = log::Level::Trace as u32 - level as u32;
    // SAFETY: `message` outlives the call; the host only reads it.
    unsafe { abi::proxy_log(level, message.as_ptr(), message.len()) };
}

/// The level from which Envoy logs, from 0 for trace to 5 for critical.
pub fn log_level() -> Result<u32, HostError> {
    // SAFETY: the host writes the number, and accesses no other memory.
    receive_number(|level| unsafe { abi::proxy_get_log_level(level) })
}
