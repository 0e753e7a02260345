//! Frees a replica whose node ran out of time, so that another node can take it.

use anchor_lang::prelude::*;
use lumora_interface::tasks::assignment_state;

use crate::{
    constants::VERSION,
    error::TasksError,
    events::AssignmentExpired,
    state::{Assignment, Job, Outcome, Work, read_sibling, set_shard_state, shard_state},
};

/// Accounts of `expire_assignment`. For an assignment that was committed but not revealed, the assignments of the shard's
/// other replicas come after them, lowest first: the time to reveal runs from the last commitment.
#[derive(Accounts)]
pub struct ExpireAssignment {
    /// The job.
    #[account(mut, address = assignment.job @ TasksError::WrongJob)]
    pub job: Account<Job>,
    /// The assignment; it is closed.
    #[account(mut, close = rent_payer)]
    pub assignment: Account<Assignment>,
    /// The node's record of work.
    #[account(mut, constraint = work.node == assignment.node @ TasksError::WrongWork)]
    pub work: Account<Work>,
    /// Who paid the assignment's rent.
    /// CHECK: the address that the assignment names.
    #[account(mut, address = assignment.rent_payer @ TasksError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<ExpireAssignment>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let (shard, replica) = (ctx.accounts.assignment.shard, ctx.accounts.assignment.replica);
    let state = ctx.accounts.assignment.state;
    let deadline = match state {
        assignment_state::CLAIMED => ctx.accounts.assignment.commit_deadline,
        assignment_state::COMMITTED => reveal_deadline(ctx)?,
        _ => return Err(TasksError::WrongState.into()),
    };
    require!(now > deadline, TasksError::NotExpired);

    let event = AssignmentExpired {
        version: VERSION,
        replica,
        state,
        _padding: 0,
        shard,
        job: ctx.accounts.assignment.job,
        node: ctx.accounts.assignment.node,
        expired_at: now,
    };
    ctx.accounts.work.finish(Outcome::Expired, now);
    let freed = shard_state(&ctx.accounts.job, shard)?.without(replica);
    set_shard_state(&mut ctx.accounts.job, shard, freed)?;
    let job = &mut *ctx.accounts.job;
    job.live_assignments = job.live_assignments.checked_sub(1).ok_or(TasksError::Invariant)?;
    job.log(&event);
    job.invariant()?;
    Ok(())
}

/// When the results of the shard had to be shown. Refuses while a replica has not committed: then nobody may reveal yet.
fn reveal_deadline(ctx: &mut Context<ExpireAssignment>) -> Result<i64> {
    let siblings = ctx.remaining_accounts()?;
    let mut siblings = siblings.iter();
    let (job, own) = (&ctx.accounts.job, &ctx.accounts.assignment);
    let mut last = own.committed_at;
    for other in (0..job.replicas).filter(|other| *other != own.replica) {
        let sibling = read_sibling(siblings.next(), job.address(), own.shard, other)?;
        require!(sibling.state != assignment_state::CLAIMED, TasksError::NotExpired);
        last = last.max(sibling.committed_at);
    }
    last.checked_add(i64::from(job.reveal_seconds))
        .ok_or_else(|| TasksError::Overflow.into())
}
