//! Mints the rewards of a final epoch into the pool.

use anchor_lang::{AnchorAccount, cpi::CpiSigner, prelude::*};
use anchor_spl::{mint::Mint, token::TokenAccount};
use lumora_core::units::{Lmr, Seconds};
use lumora_interface::{bandwidth::Epoch, rewards as interface, self_call, tokens};

use crate::{constants::VERSION, error::RewardsError, events::EpochFunded, state::Emission};

/// Accounts of `fund_epoch`. Nobody needs to sign.
#[event_cpi]
#[derive(Accounts)]
pub struct FundEpoch {
    /// The epoch.
    /// CHECK: owner and discriminator are checked in the handler.
    pub epoch: UncheckedAccount,
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// The LMR mint.
    #[account(mut, address = interface::MINT @ RewardsError::WrongMint)]
    pub mint: Account<Mint>,
    /// LMR waiting to be claimed.
    #[account(mut, address = interface::POOL @ RewardsError::WrongPool)]
    pub pool: Account<TokenAccount>,
    /// Mints.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<FundEpoch>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let (number, cumulative) = read_final(ctx.accounts.epoch.account(), now)?;

    let emission = &*ctx.accounts.emission;
    require!(number >= emission.fundable_from, RewardsError::EpochFunded);
    let schedule = emission.plain().schedule();
    // Epochs opened faster than the schedule counts them must not pull later epochs' LMR forward.
    require!(
        schedule.epoch_at(Seconds(now)).is_some_and(|current| number <= current),
        RewardsError::EpochAhead
    );
    require!(
        cumulative <= schedule.cumulative(number).0,
        RewardsError::ScheduleExceeded
    );
    // Cumulative, so that an epoch which nobody funded is made up for by the next.
    let amount = cumulative.checked_sub(emission.minted).ok_or(RewardsError::TotalFell)?;

    let authority = Some(ctx.accounts.emission.address());
    require!(ctx.accounts.mint.mint_authority() == authority, RewardsError::WrongMint);
    require!(
        ctx.accounts.pool.mint() == &interface::MINT && Some(ctx.accounts.pool.owner()) == authority,
        RewardsError::WrongPool
    );
    let bump = [ctx.accounts.emission.bump];
    let accounts = &mut ctx.accounts;
    accounts.emission.minted = cumulative;
    accounts.emission.fundable_from = number.checked_add(1).ok_or(RewardsError::Overflow)?;
    accounts.emission.invariant()?;
    tokens::mint_to_checked(
        [
            accounts.mint.account(),
            accounts.pool.account(),
            accounts.emission.account(),
        ],
        amount,
        Lmr::DECIMALS,
        &[CpiSigner::from(&Emission::signer_seeds(&bump))],
    )?;
    self_call::record(
        &EpochFunded {
            version: VERSION,
            _padding: [0; 7],
            epoch: number,
            amount,
            minted: cumulative,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}

/// Number and cumulative reward of an epoch that nobody can dispute any more. One that a dispute has opened again is not
/// final, whatever it says.
fn read_final(account: &AccountView, now: i64) -> Result<(u64, u64)> {
    let epoch = Account::<Epoch>::load(*account).map_err(|_| RewardsError::WrongEpoch)?;
    require!(epoch.is_final(now), RewardsError::NotFinal);
    Ok((epoch.epoch, epoch.cumulative_reward))
}
