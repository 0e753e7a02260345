//! One file per instruction: its accounts, its checks, its effect.

pub mod add_oracle;
pub mod close_epoch;
pub mod commit_bundle;
pub mod create_oracle_vault;
pub mod deposit_oracle_bond;
pub mod draw_seed;
pub mod initialize;
pub mod migrate_oracle_set;
pub mod open_epoch;
pub mod prove;
pub mod remove_oracle;
pub mod report_equivocation;
pub mod set_minimum_bond;
pub mod slash_node;
pub mod submit_attestation;
pub mod update_oracle;
pub mod withdraw_oracle_bond;

pub use add_oracle::*;
pub use close_epoch::*;
pub use commit_bundle::*;
pub use create_oracle_vault::*;
pub use deposit_oracle_bond::*;
pub use draw_seed::*;
pub use initialize::*;
pub use migrate_oracle_set::*;
pub use open_epoch::*;
pub use prove::*;
pub use remove_oracle::*;
pub use report_equivocation::*;
pub use set_minimum_bond::*;
pub use slash_node::*;
pub use submit_attestation::*;
pub use update_oracle::*;
pub use withdraw_oracle_bond::*;
