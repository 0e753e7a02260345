//! Commits an oracle to its receipts of an epoch.

use anchor_lang::prelude::*;
use lumora_interface::bandwidth::epoch_state;

use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::BundleCommitted,
    state::{Epoch, OracleSet},
};

lumora_interface::commit_bundle_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `commit_bundle`.
#[derive(Accounts)]
pub struct CommitBundle {
    /// The oracle.
    pub oracle: Signer,
    /// The oracle set.
    #[account(seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The epoch.
    #[account(mut)]
    pub epoch: Account<Epoch>,
}

pub(crate) fn handler(ctx: &mut Context<CommitBundle>, arguments: CommitBundleArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let epoch = &mut *ctx.accounts.epoch;
    let index = epoch.member(
        &ctx.accounts.oracle_set,
        ctx.accounts.oracle.address(),
        BandwidthError::NotOracle,
    )?;
    require!(epoch.plain().is_drawn(), BandwidthError::SeedNotDrawn);
    require!(epoch.state == epoch_state::OPEN, BandwidthError::EpochAttested);
    require!(now <= epoch.cutoff_at, BandwidthError::CutoffPassed);
    // A member's index is below 32.
    let bit = 1u32 << index;
    require!(epoch.committed & bit == 0, BandwidthError::BundleCommitted);
    require!(
        arguments.count > 0 && arguments.root != [0; 32],
        BandwidthError::BundleEmpty
    );
    epoch.committed |= bit;
    epoch.bundle_roots[index] = arguments.root;
    epoch.bundle_counts[index] = arguments.count;
    epoch.invariant()?;
    let number = epoch.epoch;
    emit!(BundleCommitted {
        version: VERSION,
        oracle: index as u8,
        _padding: [0; 2],
        count: arguments.count,
        epoch: number,
        root: arguments.root,
    });
    Ok(())
}
