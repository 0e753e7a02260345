//! Creates the token account that will hold all bonds.

use anchor_lang::prelude::*;
use anchor_spl::{
    mint::Mint,
    token::{self, TokenAccount},
};
use lumora_interface::rewards;

use crate::{error::RegistryError, state::Network};

/// Accounts of `create_vault`.
#[derive(Accounts)]
pub struct CreateVault {
    /// Pays.
    #[account(mut)]
    pub payer: Signer,
    /// The network; it is the vault's authority.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// The LMR mint.
    #[account(address = rewards::MINT @ RegistryError::WrongMint)]
    pub mint: Account<Mint>,
    /// The vault.
    #[account(
        init,
        payer = payer,
        seeds = [b"bond"],
        bump,
        token::mint = mint,
        token::authority = network,
    )]
    pub vault: Account<TokenAccount>,
    /// Initialises the vault.
    pub token_program: Program<Token>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<CreateVault>) -> Result<()> {
    ctx.accounts.network.bond_bump = ctx.bumps.vault;
    Ok(())
}
