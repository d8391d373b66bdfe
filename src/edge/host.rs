//! Every call to the host, by proxy-wasm ABI 0.2.1.
//!
//! A call that the host refuses is an [`Err`] with the host's status, never a
//! panic. Values are bytes. The status is read as a number: hosts may answer one
//! that no enum here would know.
//!
//! Source: the proxy-wasm specification, `abi-versions/v0.2.1`.
#![allow(unsafe_code, reason = "the host is reached through foreign functions")]

use super::pairs::{Pairs, serialized};
use super::value::Value;

/// A status other than "ok", as the host gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError(u32);

/// A counter, gauge or histogram that the host knows in this VM.
#[derive(Clone, Copy, Debug)]
pub struct MetricId(u32);

/// What a metric is.
#[derive(Clone, Copy, Debug)]
pub enum MetricKind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

// The buffers' and the header maps' numbers.
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;

mod abi {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
        pub fn proxy_get_log_level(level: *mut u32) -> u32;
        pub fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
        pub fn proxy_set_buffer_bytes(
            buffer: u32,
            start: usize,
            size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_get_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
        pub fn proxy_get_header_map_pairs(
            map: u32,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
        pub fn proxy_replace_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_add_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
        pub fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub fn proxy_get_property(
            path: *const u8,
            path_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
        pub fn proxy_set_property(
            path: *const u8,
            path_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32;
        pub fn proxy_increment_metric(id: u32, offset: i64) -> u32;
        pub fn proxy_get_metric(id: u32, value: *mut u64) -> u32;
        pub fn proxy_record_metric(id: u32, value: u64) -> u32;
        pub fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
            cas: *mut u32,
        ) -> u32;
        pub fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
            cas: u32,
        ) -> u32;
        pub fn proxy_register_shared_queue(name: *const u8, size: usize, id: *mut u32) -> u32;
        pub fn proxy_enqueue_shared_queue(id: u32, value: *const u8, size: usize) -> u32;
        pub fn proxy_dequeue_shared_queue(
            id: u32,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
        pub fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u32;
        pub fn environ_get(places: *mut *mut u8, variables: *mut u8) -> u32;
    }
}

/// The plugin configuration's bytes; empty where none is given.
pub fn plugin_configuration() -> Result<Value, HostError> {
    buffer(PLUGIN_CONFIGURATION, usize::MAX)
}

/// The request's body, which was waited for; at most `size` bytes.
pub fn request_body(size: usize) -> Result<Value, HostError> {
    buffer(REQUEST_BODY, size)
}

/// Puts another body in the place of the request's, which was waited for.
pub fn set_request_body(body: &[u8]) -> Result<(), HostError> {
    // SAFETY: `body` outlives the call; the host only reads it.
    HostError::check(unsafe {
        abi::proxy_set_buffer_bytes(REQUEST_BODY, 0, usize::MAX, body.as_ptr(), body.len())
    })
}

/// The piece of the response's body that is passing; at most `size` bytes.
pub fn response_body(size: usize) -> Result<Value, HostError> {
    buffer(RESPONSE_BODY, size)
}

fn buffer(buffer: u32, size: usize) -> Result<Value, HostError> {
    // SAFETY: the host writes where the two pointers point, as `Value` says.
    Value::fill(|value, value_size| unsafe {
        abi::proxy_get_buffer_bytes(buffer, 0, size, value, value_size)
    })
}

/// The first value of a request header; `None` where the request has none.
pub fn request_header(name: &str) -> Option<Value> {
    header(REQUEST_HEADERS, name)
}

/// All headers of the request; cheaper than two of them by name.
pub fn request_headers() -> Result<Pairs, HostError> {
    headers(REQUEST_HEADERS)
}

/// All headers of the response; cheaper than two of them by name.
pub fn response_headers() -> Result<Pairs, HostError> {
    headers(RESPONSE_HEADERS)
}

fn headers(map: u32) -> Result<Pairs, HostError> {
    // SAFETY: the host writes where the two pointers point, as `Value` says.
    let pairs =
        Value::fill(|value, size| unsafe { abi::proxy_get_header_map_pairs(map, value, size) });
    pairs.map(Pairs::new)
}

fn header(map: u32, name: &str) -> Option<Value> {
    // SAFETY: `name` outlives the call, and the host writes as `Value` says.
    Value::fill(|value, size| unsafe {
        abi::proxy_get_header_map_value(map, name.as_ptr(), name.len(), value, size)
    })
    .ok()
}

/// The first value of a response trailer; `None` where there is none.
pub fn response_trailer(name: &str) -> Option<Value> {
    header(RESPONSE_TRAILERS, name)
}

/// How the response came about, such as `via_upstream` or `max_duration_timeout`.
///
/// Source: Envoy's attributes, `response.code_details`.
pub fn response_details() -> Option<Value> {
    property(b"response\0code_details").ok()
}

/// Envoy's flags of what went wrong with the response, a bit each.
///
/// Source: Envoy's attributes, `response.flags`; the bits are those of its
/// `CoreResponseFlag`.
pub fn response_flags() -> Option<u64> {
    let flags = property(b"response\0flags").ok()?;
    (*flags).try_into().ok().map(u64::from_le_bytes)
}

/// What the filter is there for, by the metadata of the stream's listener; `None` where that
/// does not say. A root context is not told it (1.40).
///
/// Source: Envoy's attributes, `xds.listener_metadata`.
pub fn listener_role() -> Option<Value> {
    property(b"xds\0listener_metadata\0filter_metadata\0verdigris\0role").ok()
}

/// The name of the plugin whose root context or stream is at hand, as Envoy's configuration
/// has it.
///
/// Source: Envoy's attributes for Wasm, `plugin_name`.
pub fn plugin_name() -> Option<Value> {
    property(b"plugin_name").ok()
}

/// The version that the endpoint which answers is of, by the endpoint's metadata; `None` where
/// that does not say.
///
/// Source: Envoy's attributes, `xds.upstream_host_metadata`.
pub fn upstream_version() -> Option<Value> {
    property(b"xds\0upstream_host_metadata\0filter_metadata\0verdigris\0version").ok()
}

/// How often the request was sent upstream.
///
/// Source: Envoy's attributes, `upstream.request_attempt_count`.
pub fn upstream_attempts() -> Option<u64> {
    let attempts = property(b"upstream\0request_attempt_count").ok()?;
    (*attempts).try_into().ok().map(u64::from_le_bytes)
}

/// Whether Envoy has sent the request on to where the upstream's response redirects it; then it
/// ends here without a response, and comes through the filters once more.
///
/// Source: Envoy's attributes, `response.code_details`.
pub fn is_redirected() -> bool {
    property(b"response\0code_details").is_ok_and(|details| *details == *b"internal_redirect")
}

fn property(path: &[u8]) -> Result<Value, HostError> {
    // SAFETY: `path` outlives the call, and the host writes as `Value` says.
    Value::fill(|value, size| unsafe {
        abi::proxy_get_property(path.as_ptr(), path.len(), value, size)
    })
}

/// Sets a request header to one value. Envoy chooses the route anew.
pub fn replace_request_header(name: &str, value: &str) -> Result<(), HostError> {
    // SAFETY: both texts outlive the call; the host only reads them.
    HostError::check(unsafe {
        abi::proxy_replace_header_map_value(
            REQUEST_HEADERS,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes a request header. Envoy chooses the route anew.
pub fn remove_request_header(name: &str) -> Result<(), HostError> {
    // SAFETY: `name` outlives the call; the host only reads it.
    HostError::check(unsafe {
        abi::proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len())
    })
}

/// Adds a response header to those that are there.
pub fn add_response_header(name: &str, value: &str) -> Result<(), HostError> {
    // SAFETY: both texts outlive the call; the host only reads them.
    HostError::check(unsafe {
        abi::proxy_add_header_map_value(
            RESPONSE_HEADERS,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Answers the request at hand; nobody else does then.
pub fn respond(
    status: u32,
    details: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(), HostError> {
    const NO_GRPC: i32 = -1;
    let headers = serialized(headers);
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

/// Sets the stream's filter state `wasm.<name>`, which no client can forge.
pub fn set_filter_state(name: &str, value: &str) -> Result<(), HostError> {
    // SAFETY: both texts outlive the call; the host only reads them.
    HostError::check(unsafe {
        abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Defines a metric, or finds the one of that name.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<MetricId, HostError> {
    let mut id = 0;
    // SAFETY: `name` outlives the call, and the host writes one number to `id`.
    HostError::check(unsafe {
        abi::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id)
    })?;
    Ok(MetricId(id))
}

/// Adds to a counter.
pub fn increment(counter: MetricId, by: u64) -> Result<(), HostError> {
    // More than any count; the host takes a signed number.
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_increment_metric(counter.0, by) })
}

/// What a counter has counted in the whole process, not only in this VM.
pub fn count_of(counter: MetricId) -> Result<u64, HostError> {
    let mut value = 0;
    // SAFETY: the host writes one number to `value`.
    HostError::check(unsafe { abi::proxy_get_metric(counter.0, &mut value) })?;
    Ok(value)
}

/// Sets a gauge, or adds a value to a histogram.
pub fn record(metric: MetricId, value: u64) -> Result<(), HostError> {
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_record_metric(metric.0, value) })
}

/// Has the root context that is being called ticked every `period_ms`; 0 ends it.
pub fn set_tick_period(period_ms: u32) -> Result<(), HostError> {
    // SAFETY: no memory is shared.
    HostError::check(unsafe { abi::proxy_set_tick_period_milliseconds(period_ms) })
}

/// Nanoseconds since 1970.
pub fn wall_time() -> Result<u64, HostError> {
    let mut time = 0;
    // SAFETY: the host writes one number to `time`.
    HostError::check(unsafe { abi::proxy_get_current_time_nanoseconds(&mut time) })?;
    Ok(time)
}

/// Nanoseconds of the clock that only goes on. It is the process's: VMs agree.
pub fn monotonic_time() -> Result<u64, HostError> {
    const MONOTONIC: u32 = 1;
    let mut time = 0;
    // SAFETY: the host writes one number to `time`.
    HostError::check(unsafe { abi::clock_time_get(MONOTONIC, 1, &mut time) })?;
    Ok(time)
}

/// A variable of the VM's environment; `None` where it is not there or no text.
///
/// By the host's own calls: a host may refuse them, and the standard library, asked for a
/// variable, then ends the VM.
///
/// Source: WASI, snapshot preview 1, `environ_sizes_get` and `environ_get`.
pub fn variable(name: &str) -> Option<String> {
    let (mut count, mut size) = (0, 0);
    // SAFETY: the host writes one number to each.
    HostError::check(unsafe { abi::environ_sizes_get(&mut count, &mut size) }).ok()?;
    let mut places = vec![std::ptr::null_mut(); count];
    let mut variables = vec![0; size];
    // SAFETY: the host writes `count` places and `size` bytes, as it has said, and there is
    // room for them.
    HostError::check(unsafe { abi::environ_get(places.as_mut_ptr(), variables.as_mut_ptr()) })
        .ok()?;
    let mut variables = variables.split(|byte| *byte == 0);
    let of_name = |it: &[u8]| Some(it.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec());
    String::from_utf8(variables.find_map(of_name)?).ok()
}

/// The change that a shared value is at, to set it only if no other did meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cas(u32);

impl Cas {
    /// To set a value whatever it is.
    pub const ANY: Self = Self(0);
}

/// What all VMs of this `vm_id` share under `key`; `None` where there is nothing.
pub fn shared(key: &str) -> Option<(Value, Cas)> {
    let mut cas = 0;
    // SAFETY: `key` outlives the call; the host writes a number to `cas`, and else as
    // `Value` says.
    let value = Value::fill(|value, size| unsafe {
        abi::proxy_get_shared_data(key.as_ptr(), key.len(), value, size, &mut cas)
    });
    Some((value.ok()?, Cas(cas)))
}

/// Shares a value, unless another VM did since `cas`.
pub fn set_shared(key: &str, value: &[u8], cas: Cas) -> Result<(), HostError> {
    // SAFETY: key and value outlive the call; the host only reads them.
    HostError::check(unsafe {
        abi::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas.0)
    })
}

/// A queue that all VMs of this `vm_id` share.
#[derive(Clone, Copy, Debug)]
pub struct Queue(u32);

impl Queue {
    /// The queue of that name.
    pub fn of(name: &str) -> Result<Self, HostError> {
        let mut id = 0;
        // SAFETY: `name` outlives the call, and the host writes one number to `id`.
        HostError::check(unsafe {
            abi::proxy_register_shared_queue(name.as_ptr(), name.len(), &mut id)
        })?;
        Ok(Self(id))
    }

    /// Puts bytes at the end.
    pub fn push(self, bytes: &[u8]) -> Result<(), HostError> {
        // SAFETY: `bytes` outlives the call; the host only reads them.
        HostError::check(unsafe {
            abi::proxy_enqueue_shared_queue(self.0, bytes.as_ptr(), bytes.len())
        })
    }

    /// Takes what has been in it longest; `None` where it is empty.
    pub fn pop(self) -> Option<Value> {
        // SAFETY: the host writes as `Value` says.
        Value::fill(|value, size| unsafe { abi::proxy_dequeue_shared_queue(self.0, value, size) })
            .ok()
    }
}

/// Writes to Envoy's log. A log that the host refuses has nowhere else to go.
pub fn log(level: log::Level, message: &str) {
    let level = match level {
        log::Level::Trace => 0,
        log::Level::Debug => 1,
        log::Level::Info => 2,
        log::Level::Warn => 3,
        log::Level::Error => 4,
    };
    // SAFETY: `message` outlives the call; the host only reads it.
    unsafe { abi::proxy_log(level, message.as_ptr(), message.len()) };
}

/// The level from which Envoy logs, from 0 for trace to 5 for critical.
pub fn log_level() -> Result<u32, HostError> {
    let mut level = 0;
    // SAFETY: the host writes one number to `level`.
    HostError::check(unsafe { abi::proxy_get_log_level(&mut level) })?;
    Ok(level)
}

// === impl HostError ===

impl HostError {
    /// What a call's status says.
    pub fn check(status: u32) -> Result<(), Self> {
        if status == 0 { Ok(()) } else { Err(Self(status)) }
    }
}
