//! Closes the account of a verdict that cannot find its quorum any more.

use anchor_lang::prelude::*;
use lumora_interface::{Account as _, tasks};

use crate::{error::TasksError, state::Verdict};

/// Accounts of `close_verdict`.
#[derive(Accounts)]
pub struct CloseVerdict {
    /// The account that counts the signatures; it is closed.
    #[account(mut, close = rent_payer)]
    pub verdict: Account<Verdict>,
    /// The assignment that the verdict is about. It may be gone.
    /// CHECK: the address that the verdict names; read in the handler.
    #[account(address = verdict.assignment @ TasksError::WrongVerdict)]
    pub assignment: UncheckedAccount,
    /// Who paid the rent.
    /// CHECK: the address that the account names.
    #[account(mut, address = verdict.rent_payer @ TasksError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<CloseVerdict>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let is_void = now > ctx.accounts.verdict.expires_at || !is_revealed(ctx.accounts.assignment.account());
    require!(is_void, TasksError::VerdictOpen);
    Ok(())
}

/// Whether the account is an assignment with a result that can be rejected.
fn is_revealed(account: &AccountView) -> bool {
    if !account.owned_by(&tasks::ID) {
        return false;
    }
    account
        .try_borrow()
        .ok()
        .and_then(|data| tasks::Assignment::from_account_data(&data).ok())
        .is_some_and(|assignment| assignment.state == tasks::assignment_state::REVEALED)
}
