//! Ends a node's account.

use anchor_lang::prelude::*;
use lumora_interface::{registry as interface, rewards, self_call, tokens};

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::NodeClosed,
    state::{Network, Node, pay_bond},
};

/// Accounts of `close_node`.
#[event_cpi]
#[derive(Accounts)]
pub struct CloseNode {
    /// Wallet that owns the node.
    #[account(address = node.owner @ RegistryError::NotOwner)]
    pub owner: Signer,
    /// The network; it is the vault's authority.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// The node; it is closed.
    #[account(mut, close = rent_payer)]
    pub node: Account<Node>,
    /// The bond vault.
    /// CHECK: the address is fixed; mint and authority are read before it pays.
    #[account(mut, address = interface::BOND_VAULT @ RegistryError::WrongVault)]
    pub vault: UncheckedAccount,
    /// An LMR token account of the owner; any account if the node has no bond.
    /// CHECK: read before it is paid.
    #[account(mut)]
    pub destination: UncheckedAccount,
    /// Who paid the rent and gets it back; as a rule the owner.
    /// CHECK: the address that the node names. Receives lamports alone, so that it may also be the owner.
    #[account(mut, unsafe(dup), address = node.rent_payer @ RegistryError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<CloseNode>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let mut paid = 0;
    if accounts.node.bond > 0 {
        // What nobody asked back is not due, however long the rest has been.
        require!(accounts.node.unbonding == accounts.node.bond, RegistryError::BondHeld);
        require!(
            tokens::is_token_account_of(accounts.destination.account(), &rewards::MINT, accounts.owner.address()),
            RegistryError::WrongTokenAccount
        );
        paid = accounts.node.take_due(now)?;
        pay_bond(
            &mut accounts.network,
            accounts.vault.account(),
            accounts.destination.account(),
            paid,
        )?;
    }
    let event = NodeClosed {
        version: VERSION,
        _padding: [0; 7],
        node: *accounts.node.address(),
        owner: *accounts.owner.address(),
        paid,
    };
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
