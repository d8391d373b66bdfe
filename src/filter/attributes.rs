//! Envoy's attributes that the filter reads.
//!
//! Source: Envoy's documentation, "Attributes".

use proxy_wasm::types::Bytes;

use super::hostcalls::property;

/// How the response came about, such as `via_upstream` or `max_duration_timeout`.
///
/// Source: Envoy's attributes, `response.code_details`.
pub fn response_details() -> Option<Bytes> {
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
pub fn listener_role() -> Option<Bytes> {
    property(b"xds\0listener_metadata\0filter_metadata\0verdigris\0role").ok()
}

/// The name of the plugin whose root context or stream is at hand, as Envoy's configuration
/// has it.
///
/// Source: Envoy's attributes for Wasm, `plugin_name`.
pub fn plugin_name() -> Option<Bytes> {
    property(b"plugin_name").ok()
}

/// The version that the endpoint which answers is of, by the endpoint's metadata; `None` where
/// that does not say.
///
/// Source: Envoy's attributes, `xds.upstream_host_metadata`.
pub fn upstream_version() -> Option<Bytes> {
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
