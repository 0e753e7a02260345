//! Counts oracles' signatures over an epoch's figures; the one that completes the quorum makes them the attestation.

use anchor_lang::prelude::*;
use lumora_core::attestation::{self, Statement};
use lumora_interface::{
    bandwidth::{self, epoch_state},
    registry::{self, Network},
};

use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::EpochAttested,
    signed::Verified,
    state::{Epoch, OracleSet},
};

lumora_interface::submit_attestation_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `submit_attestation`. Nobody signs but the oracles, in the ed25519 instruction.
#[derive(Accounts)]
pub struct SubmitAttestation {
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The epoch.
    #[account(mut)]
    pub epoch: Account<Epoch>,
    /// The transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

pub(crate) fn handler(ctx: &mut Context<SubmitAttestation>, arguments: SubmitAttestationArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let network_id = ctx.accounts.network.network_id;
    let set = &mut *ctx.accounts.oracle_set;
    let epoch = &mut *ctx.accounts.epoch;
    check_statement(epoch, set, &arguments, now)?;

    let statement = statement(epoch, network_id, &arguments);
    let content = statement.content();
    let digest = attestation::digest(&content, statement.expires_at);
    count_signatures(epoch, set, &ctx.accounts.instructions, &content, &digest)?;

    // All who signed this very content, in this transaction or before.
    let signers = epoch.signers_of(set, &content);
    if signers.count_ones() < u32::from(epoch.quorum) {
        return epoch.invariant();
    }
    epoch.state = epoch_state::ATTESTED;
    epoch.signers = signers;
    epoch.bundles = arguments.bundles;
    epoch.root = arguments.root;
    epoch.leaf_count = arguments.leaf_count;
    epoch.total_contribution = arguments.total_contribution;
    epoch.epoch_reward = arguments.epoch_reward;
    epoch.cumulative_reward = arguments.cumulative_reward;
    epoch.attested_at = now;
    epoch.final_at = now
        .checked_add(i64::from(set.dispute_seconds))
        .ok_or(BandwidthError::Overflow)?;
    epoch.invariant()?;
    set.final_at = epoch.final_at;
    set.previously_attestable_from = set.attestable_from;
    set.attestable_from = epoch.epoch.checked_add(1).ok_or(BandwidthError::Overflow)?;
    set.cumulative_reward = arguments.cumulative_reward;
    set.cumulative_contribution = set
        .cumulative_contribution
        .checked_add(arguments.total_contribution)
        .ok_or(BandwidthError::Overflow)?;
    let (number, final_at) = (epoch.epoch, epoch.final_at);
    emit!(EpochAttested {
        version: VERSION,
        _padding: [0; 3],
        signers,
        epoch: number,
        root: arguments.root,
        leaf_count: arguments.leaf_count,
        bundles: arguments.bundles,
        total_contribution: arguments.total_contribution,
        epoch_reward: arguments.epoch_reward,
        final_at,
    });
    Ok(())
}

/// What must hold of a statement whoever signed it.
fn check_statement(epoch: &Epoch, set: &OracleSet, arguments: &SubmitAttestationArguments, now: i64) -> Result<()> {
    require!(epoch.state == epoch_state::OPEN, BandwidthError::EpochAttested);
    // Cumulative figures build on the epoch attested before: out of order they would count twice.
    require!(epoch.epoch >= set.attestable_from, BandwidthError::EpochSuperseded);
    // That one may still be reopened, and then nothing may have been built on it.
    require!(now >= set.final_at, BandwidthError::PredecessorDisputable);
    require!(epoch.plain().is_drawn(), BandwidthError::SeedNotDrawn);
    require!(epoch.plain().is_committed(now), BandwidthError::CutoffOpen);
    require!(now <= arguments.expires_at, BandwidthError::StatementExpired);
    require!(
        arguments.bundles & !epoch.committed == 0,
        BandwidthError::BundleNotCommitted
    );
    require!(arguments.leaf_count > 0, BandwidthError::LeavesMissing);
    let expected = set
        .cumulative_reward
        .checked_add(arguments.epoch_reward)
        .ok_or(BandwidthError::Overflow)?;
    // A signed figure that does not add up would let the pool be short, or be more than what nodes can claim.
    require!(arguments.cumulative_reward == expected, BandwidthError::TotalsMismatch);
    Ok(())
}

/// What is signed about an epoch: the figures, and what binds them to it.
pub(crate) fn statement(epoch: &Epoch, network_id: [u8; 32], figures: &SubmitAttestationArguments) -> Statement {
    Statement {
        network_id,
        program: bandwidth::ID.to_bytes(),
        epoch: epoch.epoch,
        set_version: epoch.set_version,
        root: figures.root,
        leaf_count: figures.leaf_count,
        total_contribution: figures.total_contribution,
        epoch_reward: figures.epoch_reward,
        cumulative_reward: figures.cumulative_reward,
        bundles: figures.bundles,
        expires_at: figures.expires_at,
    }
}

/// Records who signed `content`, as the ed25519 program has verified in the instruction just before this one.
fn count_signatures(
    epoch: &mut Epoch,
    set: &OracleSet,
    instructions: &SysvarInstructions,
    content: &[u8; 32],
    digest: &[u8; 32],
) -> Result<()> {
    for key in Verified::before(instructions, 1)?.signers(digest)? {
        let key = Address::new_from_array(*key);
        let index = epoch.member(set, &key, BandwidthError::SignerNotOracle)?;
        let signed = &mut epoch.signed[index];
        // The same content with a later expiry is no second vote.
        require!(*signed != *content, BandwidthError::SignerTwice);
        require!(*signed == [0; 32], BandwidthError::Equivocation);
        *signed = *content;
    }
    Ok(())
}
