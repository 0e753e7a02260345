//! Pays those whose results agree, if they are more than half of the replicas.

use anchor_lang::{
    AccountClose, AnchorAccount,
    cpi::{CpiSeed, verify_program_address},
    prelude::*,
};
use anchor_spl::token::Token;
use lumora_core::{
    agreement::{Revealed, majority},
    units::Bps,
};
use lumora_interface::{
    self_call,
    tasks::{MAX_REPLICAS, ShardState},
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::ShardSettled,
    state::{Assignment, Job, Outcome, Work, read_sibling, set_shard_state, shard_state},
};

/// Accounts that are passed for each assigned replica after the declared ones: assignment, record of work, LMR token
/// account of the node's owner, and who paid the assignment's rent. All writable, lowest replica first.
const ACCOUNTS_PER_REPLICA: usize = 4;

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
    /// Token account that receives the fees.
    /// CHECK: the address that the job fixed.
    #[account(mut, address = job.treasury @ TasksError::WrongTreasury)]
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
    let winners = judge(&ctx.accounts.job, shard, assigned, &extra, now)?;

    // Rounded in the protocol's favour: the executor's part down, and the fee is the rest.
    let price = ctx.accounts.job.price;
    let paid_each = Bps(ctx.accounts.job.fee_bps).complement().of(price);
    let fee_each = price.saturating_sub(paid_each);
    let number = u64::from(winners.count_ones());
    let fees = fee_each.checked_mul(number).ok_or(TasksError::Overflow)?;

    let mut payments = [const { None }; MAX_REPLICAS as usize];
    let mut result_root = [0; 32];
    for (accounts, replica) in extra
        .chunks_exact(ACCOUNTS_PER_REPLICA)
        .zip((0..MAX_REPLICAS).filter(|replica| state.has(*replica)))
    {
        let won = winners >> replica & 1 == 1;
        let [assignment, work, payee_tokens, rent_payer] = accounts else {
            unreachable!("chunks of four")
        };
        #[allow(unsafe_code, reason = "accounts past the declared ones are loaded by hand")]
        // SAFETY: each account is loaded, changed and let go before the next one, so no two live references exist.
        let mut assignment = unsafe { Account::<Assignment>::load_mut(*assignment)? };
        require!(
            assignment.rent_payer == *rent_payer.address(),
            TasksError::WrongRentPayer
        );
        let outcome = match (won, assignment.revealed()) {
            (true, _) => Outcome::Completed(paid_each),
            (false, Some(_)) => Outcome::Failed,
            (false, None) => Outcome::Expired,
        };
        finish_work(work, &assignment.node, outcome, now)?;
        if won {
            require!(
                tokens::is_token_account_of(payee_tokens, &ctx.accounts.job.lmr_mint, &assignment.owner),
                TasksError::WrongTokenAccount
            );
            if result_root == [0; 32] {
                result_root = assignment.result_root;
            }
            payments[usize::from(replica)] = Some(Payment {
                to: payee_tokens,
                amount: paid_each,
            });
        }
        assignment.close(*rent_payer)?;
    }

    let event = ShardSettled {
        version: VERSION,
        assigned,
        winners,
        _padding: 0,
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
    job.live_assignments = job
        .live_assignments
        .checked_sub(assigned.count_ones())
        .ok_or(TasksError::Invariant)?;
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

/// The winning replicas as a bitmap. Refuses while a missing result may still come.
fn judge(job: &Account<Job>, shard: u32, assigned: u8, extra: &[AccountView], now: i64) -> Result<u8> {
    let mut results = [Revealed::default(); MAX_REPLICAS as usize];
    let mut replica_of = [0u8; MAX_REPLICAS as usize];
    let mut revealed = 0;
    for (index, replica) in (0..MAX_REPLICAS)
        .filter(|replica| assigned >> replica & 1 == 1)
        .enumerate()
    {
        let account = extra.get(index * ACCOUNTS_PER_REPLICA);
        // The three accounts that belong to it must have been passed as well, or it would go unpaid.
        require!(
            extra.len() >= (index + 1) * ACCOUNTS_PER_REPLICA,
            TasksError::SiblingMissing
        );
        let assignment = read_sibling(account, job.address(), shard, replica)?;
        if let Some(result) = assignment.revealed() {
            results[revealed] = result;
            replica_of[revealed] = replica;
            revealed += 1;
        }
    }
    let complete = revealed == usize::from(job.replicas);
    require!(complete || now >= job.final_at().0, TasksError::NotSettleable);
    let group = majority(&results[..revealed], usize::from(job.replicas), job.tolerance()).unwrap_or(0);
    Ok((0..revealed)
        .filter(|index| group >> index & 1 == 1)
        .fold(0, |winners, index| winners | 1 << replica_of[index]))
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
    let job = &accounts.job;
    let (client, id) = (job.client, job.id.to_le_bytes());
    verify_program_address(
        &[b"escrow", job.address().as_ref(), &[job.escrow_bump]],
        program_id,
        accounts.escrow.address(),
    )
    .map_err(|_| TasksError::WrongEscrow)?;
    let mut list = [Payment {
        to: accounts.treasury.account(),
        amount: fees,
    }; MAX_REPLICAS as usize + 1];
    let mut length = 1;
    for payment in payments.iter().flatten() {
        list[length] = *payment;
        length += 1;
    }
    tokens::pay_out(
        accounts.escrow.account(),
        job.account(),
        &[
            CpiSeed::from(b"job".as_slice()),
            CpiSeed::from(client.as_array()),
            CpiSeed::from(&id),
            CpiSeed::from(&[job.bump]),
        ],
        &list[..length],
        None,
    )
}
