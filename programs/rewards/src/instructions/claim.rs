//! Pays a node's owner what its attestation says beyond what was claimed before.

use anchor_lang::{cpi::CpiSigner, prelude::*};
use anchor_spl::{mint::Mint, token::TokenAccount};
use lumora_core::units::Lmr;
use lumora_interface::{bandwidth::Attestation, registry::Node, rewards as interface, self_call, tokens};

use crate::{
    constants::VERSION,
    error::RewardsError,
    events::RewardClaimed,
    state::{Emission, Reward},
};

/// Accounts of `claim`. Anybody may call it; the LMR goes to the node's owner whoever does.
#[event_cpi]
#[derive(Accounts)]
pub struct Claim {
    /// Pays for the reward's account the first time.
    #[account(mut)]
    pub payer: Signer,
    /// The node; its owner and discriminator are checked.
    pub node: Account<Node>,
    /// The node's latest proven figures; owner, discriminator and node are checked.
    #[account(constraint = attestation.node == *node.address() @ RewardsError::WrongAttestation)]
    pub attestation: Account<Attestation>,
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// What the node has claimed.
    #[account(init_if_needed, payer = payer, seeds = [b"reward", node.address().as_ref()], bump = reward.bump)]
    pub reward: Account<Reward>,
    /// The LMR mint.
    #[account(address = interface::MINT @ RewardsError::WrongMint)]
    pub mint: Account<Mint>,
    /// LMR waiting to be claimed.
    #[account(mut, address = interface::POOL @ RewardsError::WrongPool)]
    pub pool: Account<TokenAccount>,
    /// A token account of the node's owner.
    #[account(mut)]
    pub destination: Account<TokenAccount>,
    /// Moves the LMR.
    pub token_program: Program<Token>,
    /// Creates the reward's account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Claim>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let node = *ctx.accounts.node.address();
    let owner = ctx.accounts.node.owner;
    let (lifetime, epoch) = (
        ctx.accounts.attestation.cumulative_reward,
        ctx.accounts.attestation.epoch,
    );
    check_token_accounts(&ctx.accounts, &owner)?;

    let payer = *ctx.accounts.payer.address();
    let reward = &mut *ctx.accounts.reward;
    if reward.version == 0 {
        reward.version = VERSION;
        reward.bump = ctx.bumps.reward;
        reward.node = node;
        reward.rent_payer = payer;
    }
    require!(anchor_lang::address_eq(&reward.node, &node), RewardsError::WrongReward);
    let amount = lifetime.checked_sub(reward.claimed).ok_or(RewardsError::RewardFell)?;
    if amount == 0 {
        return Ok(());
    }
    reward.claimed = lifetime;
    reward.claimed_at = now;

    let bump = [ctx.accounts.emission.bump];
    let accounts = &mut ctx.accounts;
    require!(accounts.pool.amount() >= amount, RewardsError::PoolShort);
    let claimed = accounts.emission.claimed.checked_add(amount);
    accounts.emission.claimed = claimed.ok_or(RewardsError::Overflow)?;
    accounts.emission.invariant()?;
    tokens::transfer_checked(
        [
            accounts.pool.account(),
            accounts.mint.account(),
            accounts.destination.account(),
            accounts.emission.account(),
        ],
        amount,
        Lmr::DECIMALS,
        &[CpiSigner::from(&Emission::signer_seeds(&bump))],
    )?;
    self_call::record(
        &RewardClaimed {
            version: VERSION,
            _padding: [0; 7],
            node,
            owner,
            amount,
            claimed: lifetime,
            epoch,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}

/// Whether value can only move from the program's pool to the owner of the node.
fn check_token_accounts(accounts: &Claim, owner: &Address) -> Result<()> {
    let (pool, destination) = (&accounts.pool, &accounts.destination);
    require!(
        pool.mint() == &interface::MINT && pool.owner() == accounts.emission.address(),
        RewardsError::WrongPool
    );
    require!(
        destination.mint() == &interface::MINT && destination.owner() == owner,
        RewardsError::WrongTokenAccount
    );
    Ok(())
}
