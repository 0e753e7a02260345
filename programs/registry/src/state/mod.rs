//! Accounts of this program.

mod network;
mod node;
mod program_data;

pub use network::{Network, NetworkParameters, check_vault, pay_bond};
pub use node::Node;
pub use program_data::upgrade_authority;
