//! Draws the seed of an epoch.

use anchor_lang::prelude::*;
use lumora_core::seed::{self, Draw};

use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::{SeedDrawn, SeedPostponed},
    state::Epoch,
};

/// Address of the sysvar with the hashes of recent slots.
const SLOT_HASHES: Address = Address::from_str_const("SysvarS1otHashes111111111111111111111111111");

/// Accounts of `draw_seed`. Nobody signs: whoever draws, and when, makes no difference.
#[derive(Accounts)]
pub struct DrawSeed {
    /// The epoch.
    #[account(mut)]
    pub epoch: Account<Epoch>,
    /// CHECK: the address is checked; the rule in `core` reads it.
    #[account(address = SLOT_HASHES @ BandwidthError::SlotHashMissing)]
    pub slot_hashes: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<DrawSeed>) -> Result<()> {
    let epoch = &mut *ctx.accounts.epoch;
    require!(!epoch.plain().is_drawn(), BandwidthError::SeedDrawn);
    let number = epoch.epoch;
    let draw = seed::draw(
        number,
        epoch.seed_slot,
        &ctx.accounts.slot_hashes.account().try_borrow()?,
    )
    .ok_or(BandwidthError::SlotHashMissing)?;
    match draw {
        Draw::Drawn { slot, seed } => {
            epoch.seed = seed;
            epoch.seed_slot = slot;
            epoch.invariant()?;
            emit!(SeedDrawn {
                version: VERSION,
                _padding: [0; 7],
                epoch: number,
                slot,
                seed,
            });
            Ok(())
        }
        Draw::TooEarly => Err(BandwidthError::SeedTooEarly.into()),
        Draw::TooLate => {
            let seed_slot = Clock::get()?
                .slot
                .checked_add(seed::DELAY_SLOTS)
                .ok_or(BandwidthError::Overflow)?;
            epoch.seed_slot = seed_slot;
            emit!(SeedPostponed {
                version: VERSION,
                _padding: [0; 7],
                epoch: number,
                seed_slot,
            });
            Ok(())
        }
    }
}
