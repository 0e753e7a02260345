//! Pays the owners of several nodes what their attestations say beyond what was claimed before.

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};

use anchor_lang::{AnchorAccount, prelude::*};
use bytemuck::Zeroable;
use lumora_interface::{
    bandwidth::Attestation,
    rewards::{self as interface, ACCOUNTS_PER_CLAIM, MAX_CLAIMS},
    self_call,
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::RewardsError,
    events::RewardsClaimed,
    state::{Emission, Reward},
};

/// Accounts of `claim_many`. Nobody needs to sign; the LMR goes to the nodes' owners whoever calls it. The nodes' accounts
/// follow, three each: attestation, reward, and an LMR token account of the owner.
#[event_cpi]
#[derive(Accounts)]
pub struct ClaimMany {
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// LMR waiting to be claimed.
    /// CHECK: a fixed address; program, mint and owner are checked in the handler.
    #[account(mut, address = interface::POOL @ RewardsError::WrongPool)]
    pub pool: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<ClaimMany>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let groups = ctx.remaining_accounts()?;
    require!(
        !groups.is_empty() && groups.len() % ACCOUNTS_PER_CLAIM == 0 && groups.len() <= MAX_CLAIMS * ACCOUNTS_PER_CLAIM,
        RewardsError::GroupsInvalid
    );
    let accounts = &mut ctx.accounts;
    let pool = accounts.pool.account();
    require!(
        tokens::is_token_account_of(pool, &interface::MINT, accounts.emission.address()),
        RewardsError::WrongPool
    );
    let mut paid = Paid::new();
    let mut due = false;
    for group in groups.chunks_exact(ACCOUNTS_PER_CLAIM) {
        due |= claim(group, &mut accounts.emission, &mut paid, now)?;
    }
    if paid.event.count == 0 {
        require!(!due, RewardsError::BreakerTripped);
        return Ok(());
    }
    require!(tokens::amount(pool) >= paid.total()?, RewardsError::PoolShort);
    accounts.emission.invariant()?;
    let bump = [accounts.emission.bump];
    tokens::pay_out_many(
        pool,
        accounts.emission.account(),
        &Emission::signer_seeds(&bump),
        &paid.payments,
    )?;
    self_call::record(
        &*paid.event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}

/// Counts what one node is paid, and says whether anything was due. A node that was paid by an earlier group of the same
/// instruction is due nothing any more.
fn claim<'a>(group: &'a [AccountView], emission: &mut Emission, paid: &mut Paid<'a>, now: i64) -> Result<bool> {
    let [attestation, reward, destination] = group else {
        return Err(RewardsError::GroupsInvalid.into());
    };
    let attestation = Account::<Attestation>::load(*attestation).map_err(|_| RewardsError::WrongAttestation)?;
    #[allow(unsafe_code, reason = "accounts past the declared ones are loaded by hand")]
    // SAFETY: nothing else of this instruction holds a reward, and this one is let go on return, before the next.
    let mut reward = unsafe { Account::<Reward>::load_mut(*reward) }.map_err(|_| RewardsError::WrongReward)?;
    require!(attestation.node == reward.node, RewardsError::WrongReward);
    require!(reward.owner != Address::default(), RewardsError::OwnerUnknown);
    require!(
        tokens::is_token_account_of(destination, &interface::MINT, &reward.owner),
        RewardsError::WrongTokenAccount
    );
    let due = reward.due(attestation.cumulative_reward)?;
    if due == 0 {
        return Ok(false);
    }
    let amount = emission.claim(due, now)?;
    if amount > 0 {
        reward.pay(amount, now)?;
        paid.add(&reward, destination, amount, attestation.epoch)?;
    }
    Ok(true)
}

/// What is to be transferred, and the record of it.
struct Paid<'a> {
    /// One for each run of groups with the same token account.
    payments: Vec<Payment<'a>>,
    /// On the heap, since it would fill a third of the stack's frame.
    event: Box<RewardsClaimed>,
}

impl<'a> Paid<'a> {
    #[inline(never)]
    fn new() -> Self {
        Self {
            payments: Vec::with_capacity(MAX_CLAIMS),
            event: Box::new(RewardsClaimed {
                version: VERSION,
                ..RewardsClaimed::zeroed()
            }),
        }
    }

    fn add(&mut self, reward: &Reward, to: &'a AccountView, amount: u64, epoch: u64) -> Result<()> {
        match self.payments.last_mut() {
            Some(last) if anchor_lang::address_eq(last.to.address(), to.address()) => {
                last.amount = last.amount.checked_add(amount).ok_or(RewardsError::Overflow)?;
            }
            _ => self.payments.push(Payment { to, amount }),
        }
        let event = &mut *self.event;
        let index = usize::from(event.count);
        event.nodes[index] = reward.node;
        event.owners[index] = reward.owner;
        event.amounts[index] = amount;
        event.claimed[index] = reward.claimed;
        event.epochs[index] = epoch;
        event.count += 1;
        Ok(())
    }

    fn total(&self) -> Result<u64> {
        self.payments
            .iter()
            .try_fold(0u64, |sum, payment| sum.checked_add(payment.amount))
            .ok_or_else(|| RewardsError::Overflow.into())
    }
}
