//! Ends a job and gives back what is left.

use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use lumora_interface::{
    self_call,
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::JobClosed,
    state::{Escrow, Job},
};

/// Accounts of `close_job`.
#[event_cpi]
#[derive(Accounts)]
pub struct CloseJob {
    /// The job; it is closed.
    #[account(mut, close = client)]
    pub job: Account<Job>,
    /// Token account with the job's LMR; it is closed.
    /// CHECK: its address is derived in the handler.
    #[account(mut)]
    pub escrow: UncheckedAccount,
    /// The job's client: receives the rent.
    /// CHECK: the address that the job names.
    #[account(mut, address = job.client @ TasksError::NotClient)]
    pub client: UncheckedAccount,
    /// The client's LMR.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(client_tokens.account(), &job.lmr_mint, &job.client)
            @ TasksError::WrongTokenAccount,
    )]
    pub client_tokens: UncheckedAccount,
    /// Moves the LMR and closes the escrow.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<CloseJob>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let address = *accounts.job.address();
    let done = accounts.job.settled_shards == accounts.job.shard_count || now >= accounts.job.deadline;
    let is_empty = accounts.job.live_assignments == 0 && accounts.job.tombstones == 0;
    require!(done && is_empty, TasksError::JobNotDone);
    let escrow = Escrow::of(&accounts.job, accounts.escrow.account(), ctx.program_id)?;

    // Whatever somebody sent to the escrow by mistake goes to the client too: it could not be closed otherwise.
    let amount = escrow.amount();
    let job = &accounts.job;
    let owed = job.unspendable().ok_or(TasksError::Invariant)?;
    let surplus = amount.checked_sub(owed).ok_or(TasksError::Invariant)?;
    let event = JobClosed {
        version: VERSION,
        _padding: [0; 3],
        settled_shards: job.settled_shards,
        job: address,
        escrowed: job.escrowed,
        paid: job.paid,
        fees: job.fees,
        refunded: job.refunded.checked_add(owed).ok_or(TasksError::Overflow)?,
        surplus,
        log_head: job.log_head,
        log_length: job.log_length,
    };
    let rest = Payment {
        to: accounts.client_tokens.account(),
        amount,
    };
    escrow.pay(&[rest], Some(accounts.client.account()))?;
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
