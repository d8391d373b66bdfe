//! Clients that send a request, and that can leave or violate the protocol at a given time.

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
pub struct ClientRequest {
    pub protocol: Protocol,
    pub method: &'static str,
    pub path: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'static str,
    pub exit: ClientExit,
}

/// When and how a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientExit {
    /// The client stays until the end.
    Never,
    /// A WebSocket client leaves after the answer, before the upstream closes the connection.
    AfterTheAnswer,
    /// After the upstream has received the request, before it answers.
    Unanswered(ExitMode),
    /// After the first byte or frame of the response body.
    InTheAnswer(ExitMode),
    /// After the upstream has received the request headers, before the end of the request body.
    InTheRequest(ExitMode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitMode {
    /// Closes the connection.
    Close,
    /// Closes the client's half of an HTTP/1.1 connection.
    HalfClose,
    /// Resets the stream. HTTP/1.1: resets the connection, by an RST.
    Reset,
    /// Sends HTTP/3's STOP_SENDING.
    Stop,
    /// Sends GOAWAY and closes the connection.
    GoAway,
    /// Violates the protocol.
    Break,
    /// Keeps the connection open without sending or reading anything.
    Stall,
    /// HTTP/2: widens the stream's window by 0, which is an error of the stream.
    WidenByZero,
    /// HTTP/2: sends PUSH_PROMISE, which only servers may.
    Push,
    /// HTTP/2: sends trailers with `:path`.
    PathInTrailers,
    /// HTTP/2: ends the request, whatever `content-length` says.
    End,
}

/// Addresses of Envoy and callbacks of the test for a client.
pub struct TestHooks<'a> {
    pub tcp: SocketAddr,
    pub udp: SocketAddr,
    /// Returns when the upstream has received the request.
    pub wait_for_request: &'a dyn Fn(),
    /// The client calls this when it has the beginning of the answer. The upstream may then break
    /// off.
    pub answer_began: &'a dyn Fn(),
    /// Returns when Envoy has logged the request.
    pub wait_for_end: &'a dyn Fn(),
    pub http3: &'a http3::Client,
}

/// Frames of a WebSocket client, with a mask of zeros: a text frame and the close frame.
const TEXT: &[u8] = b"\x81\x82\0\0\0\0hi";
const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

// === impl ClientRequest ===

impl ClientRequest {
    /// Sends the request, then leaves or reads the answer.
    pub fn send(&self, hooks: &TestHooks<'_>) {
        // An error means that the other side has broken off, which many rows require.
        let _ = match self.protocol {
            Protocol::Http1 => http1::send(self, hooks),
            Protocol::Http2 => http2::send(self, hooks),
            Protocol::Http3 => hooks.http3.send(self, hooks),
        };
    }

    fn has_header(&self, header: &str) -> bool {
        self.headers.iter().any(|(name, _)| *name == header)
    }

    /// Whether the request opens a WebSocket over HTTP/2 or HTTP/3.
    fn is_websocket(&self) -> bool {
        self.method == "CONNECT"
    }

    /// Whether the client sends the whole request body at once.
    fn ends_request(&self) -> bool {
        !matches!(self.exit, ClientExit::InTheRequest(_)) && !self.is_websocket()
    }

    /// The request's fields in HTTP/2 and HTTP/3.
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
