//! Proof-of-Bandwidth: how fast a node's link is, measured by a challenger that does not trust the node, with a
//! receipt that anybody can replay.
//!
//! - [`Challenger`] listens and measures the nodes that dial it; a [`Policy`] says whom, and up to which rate.
//! - [`measure`] is the node's side: it dials a challenger and comes back with a [`SignedReceipt`].
//! - [`receipt`] is what both sign, and how a third party checks it ([`SignedReceipt::verify`], [`receipt::replay`]).
//! - [`protocol`] holds the rules as state machines without sockets or clocks; [`pacer`] decides how fast to send and
//!   [`estimate`] turns what arrived into a rate.
//! - `lab` (feature `lab`) makes links of a known rate to measure.
//!
//! **The rate** is that of the IP layer: bits of whole IP packets, their IP and UDP headers included, which crossed the
//! link per second, in kbit/s. A link that is sold by its Ethernet rate carries about 1 % less (14 of 1,494 bytes).

pub mod chunk;
pub mod error;
pub mod estimate;
pub mod frame;
pub mod identity;
pub mod keystream;
#[cfg(feature = "lab")]
pub mod lab;
pub mod pacer;
pub mod protocol;
pub mod receipt;
pub mod transcript;
pub mod wire;

mod challenger;
mod driver;
mod neighbours;
mod network;
mod prover;
mod tls;
mod transport;

pub use challenger::{Challenger, Claim, Config, Decision, LONGEST_HOLD, Permit, Policy};
pub use error::PobError;
pub use identity::Identity;
pub use lumora_core::reason::Reason;
pub use network::Network;
pub use prover::{Background, NoBackground, Request, measure};
pub use receipt::{DirectionResult, Receipt, SignedReceipt};
