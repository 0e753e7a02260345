//! Adds LMR to an oracle's bond.

use anchor_lang::prelude::*;
use anchor_spl::{mint::Mint, token::TokenAccount};
use lumora_core::units::Lmr;
use lumora_interface::{
    bandwidth::{self, member},
    rewards, self_call, tokens,
};

use crate::{constants::VERSION, error::BandwidthError, events::OracleBondDeposited, state::OracleSet};

lumora_interface::deposit_oracle_bond_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `deposit_oracle_bond`.
#[event_cpi]
#[derive(Accounts)]
pub struct DepositOracleBond {
    /// Whose LMR it is; need not own the seat.
    pub depositor: Signer,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The LMR mint.
    #[account(address = rewards::MINT @ BandwidthError::WrongMint)]
    pub mint: Account<Mint>,
    /// The depositor's LMR.
    #[account(mut)]
    pub source: Account<TokenAccount>,
    /// The bond vault.
    #[account(mut, address = bandwidth::BOND_VAULT @ BandwidthError::WrongVault)]
    pub vault: Account<TokenAccount>,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<DepositOracleBond>, arguments: DepositOracleBondArguments) -> Result<()> {
    let amount = arguments.amount;
    require!(amount > 0, BandwidthError::AmountZero);
    let accounts = &mut ctx.accounts;
    let index = accounts.oracle_set.seat_of(&arguments.oracle)?;
    // A bond on a seat that its oracle has left would keep others from it.
    require!(
        accounts.oracle_set.states[index] == member::ACTIVE,
        BandwidthError::OracleInactive
    );
    // Seats of layout 1 have no owner: what is put there could never be withdrawn.
    require!(
        accounts.oracle_set.owners[index] != Address::default(),
        BandwidthError::OwnerMissing
    );
    require!(
        accounts.source.mint() == &rewards::MINT && accounts.source.owner() == accounts.depositor.address(),
        BandwidthError::WrongTokenAccount
    );
    require!(
        accounts.vault.mint() == &rewards::MINT && accounts.vault.owner() == accounts.oracle_set.address(),
        BandwidthError::WrongVault
    );
    tokens::transfer_checked(
        [
            accounts.source.account(),
            accounts.mint.account(),
            accounts.vault.account(),
            accounts.depositor.account(),
        ],
        amount,
        Lmr::DECIMALS,
        &[],
    )?;
    let in_vault = accounts.vault.amount();
    let set = &mut *accounts.oracle_set;
    set.bonds[index] = set.bonds[index].checked_add(amount).ok_or(BandwidthError::Overflow)?;
    set.bonded = set.bonded.checked_add(amount).ok_or(BandwidthError::Overflow)?;
    set.bonds_invariant(in_vault)?;
    let event = OracleBondDeposited {
        version: VERSION,
        index: index as u8,
        _padding: [0; 6],
        amount,
        bond: set.bonds[index],
        oracle: arguments.oracle,
    };
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
