//! Pays a node's owner what its attestation says beyond what was claimed before.

use anchor_lang::{
    Id,
    cpi::{CpiSigner, InstructionAccount, InstructionView, find_and_verify_program_address},
    pinocchio::cpi::invoke,
    prelude::*,
};
use anchor_spl::{associated_token::AssociatedToken, mint::Mint, token::TokenAccount};
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
    /// Pays for the reward's account the first time, and for the owner's token account if there is none. May be the owner.
    #[account(mut, unsafe(dup))]
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
    /// Any LMR token account of the node's owner. The associated one is created if it does not exist.
    /// CHECK: program, mint and owner are checked in the handler.
    #[account(mut)]
    pub destination: UncheckedAccount,
    /// The node's owner.
    /// CHECK: the wallet that the node names.
    #[account(address = node.owner @ RewardsError::WrongOwner)]
    pub owner: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
    /// Creates the owner's token account.
    pub associated_token_program: Program<AssociatedToken>,
    /// Creates the accounts.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Claim>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let node = *ctx.accounts.node.address();
    let owner = ctx.accounts.node.owner;
    let lifetime = ctx.accounts.attestation.cumulative_reward;
    let epoch = ctx.accounts.attestation.epoch;

    let payer = *ctx.accounts.payer.address();
    let reward = &mut *ctx.accounts.reward;
    if reward.version == 0 {
        reward.version = VERSION;
        reward.bump = ctx.bumps.reward;
        reward.node = node;
        reward.rent_payer = payer;
    }
    require!(anchor_lang::address_eq(&reward.node, &node), RewardsError::WrongReward);
    reward.owner = owner;
    let due = reward.due(lifetime)?;
    if due == 0 {
        return Ok(());
    }

    let bump = [ctx.accounts.emission.bump];
    let accounts = &mut ctx.accounts;
    open_destination(accounts)?;
    check_token_accounts(accounts, &owner)?;
    let amount = accounts.emission.claim(due, now)?;
    require!(amount > 0, RewardsError::BreakerTripped);
    require!(accounts.pool.amount() >= amount, RewardsError::PoolShort);
    accounts.emission.invariant()?;
    accounts.reward.pay(amount, now)?;
    let claimed = accounts.reward.claimed;
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
            claimed,
            epoch,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}

/// Creates the owner's associated LMR token account if the destination does not exist. Lamports that somebody has sent there
/// do not make it exist.
fn open_destination(accounts: &Claim) -> Result<()> {
    if !accounts.destination.account().owned_by(&System::id()) {
        return Ok(());
    }
    let (token_program, owner) = (Token::id(), accounts.owner.address());
    find_and_verify_program_address(
        &[owner.as_ref(), token_program.as_ref(), interface::MINT.as_ref()],
        &AssociatedToken::id(),
        accounts.destination.address(),
    )
    .map_err(|_| RewardsError::WrongTokenAccount)?;
    invoke(
        &InstructionView {
            program_id: &AssociatedToken::id(),
            accounts: &[
                InstructionAccount::writable_signer(accounts.payer.address()),
                InstructionAccount::writable(accounts.destination.address()),
                InstructionAccount::readonly(owner),
                InstructionAccount::readonly(accounts.mint.address()),
                InstructionAccount::readonly(accounts.system_program.address()),
                InstructionAccount::readonly(accounts.token_program.address()),
            ],
            // `Create`
            data: &[0],
        },
        &[
            accounts.payer.account(),
            accounts.destination.account(),
            accounts.owner.account(),
            accounts.mint.account(),
            accounts.system_program.account(),
            accounts.token_program.account(),
        ],
    )
}

/// Whether value can only move from the program's pool to the owner of the node.
fn check_token_accounts(accounts: &Claim, owner: &Address) -> Result<()> {
    let pool = &accounts.pool;
    require!(
        pool.mint() == &interface::MINT && pool.owner() == accounts.emission.address(),
        RewardsError::WrongPool
    );
    require!(
        tokens::is_token_account_of(accounts.destination.account(), &interface::MINT, owner),
        RewardsError::WrongTokenAccount
    );
    Ok(())
}
