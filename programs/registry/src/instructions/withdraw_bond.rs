//! Pays out the bond that was asked back.

use anchor_lang::prelude::*;
use lumora_interface::{registry as interface, rewards, self_call, tokens};

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::BondWithdrawn,
    state::{Network, Node, pay_bond},
};

/// Accounts of `withdraw_bond`.
#[event_cpi]
#[derive(Accounts)]
pub struct WithdrawBond {
    /// Wallet that owns the node.
    #[account(address = node.owner @ RegistryError::NotOwner)]
    pub owner: Signer,
    /// The network; it is the vault's authority.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// The node.
    #[account(mut)]
    pub node: Account<Node>,
    /// The bond vault.
    /// CHECK: the address is fixed; mint and authority are read before it pays.
    #[account(mut, address = interface::BOND_VAULT @ RegistryError::WrongVault)]
    pub vault: UncheckedAccount,
    /// An LMR token account of the owner.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(destination.account(), &rewards::MINT, owner.address())
            @ RegistryError::WrongTokenAccount,
    )]
    pub destination: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<WithdrawBond>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let amount = accounts.node.take_due(now)?;
    pay_bond(
        &mut accounts.network,
        accounts.vault.account(),
        accounts.destination.account(),
        amount,
    )?;
    let event = BondWithdrawn {
        version: VERSION,
        _padding: [0; 7],
        node: *accounts.node.address(),
        owner: *accounts.owner.address(),
        amount,
        bond: accounts.node.bond,
    };
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
