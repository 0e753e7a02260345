//! Removes an oracle from the set.

use anchor_lang::prelude::*;
use lumora_interface::{
    bandwidth::member,
    registry::{self, Network},
};

use crate::{constants::VERSION, error::BandwidthError, events::OracleRemoved, state::OracleSet};

lumora_interface::remove_oracle_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `remove_oracle`.
#[derive(Accounts)]
pub struct RemoveOracle {
    /// The network's authority, or the wallet that owns the oracle's seat.
    pub remover: Signer,
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
}

pub(crate) fn handler(ctx: &mut Context<RemoveOracle>, arguments: RemoveOracleArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let set = &mut *ctx.accounts.oracle_set;
    let index = set.seat_of(&arguments.oracle)?;
    let remover = ctx.accounts.remover.address();
    require!(
        anchor_lang::address_eq(remover, &set.owners[index])
            || anchor_lang::address_eq(remover, &ctx.accounts.network.authority),
        BandwidthError::NotOwnerOrAuthority
    );
    require!(set.states[index] == member::ACTIVE, BandwidthError::OracleInactive);
    // It stays a member of the epochs that are open: their quorums count on it.
    set.states[index] = member::REMOVED;
    set.until[index] = set.next_epoch;
    set.unbonds_at[index] = now.checked_add(set.unbonding_seconds).ok_or(BandwidthError::Overflow)?;
    let set_version = set.raise_version()?;
    let (until, unbonds_at) = (set.until[index], set.unbonds_at[index]);
    emit!(OracleRemoved {
        version: VERSION,
        index: index as u8,
        _padding: [0; 2],
        set_version,
        until,
        unbonds_at,
        oracle: arguments.oracle,
    });
    Ok(())
}
