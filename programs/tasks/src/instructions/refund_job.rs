//! Gives back what can no longer be spent, while some of the work is still to be judged.

use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use lumora_core::units::Seconds;
use lumora_interface::{
    self_call,
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::JobRefunded,
    state::{Escrow, Job},
};

/// Accounts of `refund_job`.
#[event_cpi]
#[derive(Accounts)]
pub struct RefundJob {
    /// The job.
    #[account(mut)]
    pub job: Account<Job>,
    /// Token account with the job's LMR.
    /// CHECK: its address is derived in the handler.
    #[account(mut)]
    pub escrow: UncheckedAccount,
    /// The client's LMR.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(client_tokens.account(), &job.lmr_mint, &job.client)
            @ TasksError::WrongTokenAccount,
    )]
    pub client_tokens: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<RefundJob>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let address = *accounts.job.address();
    // Before, every free replica may still be taken and earn its price.
    require!(accounts.job.is_closed_for_claims(Seconds(now)), TasksError::RefundEarly);
    let job = &mut *accounts.job;
    let amount = job.unspendable().ok_or(TasksError::Invariant)?;
    require!(amount > 0, TasksError::NothingToRefund);
    job.refunded = job.refunded.checked_add(amount).ok_or(TasksError::Overflow)?;
    let event = JobRefunded {
        version: VERSION,
        _padding: [0; 3],
        live_assignments: job.live_assignments,
        job: address,
        amount,
    };
    let record = job.record(&event);
    job.invariant()?;

    let refund = Payment {
        to: accounts.client_tokens.account(),
        amount,
    };
    Escrow::of(&accounts.job, accounts.escrow.account(), ctx.program_id)?.pay(&[refund], None)?;
    self_call::send(
        &record,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
