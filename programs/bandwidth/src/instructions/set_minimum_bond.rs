//! Sets what an oracle must have at stake to count.

use anchor_lang::prelude::*;
use lumora_interface::registry::{self, Network};

use crate::{constants::VERSION, error::BandwidthError, events::MinimumBondSet, state::OracleSet};

lumora_interface::set_minimum_bond_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `set_minimum_bond`.
#[derive(Accounts)]
pub struct SetMinimumBond {
    /// The network's authority. A bond that nobody has would stop the epochs; so would removing every oracle, which it may too.
    #[account(address = network.authority @ BandwidthError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
}

pub(crate) fn handler(ctx: &mut Context<SetMinimumBond>, arguments: SetMinimumBondArguments) -> Result<()> {
    // The epochs that are open keep the members that they have.
    ctx.accounts.oracle_set.minimum_bond = arguments.minimum_bond;
    emit!(MinimumBondSet {
        version: VERSION,
        _padding: [0; 7],
        minimum_bond: arguments.minimum_bond,
    });
    Ok(())
}
