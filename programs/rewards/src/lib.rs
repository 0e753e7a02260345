//! The LMR mint, its emission, payouts, grants and fees.

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

    /// Creates the LMR mint, the pool, the early-participant pool with its LMR, and the fees' token account; only the
    /// network's authority may, once.
    #[discrim = 0]
    pub fn initialize(ctx: &mut Context<Initialize>, arguments: InitializeRewardsArguments) -> Result<()> {
        instructions::initialize::handler(ctx, arguments)
    }

    /// Mints the rewards of a final epoch into the pool, within the schedule; anybody may, once per epoch.
    #[discrim = 1]
    pub fn fund_epoch(ctx: &mut Context<FundEpoch>) -> Result<()> {
        instructions::fund_epoch::handler(ctx)
    }

    /// Pays a node's owner what its attestation says beyond what was claimed before, as far as the circuit breaker lets
    /// it; anybody may.
    #[discrim = 2]
    pub fn claim(ctx: &mut Context<Claim>) -> Result<()> {
        instructions::claim::handler(ctx)
    }

    /// Allocates LMR of the early-participant pool to a wallet, irrevocably; only the network's authority may.
    #[discrim = 3]
    pub fn grant(ctx: &mut Context<AllocateGrant>, index: u32, arguments: GrantArguments) -> Result<()> {
        instructions::grant::handler(ctx, index, arguments)
    }

    /// Pays what has vested of a grant to its recipient, and closes the grant once all is paid; anybody may.
    #[discrim = 4]
    pub fn release(ctx: &mut Context<Release>) -> Result<()> {
        instructions::release::handler(ctx)
    }

    /// Does for up to sixteen nodes what `claim` does for one that has claimed before; anybody may. The nodes' accounts follow
    /// the declared ones: attestation, reward and token account of each.
    #[discrim = 5]
    pub fn claim_many(ctx: &mut Context<ClaimMany>) -> Result<()> {
        instructions::claim_many::handler(ctx)
    }

    /// Bounds how much may be claimed in a window of time; only the network's authority may.
    #[discrim = 6]
    pub fn set_breaker(ctx: &mut Context<SetBreaker>, arguments: SetBreakerArguments) -> Result<()> {
        instructions::set_breaker::handler(ctx, arguments)
    }

    /// Burns the network's burn share of the fees and pays the rest to its authority; anybody may.
    #[discrim = 7]
    pub fn burn_fees(ctx: &mut Context<BurnFees>) -> Result<()> {
        instructions::burn_fees::handler(ctx)
    }

    /// Gives the LMR mint a name, a symbol and a URI through the Token Metadata program; only the network's authority may,
    /// once.
    #[discrim = 8]
    pub fn create_metadata(ctx: &mut Context<CreateMetadata>, name: String, symbol: String, uri: String) -> Result<()> {
        instructions::create_metadata::handler(ctx, &name, &symbol, &uri)
    }
}
