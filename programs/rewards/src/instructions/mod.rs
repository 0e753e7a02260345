//! One file per instruction: its accounts, its checks, its effect.

pub mod burn_fees;
pub mod claim;
pub mod claim_many;
pub mod create_metadata;
pub mod fund_epoch;
#[allow(
    unused_variables,
    reason = "the framework reads the grant's index a second time and does not use it"
)]
pub mod grant;
pub mod initialize;
pub mod release;
pub mod set_breaker;

pub use burn_fees::*;
pub use claim::*;
pub use claim_many::*;
pub use create_metadata::*;
pub use fund_epoch::*;
pub use grant::*;
pub use initialize::*;
pub use release::*;
pub use set_breaker::*;
