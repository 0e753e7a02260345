//! One file per instruction: its accounts, its checks, its effect.

pub mod add_oracle;
pub mod commit_bundle;
pub mod initialize;
pub mod open_epoch;
pub mod prove;
pub mod submit_attestation;

pub use add_oracle::*;
pub use commit_bundle::*;
pub use initialize::*;
pub use open_epoch::*;
pub use prove::*;
pub use submit_attestation::*;
