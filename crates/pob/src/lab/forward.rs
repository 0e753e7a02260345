//! Passes TCP on from an address that a network namespace can reach to a server that listens elsewhere.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// Listens on `from` and passes every connection on to `to`, for as long as the runtime lives. Returns the address that it
/// listens on.
pub async fn forward(from: SocketAddr, to: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(from).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut inbound, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut outbound) = TcpStream::connect(to).await else {
                    return;
                };
                let _ = inbound.set_nodelay(true);
                let _ = outbound.set_nodelay(true);
                // Either side may hang up at any time; that ends the connection and nothing else.
                let _ = tokio::io::copy_bidirectional(&mut inbound, &mut outbound).await;
            });
        }
    });
    Ok(address)
}
