//! Adds LMR to a node's bond.

use anchor_lang::prelude::*;
use anchor_spl::{mint::Mint, token::TokenAccount};
use lumora_core::units::Lmr;
use lumora_interface::{registry as interface, rewards, self_call, tokens};

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::BondDeposited,
    state::{Network, Node},
};

lumora_interface::deposit_bond_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `deposit_bond`.
#[event_cpi]
#[derive(Accounts)]
pub struct DepositBond {
    /// Wallet that owns the node, and whose LMR it is. A stranger who could add a little, again and again, would keep the
    /// bond from ever being wholly due, and so the node from being closed.
    #[account(address = node.owner @ RegistryError::NotOwner)]
    pub owner: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// The node.
    #[account(mut)]
    pub node: Account<Node>,
    /// The LMR mint.
    #[account(address = rewards::MINT @ RegistryError::WrongMint)]
    pub mint: Account<Mint>,
    /// The owner's LMR.
    #[account(mut)]
    pub source: Account<TokenAccount>,
    /// The bond vault.
    #[account(mut, address = interface::BOND_VAULT @ RegistryError::WrongVault)]
    pub vault: Account<TokenAccount>,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<DepositBond>, arguments: DepositBondArguments) -> Result<()> {
    let amount = arguments.amount;
    require!(amount > 0, RegistryError::AmountZero);
    {
        let accounts = &ctx.accounts;
        require!(
            accounts.source.mint() == &rewards::MINT && accounts.source.owner() == accounts.owner.address(),
            RegistryError::WrongTokenAccount
        );
        require!(
            accounts.vault.mint() == &rewards::MINT && accounts.vault.owner() == accounts.network.address(),
            RegistryError::WrongVault
        );
    }
    let accounts = &mut ctx.accounts;
    tokens::transfer_checked(
        [
            accounts.source.account(),
            accounts.mint.account(),
            accounts.vault.account(),
            accounts.owner.account(),
        ],
        amount,
        Lmr::DECIMALS,
        &[],
    )?;
    accounts.node.bond = accounts.node.bond.checked_add(amount).ok_or(RegistryError::Overflow)?;
    accounts.network.bonded = accounts
        .network
        .bonded
        .checked_add(amount)
        .ok_or(RegistryError::Overflow)?;
    // A bond that the vault does not hold would be paid from other nodes' bonds.
    require!(
        accounts.vault.amount() >= accounts.network.bonded,
        RegistryError::Invariant
    );
    let (node, bond) = (*accounts.node.address(), accounts.node.bond);
    self_call::record(
        &BondDeposited {
            version: VERSION,
            _padding: [0; 7],
            node,
            amount,
            bond,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}
