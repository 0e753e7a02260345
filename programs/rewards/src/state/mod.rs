//! Accounts of this program.

mod emission;
mod grant;
mod reward;

pub use emission::Emission;
pub use grant::Grant;
pub use reward::Reward;
