//! `route_by`: the request header that Envoy's routes depend on.

/// The request header that Envoy's routes depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteBy {
    /// The routes take the cluster from the cluster header. Early header mutation sets both headers
    /// before the filter runs.
    #[default]
    ClusterHeader,
    /// The routes match the version header, as HTTPRoute and VirtualService do. The filter writes
    /// it to each request, and there is no cluster header.
    VersionHeader,
}

// === impl RouteBy ===

impl RouteBy {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::ClusterHeader, Self::VersionHeader];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterHeader => "cluster_header",
            Self::VersionHeader => "version_header",
        }
    }
}
