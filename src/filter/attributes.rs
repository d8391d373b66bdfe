//! Envoy's attributes that the filter reads.
//!
//! Source: Envoy's documentation, "Attributes", and for the plugin's name its attributes for Wasm.

use proxy_wasm::types::Bytes;

use super::hostcalls::property;

/// `response.code_details`: where the response comes from, such as `via_upstream` or
/// `max_duration_timeout`.
pub fn response_details() -> Option<Bytes> {
    property(b"response\0code_details").ok()
}

/// `response.flags`: what went wrong with the response. The bits are those of Envoy's
/// `CoreResponseFlag`.
pub fn response_flags() -> Option<u64> {
    let flags = property(b"response\0flags").ok()?;
    (*flags).try_into().ok().map(u64::from_le_bytes)
}

/// `xds.listener_metadata`, `verdigris.role`: the role of the filter at the stream's listener. A root
/// context cannot read it (Envoy 1.40).
pub fn listener_role() -> Option<Bytes> {
    property(b"xds\0listener_metadata\0filter_metadata\0verdigris\0role").ok()
}

/// `plugin_name`: the plugin's name in Envoy's configuration.
pub fn plugin_name() -> Option<Bytes> {
    property(b"plugin_name").ok()
}

/// `xds.node.id`: the id of Envoy's node; `None` if it is not set.
pub fn node_id() -> Option<String> {
    let id = property(b"xds\0node\0id").ok().filter(|id| !id.is_empty())?;
    Some(String::from_utf8_lossy(&id).into_owned())
}

/// Envoy's version, such as `1.40.0`, from `xds.node.user_agent_build_version.version`.
pub fn envoy_version() -> Option<String> {
    let number = |path: &[u8]| {
        let number = property(path).ok()?;
        (*number).try_into().ok().map(u64::from_le_bytes)
    };
    let major = number(b"xds\0node\0user_agent_build_version\0version\0major_number")?;
    let minor = number(b"xds\0node\0user_agent_build_version\0version\0minor_number")?;
    let patch = number(b"xds\0node\0user_agent_build_version\0version\0patch")?;
    Some(format!("{major}.{minor}.{patch}"))
}

/// `xds.upstream_host_metadata`, `verdigris.version`: the version of the endpoint that answers.
pub fn upstream_version() -> Option<Bytes> {
    property(b"xds\0upstream_host_metadata\0filter_metadata\0verdigris\0version").ok()
}

/// `upstream.request_attempt_count`: how often the request was sent upstream.
pub fn upstream_attempts() -> Option<u64> {
    let attempts = property(b"upstream\0request_attempt_count").ok()?;
    (*attempts).try_into().ok().map(u64::from_le_bytes)
}

/// Whether Envoy follows an internal redirect. Then the stream ends without a response, and the request
/// passes through the filters once more.
pub fn is_redirected() -> bool {
    response_details().is_some_and(|details| *details == *b"internal_redirect")
}
