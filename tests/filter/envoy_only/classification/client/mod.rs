//! Clients that ask, and leave or break the protocol when the test has them do so.

mod http1;
mod http2;
pub mod http3;

use std::net::SocketAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
    Http3,
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub protocol: Protocol,
    pub method: &'static str,
    pub path: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'static str,
    pub leaves: Leaves,
}

/// When a client leaves, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// It stays to the end.
    Never,
    /// When it has all, before the upstream ends the connection: a WebSocket's.
    AfterTheAnswer,
    /// When the upstream has the request, which it has not answered.
    Unanswered(How),
    /// When the first of the answer's body has come.
    InTheAnswer(How),
    /// When the upstream has the request's headers; of its body there is more to come.
    InTheRequest(How),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Ends the connection.
    Close,
    /// Ends its half of HTTP/1.1's connection.
    HalfClose,
    /// Resets the stream; on HTTP/1.1 the connection, by an RST.
    Reset,
    /// Wants no more of the answer: HTTP/3's STOP_SENDING.
    Stop,
    /// Says GOAWAY, and ends the connection.
    GoAway,
    /// Sends what the protocol does not allow.
    Break,
    /// Does nothing more.
    Stall,
}

/// What a client needs to know of the test.
pub struct Around<'a> {
    pub tcp: SocketAddr,
    pub udp: SocketAddr,
    /// Returns when the upstream has the request.
    pub wait_for_request: &'a dyn Fn(),
    /// To be called when the answer has begun: the upstream may break off then.
    pub answer_began: &'a dyn Fn(),
    /// Returns when Envoy has done with it.
    pub wait_for_end: &'a dyn Fn(),
    pub http3: &'a http3::Client,
}

/// Of a WebSocket's client, masked with zeros: a text and the close frame.
const TEXT: &[u8] = b"\x81\x82\0\0\0\0hi";
const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

// === impl Ask ===

impl Ask {
    /// Asks, and leaves or stays.
    pub fn send(&self, around: &Around<'_>) {
        // Errors mean that the other side has broken off, as many tests have it.
        let _ = match self.protocol {
            Protocol::Http1 => http1::send(self, around),
            Protocol::Http2 => http2::send(self, around),
            Protocol::Http3 => around.http3.send(self, around),
        };
    }

    fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|(name, _)| *name == header)
    }

    /// Whether it is HTTP/2's or HTTP/3's form of an upgrade.
    fn is_websocket(&self) -> bool {
        self.method == "CONNECT"
    }

    /// Whether the request's body ends, at once.
    fn ends_request(&self) -> bool {
        !matches!(self.leaves, Leaves::InTheRequest(_)) && !self.is_websocket()
    }

    /// The request's fields on HTTP/2 and HTTP/3.
    fn fields(&self) -> Vec<(&str, &str)> {
        let mut fields = vec![
            (":method", self.method),
            (":scheme", "http"),
            (":authority", "test"),
            (":path", self.path),
        ];
        fields.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        fields
    }
}
