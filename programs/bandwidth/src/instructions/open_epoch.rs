//! Opens the next epoch.

use anchor_lang::prelude::*;
use lumora_core::{
    hash::{Hash, sha256},
    quorum,
};
use lumora_interface::bandwidth::epoch_state;

use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::EpochOpened,
    state::{Epoch, OracleSet},
};

/// Address of the sysvar with the hashes of recent slots.
const SLOT_HASHES: Address = Address::from_str_const("SysvarS1otHashes111111111111111111111111111");

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
    /// CHECK: the address is checked; only the newest entry is read.
    #[account(address = SLOT_HASHES @ BandwidthError::SlotHashMissing)]
    pub slot_hashes: UncheckedAccount,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<OpenEpoch>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let (seed_slot, slot_hash) = newest_slot_hash(ctx.accounts.slot_hashes.account())?;
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
    // Everybody who is to be measured is registered by now: nobody can register for the challengers that it would get.
    let seed = sha256(&[b"lumora epoch seed v1", &number.to_le_bytes(), &slot_hash]);

    let epoch = &mut *ctx.accounts.epoch;
    epoch.version = VERSION;
    epoch.bump = ctx.bumps.epoch;
    epoch.state = epoch_state::OPEN;
    epoch.quorum = quorum;
    epoch.members = members;
    epoch.epoch = number;
    epoch.seed = seed;
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
        version: VERSION,
        quorum,
        _padding: [0; 2],
        members,
        epoch: number,
        seed,
        ends_at,
        cutoff_at,
    });
    Ok(())
}

/// The sysvar holds a count (u64), then slot (u64) and hash of each slot, the newest first.
fn newest_slot_hash(sysvar: &AccountView) -> Result<(u64, Hash)> {
    let data = sysvar.try_borrow()?;
    let slot = data.get(8..).and_then(|rest| rest.first_chunk::<8>());
    let hash = data.get(16..).and_then(|rest| rest.first_chunk::<32>());
    let (Some(slot), Some(hash)) = (slot, hash) else {
        return Err(BandwidthError::SlotHashMissing.into());
    };
    Ok((u64::from_le_bytes(*slot), *hash))
}
