//! [`Nobody`]: an address at which nobody listens.

use std::{io, net::SocketAddr};
use tokio::net::TcpSocket;

/// An address on loopback that refuses connections, and that nobody else can take while this is held.
///
/// A port that was given back could be anyone's a moment later: tests run side by side.
pub(crate) struct Nobody(TcpSocket);

impl Nobody {
    pub(crate) fn home() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self(socket))
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
