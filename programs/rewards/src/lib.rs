//! The LMR mint, its emission, and payouts.

pub mod constants;
pub mod error;
pub mod events;
pub mod instructions;
pub mod state;

use anchor_lang::prelude::*;
use instructions::*;

declare_id!("CVkabRN4nqDxpcvFUYkFLdZoTUxQiWqjbSsgEq7hEpgT");

#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Lumora rewards",
    project_url: "https://github.com/lumora-network/lumora",
    contacts: "link:https://github.com/lumora-network/lumora/security/advisories/new",
    policy: "https://github.com/lumora-network/lumora/blob/main/SECURITY.md",
    source_code: "https://github.com/lumora-network/lumora/tree/main/programs/rewards"
}

#[program]
pub mod rewards {
    use super::*;

    /// Creates the LMR mint, the pool, and the early-participant pool with its LMR; only the network's authority may.
    #[discrim = 0]
    pub fn initialize(ctx: &mut Context<Initialize>, arguments: InitializeRewardsArguments) -> Result<()> {
        instructions::initialize::handler(ctx, arguments)
    }

    /// Mints the rewards of a final epoch into the pool, within the schedule; anybody may, once per epoch.
    #[discrim = 1]
    pub fn fund_epoch(ctx: &mut Context<FundEpoch>) -> Result<()> {
        instructions::fund_epoch::handler(ctx)
    }

    /// Pays a node's owner what its attestation says beyond what was claimed before; anybody may.
    #[discrim = 2]
    pub fn claim(ctx: &mut Context<Claim>) -> Result<()> {
        instructions::claim::handler(ctx)
    }

    /// Pays from the early-participant pool; only the network's authority may.
    #[discrim = 3]
    pub fn grant(ctx: &mut Context<Grant>, arguments: GrantArguments) -> Result<()> {
        instructions::grant::handler(ctx, arguments)
    }
}
