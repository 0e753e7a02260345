//! Creates the token account that will hold the oracles' bonds.

use anchor_lang::prelude::*;
use anchor_spl::{
    mint::Mint,
    token::{self, TokenAccount},
};
use lumora_interface::rewards;

use crate::{error::BandwidthError, state::OracleSet};

/// Accounts of `create_oracle_vault`.
#[derive(Accounts)]
pub struct CreateOracleVault {
    /// Pays.
    #[account(mut)]
    pub payer: Signer,
    /// The oracle set; it is the vault's authority.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The LMR mint.
    #[account(address = rewards::MINT @ BandwidthError::WrongMint)]
    pub mint: Account<Mint>,
    /// The vault.
    #[account(
        init,
        payer = payer,
        seeds = [b"bond"],
        bump,
        token::mint = mint,
        token::authority = oracle_set,
    )]
    pub vault: Account<TokenAccount>,
    /// Initialises the vault.
    pub token_program: Program<Token>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<CreateOracleVault>) -> Result<()> {
    ctx.accounts.oracle_set.vault_bump = ctx.bumps.vault;
    Ok(())
}
