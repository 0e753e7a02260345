//! Closes what an expired or rejected assignment left behind.

use anchor_lang::prelude::*;
use lumora_core::units::Seconds;

use crate::{
    error::TasksError,
    state::{Assignment, Job, shard_state},
};

/// Accounts of `close_assignment`.
#[derive(Accounts)]
pub struct CloseAssignment {
    /// The job.
    #[account(mut, address = assignment.job @ TasksError::WrongJob)]
    pub job: Account<Job>,
    /// The assignment; it is closed.
    #[account(mut, close = rent_payer)]
    pub assignment: Account<Assignment>,
    /// Who paid the assignment's rent.
    /// CHECK: the address that the assignment names.
    #[account(mut, address = assignment.rent_payer @ TasksError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<CloseAssignment>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let CloseAssignment { job, assignment, .. } = &mut ctx.accounts;
    require!(assignment.is_tombstone(), TasksError::WrongState);
    // While the replica may be taken again, its account says from when on and by whom not.
    let is_over = job.is_closed_for_claims(Seconds(now)) || shard_state(job, assignment.shard)?.is_settled();
    require!(assignment.slashed == 1 && is_over, TasksError::TombstoneNeeded);
    job.drop_tombstone()?;
    job.invariant()
}
