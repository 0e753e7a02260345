//! One file per instruction: its accounts, its checks, its effect.

pub mod create_vault;
pub mod deposit_bond;
pub mod initialize;
pub mod register_node;
pub mod update_node;

pub use create_vault::*;
pub use deposit_bond::*;
pub use initialize::*;
pub use register_node::*;
pub use update_node::*;
