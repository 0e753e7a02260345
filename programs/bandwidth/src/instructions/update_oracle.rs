//! Changes where an oracle is reached.

use anchor_lang::prelude::*;
use lumora_interface::bandwidth::member;

use crate::{constants::VERSION, error::BandwidthError, events::OracleUpdated, state::OracleSet};

lumora_interface::update_oracle_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `update_oracle`.
#[derive(Accounts)]
pub struct UpdateOracle {
    /// The wallet that owns the oracle's seat.
    pub owner: Signer,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
}

pub(crate) fn handler(ctx: &mut Context<UpdateOracle>, arguments: UpdateOracleArguments) -> Result<()> {
    let set = &mut *ctx.accounts.oracle_set;
    let index = set.seat_of(&arguments.oracle)?;
    require!(
        anchor_lang::address_eq(ctx.accounts.owner.address(), &set.owners[index]),
        BandwidthError::NotOwner
    );
    require!(set.states[index] == member::ACTIVE, BandwidthError::OracleInactive);
    set.endpoints[index] = arguments.endpoint;
    emit!(OracleUpdated {
        version: VERSION,
        index: index as u8,
        endpoint: arguments.endpoint,
        oracle: arguments.oracle,
    });
    Ok(())
}
