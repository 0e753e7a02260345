//! Creates the network.

use anchor_lang::prelude::*;
use lumora_interface::{registry as interface, rewards};

use crate::{constants::VERSION, events::NetworkInitialized, state::Network};

lumora_interface::initialize_registry_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `initialize`.
#[derive(Accounts)]
pub struct Initialize {
    /// Becomes the network's authority; pays.
    #[account(mut)]
    pub authority: Signer,
    /// The network.
    #[account(init, payer = authority, seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Initialize>, arguments: InitializeRegistryArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let authority = *ctx.accounts.authority.address();
    let [bandwidth, proximity, latency, reputation] = arguments.weights;
    let network = &mut *ctx.accounts.network;
    network.version = VERSION;
    network.bump = ctx.bumps.network;
    network.authority = authority;
    network.guardian = arguments.guardian;
    network.lmr_mint = rewards::MINT;
    network.network_id = arguments.network_id;
    network.slashers = interface::SLASHERS;
    network.minimum_bond = arguments.minimum_bond;
    network.shard_bond = arguments.shard_bond;
    network.unbonding_seconds = arguments.unbonding_seconds;
    network.weight_bandwidth = bandwidth;
    network.weight_proximity = proximity;
    network.weight_latency = latency;
    network.weight_reputation = reputation;
    network.reference_kbps = arguments.reference_kbps;
    network.half_distance_km = arguments.half_distance_km;
    network.half_latency_us = arguments.half_latency_us;
    network.max_wait_seconds = arguments.max_wait_seconds;
    network.attestation_max_age_seconds = arguments.attestation_max_age_seconds;
    network.capacity_share = arguments.capacity_share;
    network.expiry_slash = arguments.expiry_slash;
    network.protocol_fee = arguments.protocol_fee;
    network.burn_share = arguments.burn_share;
    network.initialized_at = now;
    network.changed_at = now;
    network.invariant()?;
    emit!(NetworkInitialized {
        version: VERSION,
        _padding: [0; 7],
        authority,
        network_id: arguments.network_id,
    });
    Ok(())
}
