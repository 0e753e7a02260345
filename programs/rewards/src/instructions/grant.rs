//! Allocates LMR of the early-participant pool to a wallet.

use anchor_lang::prelude::*;
use anchor_spl::token::TokenAccount;
use lumora_interface::{
    registry::{self, Network},
    rewards as interface, self_call,
};

use crate::{
    constants::VERSION,
    error::RewardsError,
    events::Granted,
    state::{Emission, Grant},
};

lumora_interface::grant_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `grant`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(index: u32)]
pub struct AllocateGrant {
    /// The network's authority; pays the grant's rent. May be the recipient.
    #[account(mut, unsafe(dup), address = network.authority @ RewardsError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK @ RewardsError::WrongNetwork)]
    pub network: Account<Network>,
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// The early-participant pool, which must hold what is granted.
    #[account(address = interface::EARLY_POOL @ RewardsError::WrongPool)]
    pub early_pool: Account<TokenAccount>,
    /// Wallet that the grant is for.
    /// CHECK: any wallet; only its address is used.
    pub recipient: UncheckedAccount,
    /// The grant.
    #[account(
        init,
        payer = authority,
        seeds = [b"grant", recipient.address().as_ref(), &index.to_le_bytes()],
        bump
    )]
    pub grant: Account<Grant>,
    /// Creates the grant's account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<AllocateGrant>, index: u32, arguments: GrantArguments) -> Result<()> {
    let amount = arguments.amount;
    require!(amount > 0, RewardsError::AmountZero);
    let now = Clock::get()?.unix_timestamp;
    let (authority, recipient) = (*ctx.accounts.authority.address(), *ctx.accounts.recipient.address());
    let accounts = &mut ctx.accounts;
    let pool = &accounts.early_pool;
    require!(
        pool.mint() == &interface::MINT && pool.owner() == accounts.emission.address(),
        RewardsError::WrongPool
    );

    let emission = &mut accounts.emission;
    let outstanding = emission
        .early_outstanding
        .checked_add(amount)
        .ok_or(RewardsError::Overflow)?;
    // What was promised to others stays in the pool until it vests: it cannot be granted a second time.
    require!(pool.amount() >= outstanding, RewardsError::EarlyPoolShort);
    let granted = emission
        .early_granted
        .checked_add(amount)
        .ok_or(RewardsError::Overflow)?;
    emission.early_outstanding = outstanding;
    emission.early_granted = granted;
    emission.invariant()?;

    let grant = &mut *accounts.grant;
    grant.version = VERSION;
    grant.bump = ctx.bumps.grant;
    grant.index = index;
    grant.recipient = recipient;
    grant.amount = amount;
    grant.starts_at = now;
    grant.rent_payer = authority;

    self_call::record(
        &Granted {
            version: VERSION,
            _padding: [0; 3],
            index,
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
