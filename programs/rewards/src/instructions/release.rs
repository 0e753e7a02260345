//! Pays what has vested of a grant.

use anchor_lang::{AccountClose, cpi::CpiSigner, prelude::*};
use anchor_spl::{mint::Mint, token::TokenAccount};
use lumora_core::units::Lmr;
use lumora_interface::{rewards as interface, self_call, tokens};

use crate::{
    constants::VERSION,
    error::RewardsError,
    events::GrantReleased,
    state::{Emission, Grant},
};

/// Accounts of `release`. Nobody needs to sign: the LMR goes to the recipient, the rent to whoever paid it.
#[event_cpi]
#[derive(Accounts)]
pub struct Release {
    /// The grant; its owner and discriminator are checked.
    #[account(mut)]
    pub grant: Account<Grant>,
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// The LMR mint.
    #[account(address = interface::MINT @ RewardsError::WrongMint)]
    pub mint: Account<Mint>,
    /// The early-participant pool.
    #[account(mut, address = interface::EARLY_POOL @ RewardsError::WrongPool)]
    pub early_pool: Account<TokenAccount>,
    /// An LMR token account of the recipient.
    /// CHECK: program, mint and owner are checked in the handler.
    #[account(mut)]
    pub destination: UncheckedAccount,
    /// Who paid the grant's rent.
    /// CHECK: the address that the grant recorded.
    #[account(mut, address = grant.rent_payer @ RewardsError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<Release>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let (index, recipient) = (accounts.grant.index, accounts.grant.recipient);
    let pool = &accounts.early_pool;
    require!(
        pool.mint() == &interface::MINT && pool.owner() == accounts.emission.address(),
        RewardsError::WrongPool
    );
    require!(
        tokens::is_token_account_of(accounts.destination.account(), &interface::MINT, &recipient),
        RewardsError::WrongTokenAccount
    );
    let amount = accounts.grant.releasable(&accounts.emission, now)?;
    require!(amount > 0, RewardsError::NothingVested);

    let released = accounts.grant.released.checked_add(amount);
    accounts.grant.released = released.ok_or(RewardsError::Overflow)?;
    let left = accounts.emission.early_outstanding.checked_sub(amount);
    accounts.emission.early_outstanding = left.ok_or(RewardsError::Invariant)?;
    accounts.emission.invariant()?;
    let outstanding = accounts.grant.outstanding()?;

    let bump = [accounts.emission.bump];
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
    if outstanding == 0 {
        accounts.grant.close(*accounts.rent_payer.account())?;
    }
    self_call::record(
        &GrantReleased {
            version: VERSION,
            _padding: [0; 3],
            index,
            recipient,
            amount,
            outstanding,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}
