//! Pays from the early-participant pool.

use anchor_lang::{cpi::CpiSigner, prelude::*};
use anchor_spl::{mint::Mint, token::TokenAccount};
use lumora_core::units::Lmr;
use lumora_interface::{
    registry::{self, Network},
    rewards as interface, self_call, tokens,
};

use crate::{constants::VERSION, error::RewardsError, events::Granted, state::Emission};

lumora_interface::grant_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `grant`.
#[event_cpi]
#[derive(Accounts)]
pub struct Grant {
    /// The network's authority.
    #[account(address = network.authority @ RewardsError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// The LMR mint.
    #[account(address = interface::MINT @ RewardsError::WrongMint)]
    pub mint: Account<Mint>,
    /// The early-participant pool.
    #[account(mut, address = interface::EARLY_POOL @ RewardsError::WrongPool)]
    pub early_pool: Account<TokenAccount>,
    /// The recipient's token account.
    #[account(mut)]
    pub destination: Account<TokenAccount>,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<Grant>, arguments: GrantArguments) -> Result<()> {
    let amount = arguments.amount;
    require!(amount > 0, RewardsError::AmountZero);
    let bump = [ctx.accounts.emission.bump];
    let accounts = &mut ctx.accounts;
    let (pool, destination) = (&accounts.early_pool, &accounts.destination);
    require!(
        pool.mint() == &interface::MINT && pool.owner() == accounts.emission.address(),
        RewardsError::WrongPool
    );
    require!(destination.mint() == &interface::MINT, RewardsError::WrongTokenAccount);
    require!(pool.amount() >= amount, RewardsError::EarlyPoolShort);
    let recipient = *destination.owner();

    let granted = accounts
        .emission
        .early_granted
        .checked_add(amount)
        .ok_or(RewardsError::Overflow)?;
    accounts.emission.early_granted = granted;
    accounts.emission.invariant()?;
    tokens::transfer_checked(
        [
            accounts.early_pool.account(),
            accounts.mint.account(),
            accounts.destination.account(),
            accounts.emission.account(),
        ],
        amount,
        Lmr::DECIMALS,
        &[CpiSigner::from(&Emission::signer_seeds(&bump))],
    )?;
    self_call::record(
        &Granted {
            version: VERSION,
            _padding: [0; 7],
            recipient,
            amount,
            granted,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}
