//! What can go wrong, with a sentence that says what to do.

use std::io;
use std::net::SocketAddr;

use crate::protocol::Violation;

#[derive(Debug, thiserror::Error)]
pub enum PobError {
    #[error("cannot open a UDP socket on {address}: {source}. Choose another address, or free the port")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    #[error("cannot reach the challenger at {target}: {reason}. Check the address, and that UDP may pass the firewall")]
    Connect { target: SocketAddr, reason: String },
    #[error("nobody answered at {target} within {seconds} s. Check the address, and that UDP may pass the firewall")]
    ConnectTimeout { target: SocketAddr, seconds: u64 },
    #[error("the peer did not prove an ed25519 key in the handshake")]
    NoPeerKey,
    #[error("the connection broke in the middle of the measurement: {0}. Try again")]
    Connection(String),
    #[error("it is not this node's turn yet: dial again in {millis} ms")]
    Later { millis: u32 },
    #[error("this node is measured at {0}: dial there")]
    Elsewhere(SocketAddr),
    #[error(
        "the challenger at {from} sends this node to {to}, which is nearer to it than the challenger itself: not followed"
    )]
    SentInside { from: SocketAddr, to: SocketAddr },
    #[error("the peer refused: {sentence} (reason {reason})")]
    Refused { reason: u8, sentence: String },
    #[error(transparent)]
    Violation(#[from] Violation),
    #[error("the receipt does not hold: {0}")]
    Receipt(#[from] crate::receipt::ReceiptError),
    #[cfg(feature = "lab")]
    #[error(transparent)]
    Lab(#[from] crate::lab::LabError),
}
