//! Program `rewards`: the LMR mint, its emission, payouts, grants and fees.

mod arguments;
mod emission;
mod error;
mod events;
mod grant;
mod reward;

pub use arguments::{GrantArguments, InitializeRewardsArguments, SetBreakerArguments};
pub use emission::Emission;
pub use error::RewardsError;
pub use events::{
    BreakerSet, EmissionInitialized, EpochFunded, FeesBurned, GrantReleased, Granted, MetadataCreated, RewardClaimed,
    RewardsClaimed,
};
pub use grant::Grant;
pub use reward::Reward;

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("CVkabRN4nqDxpcvFUYkFLdZoTUxQiWqjbSsgEq7hEpgT");

/// Address of the one [`Emission`], which is also the authority of the mint and of the token accounts.
pub const EMISSION: Address = Address::from_str_const("8zUapxdifeBicHUmUAoCDMSBqXMmomFzmRWhh2RkyE7k");

/// Address of the LMR mint.
pub const MINT: Address = Address::from_str_const("4hrsYK6KAu9PT7oeUTKGsro1R7Br18pKdvotXNeiwYPY");

/// Address of the token account with the LMR waiting to be claimed.
pub const POOL: Address = Address::from_str_const("F26vZZABrdQAfgRg7oa45y3yiFqDCh9JGoRnbujhVkof");

/// Address of the token account of the early-participant pool.
pub const EARLY_POOL: Address = Address::from_str_const("EV5EBfDb8qJJYuRSvwAhsqonXs9mLRTMEpgbcqYPVWTm");

/// Address of the token account that receives the protocol's fees, of which `burn_fees` burns a share.
pub const FEES: Address = Address::from_str_const("CsgUBG6HyqoJYQGrjYSuRQCgqQgi3UN6zq2G5AnCnk8P");

/// Address of Metaplex' Token Metadata program.
pub const TOKEN_METADATA: Address = Address::from_str_const("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s");

/// Address of the LMR mint's metadata, an account of [`TOKEN_METADATA`].
pub const METADATA: Address = Address::from_str_const("7p5vMcCWV6F7gih5xnFuWP1i35e6yx4tMwPM9X3nEhU7");

/// Name of the token in the metadata of a network that this project runs.
pub const TOKEN_NAME: &str = "Lumora";

/// Its symbol.
pub const TOKEN_SYMBOL: &str = "LMR";

/// A wallet without a key: a network that has it as its authority is renounced, and all its fees are burned.
pub const INCINERATOR: Address = Address::from_str_const("1nc1nerator11111111111111111111111111111111");

/// First seed of each derived address.
pub mod seed {
    /// The one [`Emission`](super::Emission), which is also the authority of the mint and of the token accounts.
    pub const EMISSION: &[u8] = b"emission";
    /// The LMR mint.
    pub const MINT: &[u8] = b"lmr";
    /// Token account with the LMR waiting to be claimed.
    pub const POOL: &[u8] = b"pool";
    /// Token account with the LMR of the early-participant pool.
    pub const EARLY: &[u8] = b"early";
    /// Token account that receives the protocol's fees.
    pub const FEES: &[u8] = b"fees";
    /// A [`Reward`](super::Reward); followed by the address of the node's account.
    pub const REWARD: &[u8] = b"reward";
    /// A [`Grant`](super::Grant); followed by the recipient's wallet and the grant's index, u32 little endian.
    pub const GRANT: &[u8] = b"grant";
}

instructions! {
    INITIALIZE = 0, initialize;
    FUND_EPOCH = 1, fund_epoch;
    CLAIM = 2, claim;
    GRANT = 3, grant;
    RELEASE = 4, release;
    CLAIM_MANY = 5, claim_many;
    SET_BREAKER = 6, set_breaker;
    BURN_FEES = 7, burn_fees;
    CREATE_METADATA = 8, create_metadata;
}

/// LMR base units minted into the early-participant pool at genesis: 15 % of the cap of one thousand million LMR.
pub const EARLY_POOL_AMOUNT: u64 = 150_000_000_000_000;

/// Most LMR base units that may ever be minted, the early-participant pool included.
pub const SUPPLY_CAP: u64 = 1_000_000_000_000_000;

/// Most nodes that one `claim_many` pays.
pub const MAX_CLAIMS: usize = 16;

/// Accounts that `claim_many` takes for each node after the declared ones: its attestation, its [`Reward`] (writable), and
/// an LMR token account of its owner (writable). Nodes of one owner may share the token account; those that follow one
/// another are then paid by one transfer.
pub const ACCOUNTS_PER_CLAIM: usize = 3;

/// Address and bump of the [`Reward`] of the node whose account is `node`.
pub fn reward_address(node: &Address) -> (Address, u8) {
    Address::find_program_address(&[seed::REWARD, node.as_ref()], &ID)
}

/// Address and bump of a wallet's [`Grant`].
pub fn grant_address(recipient: &Address, index: u32) -> (Address, u8) {
    Address::find_program_address(&[seed::GRANT, recipient.as_ref(), &index.to_le_bytes()], &ID)
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
        assert_eq!(FEES, derived(seed::FEES));
        let metadata: [&[u8]; 3] = [b"metadata", TOKEN_METADATA.as_ref(), MINT.as_ref()];
        assert_eq!(METADATA, Address::find_program_address(&metadata, &TOKEN_METADATA).0);
    }

    #[test]
    fn discriminators_are_those_the_framework_computes() {
        assert_discriminators!("account", crate::Account, Emission, Reward, Grant);
        assert_discriminators!(
            "event",
            crate::Event,
            EmissionInitialized,
            EpochFunded,
            RewardClaimed,
            RewardsClaimed,
            Granted,
            GrantReleased,
            BreakerSet,
            FeesBurned,
            MetadataCreated
        );
    }
}
