//! Pays those whose results agree, if they are more than half of the replicas.

use anchor_lang::{AccountClose, AnchorAccount, prelude::*};
use anchor_spl::token::Token;
use lumora_core::{
    rounds::Shard,
    units::{Bps, Seconds},
};
use lumora_interface::{
    self_call,
    tasks::{ACCOUNTS_PER_REPLICA, MAX_REPLICAS, ShardState, assignment_state},
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::ShardSettled,
    state::{Assignment, Escrow, Job, Outcome, Work, for_each_sibling, set_shard_state, shard_state},
};

/// Accounts of `settle_shard`.
#[event_cpi]
#[derive(Accounts)]
pub struct SettleShard {
    /// The job.
    #[account(mut)]
    pub job: Account<Job>,
    /// Token account with the job's LMR.
    /// CHECK: its address is derived in the handler.
    #[account(mut)]
    pub escrow: UncheckedAccount,
    /// Token account that receives the fees. If it was closed there are none: nobody's payment may hang on it.
    /// CHECK: the address that the job fixed; read in the handler. It may be what a node's owner is paid to as well.
    #[account(mut, unsafe(dup), address = job.treasury @ TasksError::WrongTreasury)]
    pub treasury: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<SettleShard>, shard: u32) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let extra = ctx.remaining_accounts()?;
    let address = *ctx.accounts.job.address();
    let state = shard_state(&ctx.accounts.job, shard)?;
    require!(!state.is_settled(), TasksError::ShardSettled);
    let assigned = state.replicas();
    let seated = seat(&ctx.accounts.job, shard, assigned, &extra)?;
    let winners = judge(&ctx.accounts.job, &seated, now)?;

    // Rounded in the protocol's favour: the executor's part down, and the fee is the rest.
    let price = ctx.accounts.job.price;
    let paid_each = Bps(ctx.accounts.job.fee_bps).complement().of(price);
    let has_treasury = tokens::is_token_account(ctx.accounts.treasury.account(), &ctx.accounts.job.lmr_mint);
    let fee_each = if has_treasury {
        price.saturating_sub(paid_each)
    } else {
        0
    };
    let number = u64::from(winners.count_ones());
    let fees = fee_each.checked_mul(number).ok_or(TasksError::Overflow)?;

    let mut payments = [const { None }; MAX_REPLICAS as usize];
    let mut result_root = [0; 32];
    let mut losers = 0u8;
    for (accounts, seat) in extra.chunks_exact(ACCOUNTS_PER_REPLICA).zip(seated.seats()) {
        let [assignment, work, payee_tokens, rent_payer] = accounts else {
            unreachable!("chunks of four")
        };
        let outcome = if winners >> seat.replica & 1 == 1 {
            Outcome::Completed(paid_each)
        } else if seat.shown >= seated.standing().words_due() {
            // Without a majority nobody can say who was wrong.
            if winners == 0 {
                Outcome::Released
            } else {
                Outcome::Rejected
            }
        } else if seated.expirable_after(seat).is_some_and(|deadline| now > deadline.0) {
            Outcome::Expired
        } else {
            Outcome::Released
        };
        #[allow(unsafe_code, reason = "accounts past the declared ones are loaded by hand")]
        // SAFETY: each account is loaded, changed and let go before the next one, so no two live references exist.
        let mut assignment = unsafe { Account::<Assignment>::load_mut(*assignment)? };
        require!(
            assignment.rent_payer == *rent_payer.address(),
            TasksError::WrongRentPayer
        );
        finish_work(work, &assignment.node, outcome, now)?;
        let tombstone = match outcome {
            Outcome::Rejected => Some(assignment_state::REJECTED),
            Outcome::Expired => Some(assignment_state::EXPIRED),
            Outcome::Completed(_) | Outcome::Released => None,
        };
        ctx.accounts.job.end_assignment(tombstone.is_some())?;
        if let Outcome::Completed(amount) = outcome {
            require!(
                tokens::is_token_account_of(payee_tokens, &ctx.accounts.job.lmr_mint, &assignment.owner),
                TasksError::WrongTokenAccount
            );
            if result_root == [0; 32] {
                result_root = assignment.result_root;
            }
            payments[usize::from(seat.replica)] = Some(Payment {
                to: payee_tokens,
                amount,
            });
        }
        match tombstone {
            Some(state) => {
                losers |= 1 << seat.replica;
                assignment.bury(state, now);
            }
            None => assignment.close(*rent_payer)?,
        }
    }

    let event = ShardSettled {
        version: VERSION,
        assigned,
        winners,
        losers,
        shard,
        job: address,
        result_root,
        paid_each: if winners == 0 { 0 } else { paid_each },
        fees,
    };
    set_shard_state(&mut ctx.accounts.job, shard, ShardState::settled(winners))?;
    let job = &mut *ctx.accounts.job;
    let paid = paid_each.checked_mul(number).ok_or(TasksError::Overflow)?;
    job.paid = job.paid.checked_add(paid).ok_or(TasksError::Overflow)?;
    job.fees = job.fees.checked_add(fees).ok_or(TasksError::Overflow)?;
    job.settled_shards = job.settled_shards.checked_add(1).ok_or(TasksError::Overflow)?;
    let record = job.record(&event);
    job.invariant()?;

    if winners != 0 {
        pay(&ctx.accounts, ctx.program_id, &payments, fees)?;
    }
    self_call::send(
        &record,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}

