//! Adapts who may take a shard, and from when, to what was measured.

use anchor_lang::prelude::*;
use lumora_interface::registry as interface;

use crate::{constants::VERSION, error::RegistryError, events::RankingAdapted, state::Network};

lumora_interface::adapt_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `adapt`.
#[derive(Accounts)]
pub struct Adapt {
    /// Address of `bandwidth` under which that program signs for a quorum of oracles: no wallet, and no other program, can.
    #[account(address = interface::ADAPTER @ RegistryError::NotAdapter)]
    pub adapter: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<Adapt>, arguments: AdaptArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let network = &mut *ctx.accounts.network;
    require!(network.adaptation_frozen == 0, RegistryError::AdaptationFrozen);
    // What the authority announced is one step from what everybody sees: it must not be moved away from under it.
    require!(network.announced_for == 0, RegistryError::AdaptationAnnounced);
    require!(now >= network.plain().adaptable_at(), RegistryError::AdaptationCooling);
    require!(
        arguments.epoch >= network.adaptable_from,
        RegistryError::AdaptationEvidence
    );
    let before = network.plain().parameters();
    network.adapt(&arguments, now)?;
    network.invariant()?;
    emit!(RankingAdapted {
        version: VERSION,
        wait_reason: arguments.reasons[0],
        weights_reason: arguments.reasons[1],
        _padding: 0,
        adaptations: network.adaptations,
        epoch: arguments.epoch,
        from_weights: before.weights,
        to_weights: arguments.weights,
        from_max_wait_seconds: before.max_wait_seconds,
        to_max_wait_seconds: arguments.max_wait_seconds,
    });
    Ok(())
}
