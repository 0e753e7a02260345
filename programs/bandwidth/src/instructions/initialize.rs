//! Creates the oracle set.

use anchor_lang::prelude::*;
use lumora_interface::{
    bandwidth::ORACLE_SET_VERSION,
    registry::{self, Network},
};

use crate::{error::BandwidthError, state::OracleSet};

lumora_interface::initialize_oracles_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `initialize`.
#[derive(Accounts)]
pub struct Initialize {
    /// The network's authority; pays.
    #[account(mut, address = network.authority @ BandwidthError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(init, payer = authority, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Initialize>, arguments: InitializeOraclesArguments) -> Result<()> {
    require!(arguments.epoch_seconds > 0, BandwidthError::DurationZero);
    let longest_course = i64::from(arguments.epoch_seconds)
        .checked_add(i64::from(arguments.commit_seconds))
        .and_then(|sum| sum.checked_add(i64::from(arguments.dispute_seconds)))
        .ok_or(BandwidthError::Overflow)?;
    // An oracle removed in an epoch's first second is still a member of it: its bond must outlast what it can do there.
    require!(
        arguments.unbonding_seconds >= longest_course,
        BandwidthError::UnbondingShort
    );
    let set = &mut *ctx.accounts.oracle_set;
    set.version = ORACLE_SET_VERSION;
    set.bump = ctx.bumps.oracle_set;
    set.epoch_seconds = arguments.epoch_seconds;
    set.commit_seconds = arguments.commit_seconds;
    set.dispute_seconds = arguments.dispute_seconds;
    set.minimum_bond = arguments.minimum_bond;
    set.unbonding_seconds = arguments.unbonding_seconds;
    set.retention_seconds = arguments.retention_seconds;
    Ok(())
}
