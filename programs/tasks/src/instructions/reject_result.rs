//! Counts oracles' signatures under a verdict on the only result of a shard; the one that completes the quorum rejects it.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::{AccountClose, prelude::*};
use lumora_core::{quorum, reason::Reason, units::Seconds, verdict};
use lumora_interface::{
    bandwidth::{self, BandwidthError, OracleSet, member, signatures},
    tasks::assignment_state,
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::ResultRejected,
    state::{Assignment, Job, Outcome, Verdict, Work, set_shard_state, shard_state},
};

lumora_interface::reject_result_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `reject_result`. Nobody signs but the oracles, in the ed25519 instruction just before it, and who pays.
#[derive(Accounts)]
#[instruction(arguments: RejectResultArguments)]
pub struct RejectResult {
    /// Pays the rent while the signatures are no quorum; it may be the `rent_payer` as well.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// Who may sign.
    #[account(address = bandwidth::ORACLE_SET @ TasksError::WrongOracleSet)]
    pub oracle_set: Account<OracleSet>,
    /// The job.
    #[account(mut, address = assignment.job @ TasksError::WrongJob)]
    pub job: Account<Job>,
    /// The assignment whose result is rejected. It stays, for the node's slashing and for whoever takes the replica next.
    #[account(mut)]
    pub assignment: Account<Assignment>,
    /// The node's record of work.
    #[account(mut, constraint = work.node == assignment.node @ TasksError::WrongWork)]
    pub work: Account<Work>,
    /// Counts the signatures; it is closed once they are a quorum.
    #[account(init_if_needed, payer = payer, seeds = [b"verdict", &arguments.digest], bump)]
    pub verdict: Account<Verdict>,
    /// Who paid the rent of the account that counts: the payer, or whoever brought the first signatures.
    /// CHECK: the address that the account names; it receives lamports and nothing else.
    #[account(mut, unsafe(dup))]
    pub rent_payer: UncheckedAccount,
    /// The transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<RejectResult>, arguments: RejectResultArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    check(&ctx.accounts, &arguments, now)?;
    let bump = ctx.bumps.verdict;
    let accounts = &mut ctx.accounts;
    let (assignment_address, payer) = (*accounts.assignment.address(), *accounts.payer.address());
    let count = &mut *accounts.verdict;
    if count.version == 0 {
        count.version = VERSION;
        count.bump = bump;
        count.digest = arguments.digest;
        count.assignment = assignment_address;
        count.rent_payer = payer;
        count.expires_at = arguments.expires_at;
    }
    require!(
        count.rent_payer == *accounts.rent_payer.address(),
        TasksError::WrongRentPayer
    );
    count_signatures(count, &accounts.oracle_set, &accounts.instructions, &arguments.digest)?;
    let signers = count.signers;
    let members = (0..usize::from(accounts.oracle_set.count)).filter(|seat| has_seat(&accounts.oracle_set, *seat));
    if signers.count_ones() < quorum::required(members.count() as u32) {
        return Ok(());
    }

    let assignment = &mut *accounts.assignment;
    let (shard, replica) = (assignment.shard, assignment.replica);
    let event = ResultRejected {
        version: VERSION,
        replica,
        reason: arguments.reason,
        _padding: 0,
        shard,
        job: assignment.job,
        node: assignment.node,
        result_root: assignment.result_root,
        set_version: arguments.set_version,
        signers,
    };
    assignment.reason = arguments.reason;
    assignment.bury(assignment_state::REJECTED, now);
    accounts.work.finish(Outcome::Rejected, now);
    let freed = shard_state(&accounts.job, shard)?.without(replica);
    set_shard_state(&mut accounts.job, shard, freed)?;
    let job = &mut *accounts.job;
    job.end_assignment(true)?;
    job.log(&event);
    job.invariant()?;
    let rent_payer = *accounts.rent_payer.account();
    accounts.verdict.close(rent_payer)?;
    Ok(())
}

/// What must hold of a verdict whoever signed it.
fn check(accounts: &RejectResult, arguments: &RejectResultArguments, now: i64) -> Result<()> {
    let RejectResult {
        job,
        assignment,
        oracle_set,
        ..
    } = accounts;
    // Where there are more replicas they judge each other.
    let is_open = job.replicas == 1
        && assignment.state == assignment_state::REVEALED
        && job.is_challengeable(Seconds(assignment.revealed_at), Seconds(now));
    require!(is_open, TasksError::NotChallengeable);
    require!(Reason::is_verdict(arguments.reason), TasksError::ReasonUnknown);
    require!(now <= arguments.expires_at, TasksError::VerdictExpired);
    // Signatures of former members do not add up with those of present ones.
    require!(
        arguments.set_version == oracle_set.set_version,
        TasksError::OracleSetChanged
    );
    let digest = verdict::Verdict {
        network_id: job.network_id,
        program: crate::ID.to_bytes(),
        job: assignment.job.to_bytes(),
        shard: assignment.shard,
        replica: assignment.replica,
        node: assignment.node.to_bytes(),
        result_root: assignment.result_root,
        reason: arguments.reason,
        set_version: arguments.set_version,
        expires_at: arguments.expires_at,
    }
    .digest();
    require!(arguments.digest == digest, TasksError::WrongVerdict);
    Ok(())
}

/// Whether a seat's oracle counts now: an active member, bonded, that may sign about the latest epoch.
fn has_seat(set: &OracleSet, seat: usize) -> bool {
    let latest = set.next_epoch.saturating_sub(1);
    set.states.get(seat) == Some(&member::ACTIVE)
        && set.serves(seat, latest)
        && set.bonds.get(seat).is_some_and(|bond| *bond >= set.minimum_bond)
}

/// Records who signed, as the ed25519 program has verified in the instruction just before this one.
fn count_signatures(
    count: &mut Verdict,
    set: &OracleSet,
    instructions: &SysvarInstructions,
    digest: &[u8; 32],
) -> Result<()> {
    let own_index = instructions
        .load_current_index()
        .checked_sub(1)
        .ok_or(TasksError::SignaturesMissing)?;
    let verified = instructions.load_instruction_at(usize::from(own_index))?;
    require!(
        anchor_lang::address_eq(verified.get_program_id(), &signatures::PROGRAM),
        TasksError::SignaturesMissing
    );
    let signers = signatures::signers(verified.get_instruction_data(), own_index, digest).map_err(refusal)?;
    for key in signers {
        let seat = set
            .index_of(&Address::new_from_array(*key))
            .filter(|seat| has_seat(set, *seat))
            .ok_or(TasksError::SignerNotOracle)?;
        require!(count.signers >> seat & 1 == 0, TasksError::SignerTwice);
        count.signers |= 1 << seat;
    }
    Ok(())
}

/// This program's name for what is wrong with an ed25519 instruction.
fn refusal(error: BandwidthError) -> TasksError {
    match error {
        BandwidthError::SignatureLayout => TasksError::SignatureLayout,
        BandwidthError::SignatureMessage => TasksError::SignatureMessage,
        _ => TasksError::SignaturesMissing,
    }
}