/// The nodes of the assigned replicas. The accounts that belong to each must have been passed as well, or some would go
/// unpaid.
fn seat(job: &Account<Job>, shard: u32, assigned: u8, extra: &[AccountView]) -> Result<Shard> {
    let needed = (assigned.count_ones() as usize).saturating_mul(ACCOUNTS_PER_REPLICA);
    require!(extra.len() >= needed, TasksError::SiblingMissing);
    let mut seated = job.shard([]);
    let mut assignments = extra.iter().step_by(ACCOUNTS_PER_REPLICA);
    for_each_sibling(job, shard, assigned, &mut assignments, |sibling| {
        seated.put(sibling.seat())
    })?;
    Ok(seated)
}

/// The winning replicas as a bitmap. Refuses while something may still change it.
fn judge(job: &Job, seated: &Shard, now: i64) -> Result<u8> {
    let now = Seconds(now);
    let winners = seated
        .decision(job.is_closed_for_claims(now), now >= job.final_at())
        .ok_or(TasksError::NotSettleable)?;
    require!(
        winners == 0 || !job.is_challengeable(seated.shown_at(), now),
        TasksError::ChallengeOpen
    );
    Ok(winners)
}

fn finish_work(account: &AccountView, node: &Address, outcome: Outcome, now: i64) -> Result<()> {
    #[allow(unsafe_code, reason = "accounts past the declared ones are loaded by hand")]
    // SAFETY: nothing else of this instruction holds a record of work, and this one is let go on return.
    let mut work = unsafe { Account::<Work>::load_mut(*account).map_err(|_| TasksError::WrongWork)? };
    require!(work.node == *node, TasksError::WrongWork);
    work.finish(outcome, now);
    Ok(())
}

/// Moves the money, after checking once more by hand that it is this job's.
fn pay(
    accounts: &SettleShard,
    program_id: &Address,
    payments: &[Option<Payment>; MAX_REPLICAS as usize],
    fees: u64,
) -> Result<()> {
    let escrow = Escrow::of(&accounts.job, accounts.escrow.account(), program_id)?;
    let mut list = [Payment {
        to: accounts.treasury.account(),
        amount: fees,
    }; MAX_REPLICAS as usize + 1];
    let mut length = 1;
    for payment in payments.iter().flatten() {
        list[length] = *payment;
        length += 1;
    }
    escrow.pay(&list[..length], None)
}
