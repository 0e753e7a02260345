//! Creates the oracle set.

use anchor_lang::prelude::*;
use lumora_interface::registry::{self, Network};

use crate::{constants::VERSION, error::BandwidthError, state::OracleSet};

lumora_interface::initialize_oracles_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `initialize`.
#[derive(Accounts)]
pub struct Initialize {
    /// The network's authority; pays.
    #[account(mut, address = network.authority @ BandwidthError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(init, payer = authority, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Initialize>, arguments: InitializeOraclesArguments) -> Result<()> {
    require!(arguments.epoch_seconds > 0, BandwidthError::DurationZero);
    let set = &mut *ctx.accounts.oracle_set;
    set.version = VERSION;
    set.bump = ctx.bumps.oracle_set;
    set.epoch_seconds = arguments.epoch_seconds;
    set.commit_seconds = arguments.commit_seconds;
    set.dispute_seconds = arguments.dispute_seconds;
    Ok(())
}
