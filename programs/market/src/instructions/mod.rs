//! One file per instruction: its accounts, their validation, and what it does.

pub mod buy;
pub mod create_listing;
pub mod deliver;
pub mod initialize;
pub mod rate;
pub mod refund;
pub mod withdraw_listing;

pub use buy::*;
pub use create_listing::*;
pub use deliver::*;
pub use initialize::*;
pub use rate::*;
pub use refund::*;
pub use withdraw_listing::*;
