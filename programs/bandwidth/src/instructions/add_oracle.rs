//! Adds an oracle to the set.

use anchor_lang::prelude::*;
use lumora_core::quorum::MAX_ORACLES;
use lumora_interface::{
    bandwidth::member,
    registry::{self, Network},
};

use crate::{constants::VERSION, error::BandwidthError, events::OracleAdded, state::OracleSet};

lumora_interface::add_oracle_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `add_oracle`.
#[derive(Accounts)]
pub struct AddOracle {
    /// The network's authority.
    #[account(address = network.authority @ BandwidthError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
}

pub(crate) fn handler(ctx: &mut Context<AddOracle>, arguments: AddOracleArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let set = &mut *ctx.accounts.oracle_set;
    require!(arguments.key != Address::default(), BandwidthError::OracleKeyInvalid);
    require!(arguments.owner != Address::default(), BandwidthError::OwnerMissing);
    let index = vacant_seat(set, &arguments.key, now)?;
    set.keys[index] = arguments.key;
    set.endpoints[index] = arguments.endpoint;
    set.owners[index] = arguments.owner;
    set.since[index] = set.next_epoch;
    set.until[index] = u64::MAX;
    set.unbonds_at[index] = 0;
    set.states[index] = member::ACTIVE;
    // A seat is one of 32.
    let seat = index as u8;
    set.count = set.count.max(seat.saturating_add(1));
    let set_version = set.raise_version()?;
    emit!(OracleAdded {
        version: VERSION,
        index: seat,
        _padding: [0; 2],
        set_version,
        key: arguments.key,
    });
    Ok(())
}

/// The seat for an oracle with this key: its own from before, where it has left that for good, else the first that another
/// has left, else a new one.
fn vacant_seat(set: &OracleSet, key: &Address, now: i64) -> Result<usize> {
    if let Some(own) = set.plain().index_of(key) {
        // One key with two seats would be half a quorum on its own; one that was jailed is not trusted again.
        require!(
            set.plain().is_free(own, now) && set.states[own] == member::REMOVED,
            BandwidthError::OracleKnown
        );
        return Ok(own);
    }
    let used = usize::from(set.count).min(MAX_ORACLES);
    let seat = (0..used).find(|index| set.plain().is_free(*index, now)).unwrap_or(used);
    require!(seat < MAX_ORACLES, BandwidthError::OracleSetFull);
    Ok(seat)
}
