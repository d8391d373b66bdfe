//! What a request's method says about its response, and how both are carried.

/// How a request and its response are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// An ordinary HTTP exchange.
    #[default]
    Http,
    /// gRPC or gRPC-Web: the status that counts is `grpc-status`.
    Grpc,
    /// An established WebSocket or other upgrade, or a `CONNECT` tunnel. How it ends says
    /// nothing about the version.
    Tunnel,
}

/// The kind of a request's method, as far as it affects the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// A method whose response may have a body.
    #[default]
    Ordinary,
    /// `HEAD` or `OPTIONS`: the response is not a model's answer.
    Bodyless,
    /// `CONNECT`: the request opens a tunnel.
    Connect,
    /// A `GET` that asks to switch to another protocol, such as WebSocket. Envoy gives filters the
    /// extended CONNECT of HTTP/2 and HTTP/3 in this HTTP/1.1 form. A client can ask for it with any
    /// other method, too, and the server ignores it then (RFC 6455, section 4.1; RFC 9110, section 7.8).
    Upgrade,
}

// === impl Method ===

impl Method {
    /// The kind of a request with this method, in capitals as in HTTP. `has_upgrade` is whether it names a
    /// protocol to switch to.
    pub fn new(name: &[u8], has_upgrade: bool) -> Self {
        match name {
            b"HEAD" | b"OPTIONS" => Self::Bodyless,
            b"CONNECT" => Self::Connect,
            b"GET" if has_upgrade => Self::Upgrade,
            _ => Self::Ordinary,
        }
    }
}
