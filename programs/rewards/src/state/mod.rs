//! Accounts of this program.

mod emission;
mod reward;

pub use emission::Emission;
pub use reward::Reward;
