//! Takes a replica of a shard for a node: the place where "who may, and when" is enforced.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::prelude::*;
use lumora_core::{
    geo::chord_distance,
    score::{Figures, claimable_at, jitter_millis, score},
    units::{Bps, Kbps, Micros, Seconds},
};
use lumora_interface::{
    bandwidth::Attestation,
    registry::{Network, Node, pause},
    tasks::assignment_state,
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::ShardClaimed,
    state::{Assignment, Job, Work, read_sibling, set_shard_state, shard_state},
};

/// Accounts of `claim_shard`. After them come the assignments of the shard's assigned replicas, lowest first.
#[derive(Accounts)]
#[instruction(shard: u32, replica: u8)]
pub struct ClaimShard {
    /// The node's operator key, or its owner; pays the rent.
    #[account(mut)]
    pub operator: Signer,
    /// The network: scoring parameters, bonds, what is paused.
    pub network: Account<Network>,
    /// The node that takes the shard.
    pub node: Account<Node>,
    /// Its proven figures.
    #[account(constraint = attestation.node == *node.address() @ TasksError::WrongAttestation)]
    pub attestation: Account<Attestation>,
    /// The job.
    #[account(mut)]
    pub job: Account<Job>,
    /// The new assignment.
    #[account(
        init,
        payer = operator,
        seeds = [b"assignment", job.address().as_ref(), &shard.to_le_bytes(), &[replica]],
        bump,
    )]
    pub assignment: Account<Assignment>,
    /// The node's record of work; created with its first shard.
    #[account(init_if_needed, payer = operator, seeds = [b"work", node.address().as_ref()], bump)]
    pub work: Account<Work>,
    /// Creates the accounts.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<ClaimShard>, shard: u32, replica: u8) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    eligible(&ctx.accounts, now)?;

    let state = shard_state(&ctx.accounts.job, shard)?;
    require!(!state.is_settled(), TasksError::ShardSettled);
    require!(replica < ctx.accounts.job.replicas, TasksError::ReplicaOutOfRange);
    require!(!state.has(replica), TasksError::ReplicaTaken);
    if state.replicas() != 0 {
        let siblings = ctx.remaining_accounts()?;
        let mut siblings = siblings.iter();
        let job = ctx.accounts.job.address();
        for other in (0..ctx.accounts.job.replicas).filter(|other| state.has(*other)) {
            let sibling = read_sibling(siblings.next(), job, shard, other)?;
            // One owner with two nodes would agree with itself.
            require!(sibling.owner != ctx.accounts.node.owner, TasksError::OwnerHoldsReplica);
        }
    }

    let accounts = &mut ctx.accounts;
    let distance = chord_distance(accounts.node.unit_vector(), accounts.job.target_vector());
    let figures = Figures {
        attested: Kbps(accounts.attestation.down_kbps),
        limit: Kbps(accounts.node.limit_kbps),
        distance,
        rtt: Micros(accounts.attestation.rtt_us),
        reputation: Bps(accounts.attestation.reputation_bps),
    };
    let score = score(&accounts.network.scoring(), &figures);
    let claimable_at = claimable_at(
        Seconds(accounts.job.opened_at),
        Seconds(i64::from(accounts.network.max_wait_seconds)),
        score,
        jitter_millis(&accounts.job.slot_hash, accounts.node.address().as_array(), shard),
    );
    require!(now >= claimable_at.0, TasksError::TooEarly);

    let event = ShardClaimed {
        version: VERSION,
        replica,
        score: score.0,
        shard,
        job: *accounts.job.address(),
        node: *accounts.node.address(),
        claimable_at: claimable_at.0,
        claimed_at: now,
        distance_km: distance.0,
        _padding: 0,
    };
    let operator = *accounts.operator.address();
    let assignment = &mut *accounts.assignment;
    assignment.version = VERSION;
    assignment.bump = ctx.bumps.assignment;
    assignment.state = assignment_state::CLAIMED;
    assignment.replica = replica;
    assignment.shard = shard;
    assignment.job = event.job;
    assignment.node = event.node;
    assignment.owner = accounts.node.owner;
    assignment.operator = accounts.node.operator;
    assignment.rent_payer = operator;
    assignment.score = score.0;
    assignment.claimed_at = now;
    assignment.commit_deadline = now
        .checked_add(i64::from(accounts.job.commit_seconds))
        .ok_or(TasksError::Overflow)?;

    let work = &mut *accounts.work;
    if work.version == 0 {
        work.version = VERSION;
        work.bump = ctx.bumps.work;
        work.node = event.node;
        work.rent_payer = operator;
    }
    work.active = work.active.checked_add(1).ok_or(TasksError::Overflow)?;
    work.changed_at = now;

    set_shard_state(&mut accounts.job, shard, state.with(replica))?;
    let job = &mut *accounts.job;
    job.live_assignments = job.live_assignments.checked_add(1).ok_or(TasksError::Overflow)?;
    job.log(&event);
    job.invariant()?;
    Ok(())
}

/// Whether the node may take any shard of this job at all.
fn eligible(accounts: &ClaimShard, now: i64) -> Result<()> {
    let ClaimShard {
        network,
        node,
        attestation,
        job,
        work,
        ..
    } = accounts;
    let operator = accounts.operator.address();
    require!(!network.is_paused(pause::CLAIMING_WORK), TasksError::Paused);
    require!(
        *operator == node.operator || *operator == node.owner,
        TasksError::NotOperator
    );
    require!(node.is_active(), TasksError::NodePaused);
    require!(job.cancelled == 0 && now < job.deadline, TasksError::JobClosedForClaims);
    // A client that pays itself would buy reputation with nothing but the fee.
    require!(
        node.owner != job.client && node.operator != job.client,
        TasksError::OwnJob
    );
    require!(
        now.saturating_sub(attestation.measured_at) <= i64::from(network.attestation_max_age_seconds),
        TasksError::AttestationStale
    );
    let open_shards = u64::from(work.active).saturating_add(1);
    let at_risk = network
        .shard_bond
        .checked_mul(open_shards)
        .ok_or(TasksError::Overflow)?;
    require!(
        node.bond.saturating_sub(node.unbonding) >= at_risk.max(network.minimum_bond),
        TasksError::BondTooSmall
    );
    require!(
        u64::from(work.active).saturating_mul(u64::from(Bps::ONE.0))
            < u64::from(node.shard_capacity).saturating_mul(u64::from(network.capacity_share)),
        TasksError::CapacityExhausted
    );
    Ok(())
}
