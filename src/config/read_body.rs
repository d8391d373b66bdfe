//! `read_body`: whether a request's body is read before or after Envoy routes the request.

/// Whether a request's body is read before or after Envoy routes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBody {
    /// The headers wait for the body, so that the version can depend on it. Envoy passes the body on
    /// meanwhile only if the plugin has `allow_on_headers_stop_iteration: true`.
    BeforeRouting,
    /// The headers continue without `content-length`, and the body follows when it is patched. This
    /// works with any plugin.
    AfterRouting,
}

// === impl ReadBody ===

impl ReadBody {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::BeforeRouting, Self::AfterRouting];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeRouting => "before_routing",
            Self::AfterRouting => "after_routing",
        }
    }
}
