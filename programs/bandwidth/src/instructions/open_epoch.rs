//! Opens the next epoch.

use anchor_lang::prelude::*;
use lumora_core::{quorum, seed};
use lumora_interface::bandwidth::{EPOCH_OPENED_VERSION, epoch_state};

use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::EpochOpened,
    state::{Epoch, OracleSet},
};

/// Accounts of `open_epoch`.
#[derive(Accounts)]
pub struct OpenEpoch {
    /// Pays, and gets the rent back.
    #[account(mut)]
    pub payer: Signer,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The epoch.
    #[account(init, payer = payer, seeds = [b"epoch", &oracle_set.next_epoch.to_le_bytes()], bump)]
    pub epoch: Account<Epoch>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<OpenEpoch>) -> Result<()> {
    let clock = Clock::get()?;
    let now = clock.unix_timestamp;
    let payer = *ctx.accounts.payer.address();
    let set = &mut *ctx.accounts.oracle_set;
    let number = set.next_epoch;
    let after = |time: i64, seconds: u32| time.checked_add(i64::from(seconds)).ok_or(BandwidthError::Overflow);
    require!(
        number == 0 || now >= after(set.opened_at, set.epoch_seconds)?,
        BandwidthError::TooEarly
    );
    let members = set.members_in(number);
    require!(members != 0, BandwidthError::NoOracles);
    let ends_at = after(now, set.epoch_seconds)?;
    let cutoff_at = after(ends_at, set.commit_seconds)?;
    // At most 22 of 32.
    let quorum = quorum::required(members.count_ones()) as u8;
    let seed_slot = clock
        .slot
        .checked_add(seed::DELAY_SLOTS)
        .ok_or(BandwidthError::Overflow)?;

    let epoch = &mut *ctx.accounts.epoch;
    epoch.version = VERSION;
    epoch.bump = ctx.bumps.epoch;
    epoch.state = epoch_state::OPEN;
    epoch.quorum = quorum;
    epoch.members = members;
    epoch.epoch = number;
    epoch.seed_slot = seed_slot;
    epoch.starts_at = now;
    epoch.ends_at = ends_at;
    epoch.cutoff_at = cutoff_at;
    epoch.set_version = set.set_version;
    epoch.rent_payer = payer;
    epoch.invariant()?;
    set.next_epoch = number.checked_add(1).ok_or(BandwidthError::Overflow)?;
    set.opened_at = now;
    emit!(EpochOpened {
        version: EPOCH_OPENED_VERSION,
        quorum,
        _padding: [0; 2],
        members,
        epoch: number,
        seed_slot,
        ends_at,
        cutoff_at,
    });
    Ok(())
}
