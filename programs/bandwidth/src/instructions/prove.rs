//! Proves one node's figures against a final epoch's root.

use anchor_lang::prelude::*;
use lumora_core::{attestation::Leaf, merkle};
use lumora_interface::registry::Node;

use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::NodeProven,
    state::{Attestation, Epoch},
};

lumora_interface::prove_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Siblings of a path in the largest tree that 32 bits of index can name.
const MAX_PATH: usize = 32;

/// Accounts of `prove`.
#[derive(Accounts)]
pub struct Prove {
    /// Pays for the attestation's account the first time.
    #[account(mut)]
    pub payer: Signer,
    /// The epoch.
    pub epoch: Account<Epoch>,
    /// The node.
    pub node: Account<Node>,
    /// The node's latest figures.
    #[account(init_if_needed, payer = payer, seeds = [b"attestation", node.address().as_ref()], bump = attestation.bump)]
    pub attestation: Account<Attestation>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Prove>, arguments: ProveArguments, path: &[[u8; 32]]) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let node = *ctx.accounts.node.address();
    let payer = *ctx.accounts.payer.address();
    let epoch = &*ctx.accounts.epoch;
    require!(epoch.plain().is_final(now), BandwidthError::NotFinal);
    require!(path.len() <= MAX_PATH, BandwidthError::ProofMalformed);
    let leaf = Leaf {
        node: node.to_bytes(),
        epoch: epoch.epoch,
        down_kbps: arguments.down_kbps,
        up_kbps: arguments.up_kbps,
        rtt_us: arguments.rtt_us,
        uptime_bps: arguments.uptime_bps,
        reputation_bps: arguments.reputation_bps,
        reason: arguments.reason,
        contribution: arguments.contribution,
        cumulative_contribution: arguments.cumulative_contribution,
        cumulative_reward: arguments.cumulative_reward,
    };
    require!(
        merkle::verify(
            &epoch.root,
            &leaf.hash(),
            u64::from(arguments.index),
            u64::from(epoch.leaf_count),
            path
        ),
        BandwidthError::ProofInvalid
    );
    let (number, measured_at) = (epoch.epoch, epoch.ends_at);

    let attestation = &mut *ctx.accounts.attestation;
    if attestation.version == 0 {
        attestation.version = VERSION;
        attestation.bump = ctx.bumps.attestation;
        attestation.node = node;
        attestation.rent_payer = payer;
    } else {
        require!(
            anchor_lang::address_eq(&attestation.node, &node),
            BandwidthError::WrongNode
        );
        // An older leaf is as true as a newer one; without this anybody could set a node back.
        require!(number > attestation.epoch, BandwidthError::NotNewer);
        require!(
            arguments.cumulative_contribution >= attestation.cumulative_contribution
                && arguments.cumulative_reward >= attestation.cumulative_reward,
            BandwidthError::CumulativeFell
        );
    }
    attestation.epoch = number;
    attestation.down_kbps = arguments.down_kbps;
    attestation.up_kbps = arguments.up_kbps;
    attestation.rtt_us = arguments.rtt_us;
    attestation.uptime_bps = arguments.uptime_bps;
    attestation.reputation_bps = arguments.reputation_bps;
    attestation.reason = arguments.reason;
    attestation.contribution = arguments.contribution;
    attestation.cumulative_contribution = arguments.cumulative_contribution;
    attestation.cumulative_reward = arguments.cumulative_reward;
    attestation.measured_at = measured_at;
    attestation.proven_at = now;
    attestation.invariant()?;
    emit!(NodeProven {
        version: VERSION,
        reason: arguments.reason,
        reputation_bps: arguments.reputation_bps,
        down_kbps: arguments.down_kbps,
        up_kbps: arguments.up_kbps,
        rtt_us: arguments.rtt_us,
        node,
        epoch: number,
        contribution: arguments.contribution,
        cumulative_reward: arguments.cumulative_reward,
    });
    Ok(())
}
