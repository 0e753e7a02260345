//! Program `rewards`: the LMR mint, its emission, and payouts.

mod arguments;
mod emission;
mod error;
mod events;
mod reward;

pub use arguments::{GrantArguments, InitializeRewardsArguments};
pub use emission::Emission;
pub use error::RewardsError;
pub use events::{EmissionInitialized, EpochFunded, Granted, RewardClaimed};
pub use reward::Reward;

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("CVkabRN4nqDxpcvFUYkFLdZoTUxQiWqjbSsgEq7hEpgT");

/// Address of the one [`Emission`], which is also the authority of the mint and of both token accounts.
pub const EMISSION: Address = Address::from_str_const("8zUapxdifeBicHUmUAoCDMSBqXMmomFzmRWhh2RkyE7k");

/// Address of the LMR mint.
pub const MINT: Address = Address::from_str_const("4hrsYK6KAu9PT7oeUTKGsro1R7Br18pKdvotXNeiwYPY");

/// Address of the token account with the LMR waiting to be claimed.
pub const POOL: Address = Address::from_str_const("F26vZZABrdQAfgRg7oa45y3yiFqDCh9JGoRnbujhVkof");

/// Address of the token account of the early-participant pool.
pub const EARLY_POOL: Address = Address::from_str_const("EV5EBfDb8qJJYuRSvwAhsqonXs9mLRTMEpgbcqYPVWTm");

/// First seed of each derived address.
pub mod seed {
    /// The one [`Emission`](super::Emission), which is also the authority of the mint and of both token accounts.
    pub const EMISSION: &[u8] = b"emission";
    /// The LMR mint.
    pub const MINT: &[u8] = b"lmr";
    /// Token account with the LMR waiting to be claimed.
    pub const POOL: &[u8] = b"pool";
    /// Token account with the LMR of the early-participant pool.
    pub const EARLY: &[u8] = b"early";
    /// A [`Reward`](super::Reward); followed by the address of the node's account.
    pub const REWARD: &[u8] = b"reward";
}

instructions! {
    INITIALIZE = 0, initialize;
    FUND_EPOCH = 1, fund_epoch;
    CLAIM = 2, claim;
    GRANT = 3, grant;
}

/// LMR base units minted into the early-participant pool at genesis: 15 % of the cap of one thousand million LMR.
pub const EARLY_POOL_AMOUNT: u64 = 150_000_000_000_000;

/// Most LMR base units that may ever be minted, the early-participant pool included.
pub const SUPPLY_CAP: u64 = 1_000_000_000_000_000;

/// Address and bump of the [`Reward`] of the node whose account is `node`.
pub fn reward_address(node: &Address) -> (Address, u8) {
    Address::find_program_address(&[seed::REWARD, node.as_ref()], &ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_addresses_are_those_of_their_seeds() {
        let derived = |seed| Address::find_program_address(&[seed], &ID).0;
        assert_eq!(EMISSION, derived(seed::EMISSION));
        assert_eq!(MINT, derived(seed::MINT));
        assert_eq!(POOL, derived(seed::POOL));
        assert_eq!(EARLY_POOL, derived(seed::EARLY));
    }

    #[test]
    fn discriminators_are_those_the_framework_computes() {
        assert_discriminators!("account", crate::Account, Emission, Reward);
        assert_discriminators!(
            "event",
            crate::Event,
            EmissionInitialized,
            EpochFunded,
            RewardClaimed,
            Granted
        );
    }
}
