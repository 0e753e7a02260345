//! One file per instruction: its accounts, its checks, its effect.

pub mod claim;
pub mod fund_epoch;
pub mod grant;
pub mod initialize;

pub use claim::*;
pub use fund_epoch::*;
pub use grant::*;
pub use initialize::*;
