//! Stops further claims of a job.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::TasksError, events::JobCancelled, state::Job};

/// Accounts of `cancel_job`.
#[derive(Accounts)]
pub struct CancelJob {
    /// The job's client.
    #[account(address = job.client @ TasksError::NotClient)]
    pub client: Signer,
    /// The job.
    #[account(mut)]
    pub job: Account<Job>,
}

pub(crate) fn handler(ctx: &mut Context<CancelJob>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let address = *ctx.accounts.job.address();
    let job = &mut *ctx.accounts.job;
    require!(job.cancelled == 0, TasksError::JobClosedForClaims);
    let event = JobCancelled {
        version: VERSION,
        _padding: [0; 3],
        settled_shards: job.settled_shards,
        job: address,
    };
    job.cancelled = 1;
    // Work that was begun keeps its time: everything else follows from the deadline.
    job.deadline = job.deadline.min(now);
    job.log(&event);
    job.invariant()?;
    Ok(())
}
