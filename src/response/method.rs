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
    /// A request to switch to another protocol, such as WebSocket. Envoy gives filters the
    /// extended CONNECT of HTTP/2 and HTTP/3 in this HTTP/1.1 form.
    Upgrade,
}

// === impl Method ===

impl Method {
    /// The kind of the method with this name, in capitals as in HTTP.
    pub fn from_bytes(name: &[u8]) -> Self {
        match name {
            b"HEAD" | b"OPTIONS" => Self::Bodyless,
            b"CONNECT" => Self::Connect,
            _ => Self::Ordinary,
        }
    }

    /// The kind of the request with these headers. Names are in lower case.
    pub fn from_headers<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        headers.fold(Self::Ordinary, |method, (name, value)| method.with_header(name, value))
    }

    /// The kind of a request that also has this header.
    pub(super) fn with_header(self, name: &[u8], value: &[u8]) -> Self {
        match name {
            b":method" if self != Self::Upgrade => Self::from_bytes(value),
            b"upgrade" if !value.is_empty() => Self::Upgrade,
            _ => self,
        }
    }
}
