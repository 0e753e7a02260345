//! Bytes as the IP layer counts them, and the small units the protocol computes with.

use std::net::IpAddr;

/// Microseconds since an arbitrary start that one side chose.
pub type Micros = u64;

/// What a connection has put on and taken off the wire so far, in bytes of whole IP packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireCounters {
    pub sent: u64,
    /// Of `sent`, what QUIC found to be lost.
    pub lost: u64,
    pub received: u64,
}

impl WireCounters {
    /// Sent and not lost.
    pub fn delivered(&self) -> u64 {
        self.sent.saturating_sub(self.lost)
    }
}

/// IP and UDP header bytes of a packet to or from `address`.
pub fn header_bytes(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(_) => 20 + 8,
        IpAddr::V6(_) => 40 + 8,
    }
}

/// kbit/s of `bytes` in `duration_us`, rounded down; zero for no time at all.
pub fn kbps(bytes: u64, duration_us: u64) -> u32 {
    let kbps = (u128::from(bytes) * 8_000)
        .checked_div(u128::from(duration_us))
        .unwrap_or(0);
    u32::try_from(kbps).unwrap_or(u32::MAX)
}

/// Bytes per second of a rate in kbit/s.
pub fn bytes_per_second(kbps: u32) -> u64 {
    u64::from(kbps) * 125
}
