//! Names the treasury.

use anchor_lang::prelude::*;
use lumora_interface::{
    registry::{self, Network},
    rewards, tokens,
};

use crate::{constants::VERSION, error::MarketError, state::MarketConfig};

/// Accounts of `initialize`.
#[derive(Accounts)]
pub struct Initialize {
    /// The network's authority; pays.
    #[account(mut, address = network.authority @ MarketError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK @ MarketError::WrongNetwork)]
    pub network: Account<Network>,
    /// Token account that will receive the fees: the one that `rewards` burns a share of. Only a program controls it, so
    /// nobody can close it, and no delivery can fail for want of it.
    /// CHECK: a fixed address; program and mint are read here.
    #[account(
        address = rewards::FEES @ MarketError::WrongTreasury,
        constraint = tokens::is_token_account(treasury.account(), &network.lmr_mint) @ MarketError::WrongTreasury,
    )]
    pub treasury: UncheckedAccount,
    /// Where the treasury is written down.
    #[account(init, payer = authority, seeds = [b"config"], bump)]
    pub config: Account<MarketConfig>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Initialize>) -> Result<()> {
    let treasury = *ctx.accounts.treasury.address();
    let config = &mut *ctx.accounts.config;
    config.version = VERSION;
    config.bump = ctx.bumps.config;
    config.treasury = treasury;
    Ok(())
}
