//! Closes the account of an epoch that nobody needs any more.

use anchor_lang::prelude::*;
use lumora_interface::bandwidth::epoch_state;

use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::EpochClosed,
    state::{Epoch, OracleSet},
};

/// Accounts of `close_epoch`.
#[derive(Accounts)]
pub struct CloseEpoch {
    /// The oracle set.
    #[account(seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The epoch; it is closed.
    #[account(mut, close = rent_payer)]
    pub epoch: Account<Epoch>,
    /// Whoever opened it: receives the rent.
    /// CHECK: the address that the epoch names.
    #[account(mut, address = epoch.rent_payer @ BandwidthError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<CloseEpoch>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let (set, epoch) = (&ctx.accounts.oracle_set, &ctx.accounts.epoch);
    let kept_until = epoch
        .ends_at
        .checked_add(i64::from(set.retention_seconds))
        .ok_or(BandwidthError::Overflow)?;
    require!(now >= kept_until, BandwidthError::RetentionRunning);
    let unsettled_from = set.plain().unsettled_from(now);
    // The epoch attested last always stays: its leaves are the lifetime figures that are claimed, and that the next build on.
    let is_needed = if epoch.state == epoch_state::ATTESTED {
        epoch.epoch.checked_add(1).is_none_or(|next| next >= unsettled_from)
    } else {
        epoch.epoch >= unsettled_from
    };
    require!(!is_needed, BandwidthError::EpochNeeded);
    let (number, rent_payer) = (epoch.epoch, epoch.rent_payer);
    emit!(EpochClosed {
        version: VERSION,
        _padding: [0; 7],
        epoch: number,
        rent_payer,
    });
    Ok(())
}
