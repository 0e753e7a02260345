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
    let set = &mut *ctx.accounts.oracle_set;
    require!(arguments.key != Address::default(), BandwidthError::OracleKeyInvalid);
    // One key with two seats would be half a quorum on its own.
    require!(
        set.plain().index_of(&arguments.key).is_none(),
        BandwidthError::OracleKnown
    );
    let index = usize::from(set.count);
    require!(index < MAX_ORACLES, BandwidthError::OracleSetFull);
    set.keys[index] = arguments.key;
    set.endpoints[index] = arguments.endpoint;
    set.since[index] = set.next_epoch;
    set.states[index] = member::ACTIVE;
    set.count = set.count.checked_add(1).ok_or(BandwidthError::OracleSetFull)?;
    set.set_version = set.set_version.checked_add(1).ok_or(BandwidthError::Overflow)?;
    let (seat, set_version) = (set.count.saturating_sub(1), set.set_version);
    emit!(OracleAdded {
        version: VERSION,
        index: seat,
        _padding: [0; 2],
        set_version,
        key: arguments.key,
    });
    Ok(())
}
