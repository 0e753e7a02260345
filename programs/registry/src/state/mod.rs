//! Accounts of this program.

mod network;
mod node;

pub use network::Network;
pub use node::Node;
