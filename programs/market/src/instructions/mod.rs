//! One file per instruction: its accounts, their validation, and what it does.

pub mod add_bond;
pub mod buy;
pub mod close_listing;
pub mod close_purchase;
pub mod create_listing;
pub mod deliver;
pub mod initialize;
pub mod rate;
pub mod refund;
pub mod update_listing;
pub mod withdraw_bond;
pub mod withdraw_listing;

pub use add_bond::*;
pub use buy::*;
pub use close_listing::*;
pub use close_purchase::*;
pub use create_listing::*;
pub use deliver::*;
pub use initialize::*;
pub use rate::*;
pub use refund::*;
pub use update_listing::*;
pub use withdraw_bond::*;
pub use withdraw_listing::*;
