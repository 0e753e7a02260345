//! Takes a replica of a shard for a node: the place where "who may, and when" is enforced.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::{
    address_eq,
    bytemuck::Zeroable,
    cpi::{InstructionAccount, InstructionView},
    pinocchio::cpi::invoke,
    prelude::*,
};
use lumora_core::{
    allocation::shards_allowed,
    geo::chord_distance,
    result::WORDS,
    score::{Figures, claimable_at, jitter_millis, score},
    units::{Bps, Kbps, Micros, Seconds},
};
use lumora_interface::{
    bandwidth::Attestation,
    registry::{Network, Node, pause},
    tasks::{ShardState, assignment_state},
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::ShardClaimed,
    state::{Assignment, Job, Work, read_sibling, set_shard_state, shard_state},
};

/// Accounts of `claim_shard`. After them come the assignments of the shard's assigned replicas, lowest first, and where the
/// replica had a node before, whoever else paid the rent of its assignment, writable.
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
    /// The assignment: a new one, or what the replica's former node left behind.
    #[account(
        init_if_needed,
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
    let state = shard_state(&ctx.accounts.job, shard)?;
    require!(!state.is_settled(), TasksError::ShardSettled);
    require!(!state.has(replica), TasksError::ReplicaTaken);
    eligible(&ctx.accounts, now)?;
    let extra = ctx.remaining_accounts()?;
    let place = find_place(&ctx.accounts, &extra, state, shard, replica)?;

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
        place.since,
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
        joined: place.joined,
        _padding: [0; 3],
    };
    let operator = *accounts.operator.address();
    if let Some(rent_payer) = place.rent_payer {
        repay_rent(accounts.operator.account(), &rent_payer, accounts.assignment.account())?;
    }
    if place.is_tombstone {
        accounts.job.drop_tombstone()?;
    }
    let assignment = &mut *accounts.assignment;
    *assignment = Assignment::zeroed();
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
    assignment.joined = place.joined;
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

/// What is known of the place that a node takes.
struct Place {
    /// From when its waiting time counts.
    since: Seconds,
    /// Words that it could have copied.
    joined: u8,
    /// Whether the replica's former node left its assignment behind.
    is_tombstone: bool,
    /// Who else paid that one's rent.
    rent_payer: Option<AccountView>,
}

/// Finds the place of a free replica, and whether this node may take it.
fn find_place(
    accounts: &ClaimShard,
    extra: &[AccountView],
    state: ShardState,
    shard: u32,
    replica: u8,
) -> Result<Place> {
    let ClaimShard { job, node, .. } = accounts;
    let mut extra = extra.iter();
    let mut seated = job.shard([]);
    for other in (0..job.most_replicas()).filter(|other| state.has(*other)) {
        let sibling = read_sibling(extra.next(), job.address(), shard, other)?;
        // One owner with two nodes would agree with itself.
        require!(!address_eq(&sibling.owner, &node.owner), TasksError::OwnerHoldsReplica);
        seated.put(sibling.seat());
    }
    let mut since = job.opened_at;
    if replica >= seated.standing().slots() {
        require!(seated.next_extra() == Some(replica), TasksError::ReplicaOutOfRange);
        // Nobody could have known before the last word was shown.
        since = since.max(seated.shown_at().0);
    }

    let former = &accounts.assignment;
    let is_new = former.version == 0;
    if !is_new {
        require!(former.is_tombstone(), TasksError::ReplicaTaken);
        // Its account is the only proof of what it owes.
        require!(former.slashed == 1, TasksError::SlashFirst);
        // It could hold a shard up for ever by letting it expire again and again.
        require!(former.node != *node.address(), TasksError::GivenUpBefore);
        since = since.max(former.ended_at);
    }
    let joined = seated.copyable((former.joined, former.seat().shown));
    require!(usize::from(joined) < WORDS, TasksError::WordsUsedUp);
    // One hot key may serve several nodes: then it has paid already.
    let rent_payer = if is_new || former.rent_payer == *accounts.operator.address() {
        None
    } else {
        let rent_payer = extra.next().ok_or(TasksError::WrongRentPayer)?;
        require!(*rent_payer.address() == former.rent_payer, TasksError::WrongRentPayer);
        Some(*rent_payer)
    };
    Ok(Place {
        since: Seconds(since),
        joined,
        is_tombstone: !is_new,
        rent_payer,
    })
}

/// Gives the rent of an account that is used anew to who paid it before, from who pays it now.
fn repay_rent(from: &AccountView, to: &AccountView, account: &AccountView) -> Result<()> {
    const TRANSFER: u32 = 2;
    let mut data = [0; 12];
    data[..4].copy_from_slice(&TRANSFER.to_le_bytes());
    data[4..].copy_from_slice(&account.lamports().to_le_bytes());
    invoke(
        &InstructionView {
            program_id: &System::id(),
            accounts: &[
                InstructionAccount::writable_signer(from.address()),
                InstructionAccount::writable(to.address()),
            ],
            data: &data,
        },
        &[from, to],
    )
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
    require!(!job.is_closed_for_claims(Seconds(now)), TasksError::JobClosedForClaims);
    // A client that pays itself would buy reputation with nothing but the fee.
    require!(
        node.owner != job.client && node.operator != job.client,
        TasksError::OwnJob
    );
    require!(
        now.saturating_sub(attestation.measured_at) <= i64::from(network.attestation_max_age_seconds),
        TasksError::AttestationStale
    );
    // Distance is a part of the score: a node could move to where the data is and claim what it was measured for elsewhere.
    require!(
        attestation.measured_at > node.located_at,
        TasksError::AttestationBeforeMove
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
        work.active < u32::from(shards_allowed(node.shard_capacity, Bps(network.capacity_share))),
        TasksError::CapacityExhausted
    );
    Ok(())
}
