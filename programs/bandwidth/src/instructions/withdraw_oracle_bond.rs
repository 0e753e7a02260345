//! Pays the bond of a removed oracle back.

use anchor_lang::{cpi::CpiSigner, prelude::*};
use anchor_spl::{mint::Mint, token::TokenAccount};
use lumora_core::units::Lmr;
use lumora_interface::{
    bandwidth::{self, member},
    rewards, self_call, tokens,
};

use crate::{constants::VERSION, error::BandwidthError, events::OracleBondWithdrawn, state::OracleSet};

lumora_interface::withdraw_oracle_bond_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `withdraw_oracle_bond`.
#[event_cpi]
#[derive(Accounts)]
pub struct WithdrawOracleBond {
    /// The wallet that owns the oracle's seat.
    pub owner: Signer,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The LMR mint.
    #[account(address = rewards::MINT @ BandwidthError::WrongMint)]
    pub mint: Account<Mint>,
    /// The bond vault.
    #[account(mut, address = bandwidth::BOND_VAULT @ BandwidthError::WrongVault)]
    pub vault: Account<TokenAccount>,
    /// A token account of the owner.
    #[account(mut)]
    pub destination: Account<TokenAccount>,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<WithdrawOracleBond>, arguments: WithdrawOracleBondArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let owner = *accounts.owner.address();
    let set = &mut *accounts.oracle_set;
    let index = set.seat_of(&arguments.oracle)?;
    require!(
        anchor_lang::address_eq(&owner, &set.owners[index]),
        BandwidthError::NotOwner
    );
    require!(set.states[index] != member::ACTIVE, BandwidthError::OracleServes);
    require!(now >= set.unbonds_at[index], BandwidthError::BondLocked);
    let amount = set.bonds[index];
    require!(amount > 0, BandwidthError::BondEmpty);
    set.bonds[index] = 0;
    set.bonded = set.bonded.checked_sub(amount).ok_or(BandwidthError::Invariant)?;
    let bump = [set.bump];
    require!(
        accounts.vault.mint() == &rewards::MINT && accounts.vault.owner() == accounts.oracle_set.address(),
        BandwidthError::WrongVault
    );
    require!(
        accounts.destination.mint() == &rewards::MINT && accounts.destination.owner() == &owner,
        BandwidthError::WrongTokenAccount
    );
    tokens::transfer_checked(
        [
            accounts.vault.account(),
            accounts.mint.account(),
            accounts.destination.account(),
            accounts.oracle_set.account(),
        ],
        amount,
        Lmr::DECIMALS,
        &[CpiSigner::from(&OracleSet::signer_seeds(&bump))],
    )?;
    accounts.oracle_set.bonds_invariant(accounts.vault.amount())?;
    self_call::record(
        &OracleBondWithdrawn {
            version: VERSION,
            index: index as u8,
            _padding: [0; 6],
            amount,
            oracle: arguments.oracle,
            owner,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
