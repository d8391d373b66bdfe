//! How a stream ended, by what was seen of the response and what Envoy reports.

/// How a stream ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamEnd {
    /// With the end of the response.
    #[default]
    Complete,
    /// The client left or broke the protocol before the end of the response.
    Aborted,
    /// Anything else ended it before the end of the response.
    Cut,
}

/// Envoy's response flags: one bit for each kind of failure.
///
/// Source: `CoreResponseFlag` in Envoy's `stream_info.h`; the attribute `response.flags` has
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseFlags(pub u64);

/// Envoy reads no more from the upstream of a client that does not read once so many bytes wait for
/// it: the default of `per_connection_buffer_limit_bytes`. The kernel's buffers, and the windows of
/// HTTP/2 and HTTP/3, come on top.
pub const BUFFERED_BYTES: u64 = 1 << 20;

// === impl StreamEnd ===

impl StreamEnd {
    /// How a stream ended.
    ///
    /// `passed_bytes` is how much of the response's body Envoy has read from the upstream. `is_over`
    /// whether the end of the response was seen, in HTTP or in its body. `flags` are Envoy's;
    /// `None` where the host does not report them. `has_other_cause` is called only where these do
    /// not decide, and says whether Envoy's response details name a cause.
    ///
    /// An idle timeout does not say which side was idle. Where Envoy has read more than its buffers
    /// hold ([`BUFFERED_BYTES`]), a client that reads nothing has stopped the upstream.
    ///
    /// Envoy 1.40 sets a flag where the upstream or Envoy itself breaks a stream, except for
    /// `max_stream_duration`, which only `response.code_details` names. On HTTP/3 it sets no
    /// flag where the client leaves.
    pub fn new(
        is_over: bool,
        passed_bytes: u64,
        flags: Option<ResponseFlags>,
        has_other_cause: impl FnOnce() -> bool,
    ) -> Self {
        match flags {
            Some(flags) if flags.is_protocol_error() => Self::Aborted,
            _ if is_over => Self::Complete,
            Some(flags) if flags.has_any(ResponseFlags::CLIENT_LEFT) => Self::Aborted,
            Some(flags) if flags.is_idle() && passed_bytes >= BUFFERED_BYTES => Self::Aborted,
            Some(ResponseFlags(0)) if !has_other_cause() => Self::Aborted,
            Some(_) | None => Self::Cut,
        }
    }

    /// Whether `response.code_details` names a cause. Responses from the upstream, and streams
    /// without details, ended without a cause.
    pub fn is_cause(details: &[u8]) -> bool {
        !details.is_empty() && details != b"via_upstream"
    }
}

// === impl ResponseFlags ===

impl ResponseFlags {
    /// The client's side ended the stream: its connection ended (`DC`) or had lasted as long as it may
    /// (`DT`), the client reset the stream (`DR`), or Envoy's overload manager did (`OM`), which
    /// chooses those with the most unread bytes.
    const CLIENT_LEFT: u64 = 1 << 14 | 1 << 22 | 1 << 25 | 1 << 28;

    /// Whether Envoy's external authorization denied the request (`UAEX`).
    pub fn is_denied(self) -> bool {
        self.has_any(1 << 12)
    }

    /// Whether the client broke the protocol (`DPE`).
    pub fn is_protocol_error(self) -> bool {
        self.has_any(1 << 18)
    }

    /// Whether nothing has passed for as long as Envoy waits (`SI`).
    pub fn is_idle(self) -> bool {
        self.has_any(1 << 16)
    }

    /// Whether Envoy has waited for the upstream for as long as the route says (`UT`).
    pub fn is_timeout(self) -> bool {
        self.has_any(1 << 2)
    }

    /// Whether one of Envoy's own limits was met: circuit breaker (`UO`), rate limit (`RL`),
    /// overload manager (`OM`), load shedding by the cluster (`DO`, `UDO`).
    pub fn is_limited(self) -> bool {
        self.has_any(1 << 7 | 1 << 11 | 1 << 25 | 1 << 27 | 1 << 29)
    }

    fn has_any(self, bits: u64) -> bool {
        self.0 & bits != 0
    }
}
