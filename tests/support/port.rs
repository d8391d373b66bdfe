//! A TCP port that is reserved for one server of a test.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port that is bound without a listener.
///
/// The kernel refuses connections to it and does not assign it to a socket that binds port 0.
/// A server that binds it by number can listen on it, because both sockets set `SO_REUSEADDR`.
/// Without the reservation another process could take the port before the server starts or
/// after it stops.
pub struct Port {
    pub number: u16,
    _socket: TcpSocket,
}

impl Port {
    /// Reserves a free port on the loopback address.
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self { number: socket.local_addr().unwrap().port(), _socket: socket }
    }
}
