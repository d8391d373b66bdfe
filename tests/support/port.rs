//! A port of this machine that stays free for one server.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port that is bound and that nobody listens on.
///
/// The kernel gives it to no one who asks for any free port, and refuses connections to it.
/// A server that binds it by its number can listen on it, as both sockets set
/// `SO_REUSEADDR`. A port that was only found to be free could be taken before its server
/// starts, or after it has stopped.
pub struct Port {
    pub number: u16,
    _socket: TcpSocket,
}

impl Port {
    /// Any free port on the loopback address.
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self { number: socket.local_addr().unwrap().port(), _socket: socket }
    }
}
