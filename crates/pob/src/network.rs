//! What one connection to the Internet is commonly given.

use std::net::IpAddr;

/// A /24 of IPv4 or a /48 of IPv6: what one connection to the Internet is commonly given at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// The three leading bytes.
    V4([u8; 3]),
    /// The six leading bytes.
    V6([u8; 6]),
}

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }

    /// The leading bytes of its addresses.
    pub fn prefix(&self) -> &[u8] {
        match self {
            Self::V4(prefix) => prefix,
            Self::V6(prefix) => prefix,
        }
    }
}
