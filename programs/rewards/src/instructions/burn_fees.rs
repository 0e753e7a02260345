//! Burns the network's share of the fees and pays the rest to its authority.

use anchor_lang::prelude::*;
use lumora_core::units::Bps;
use lumora_interface::{
    registry::{self, Network},
    rewards as interface, self_call,
    tokens::{self, Payment},
};

use crate::{constants::VERSION, error::RewardsError, events::FeesBurned, state::Emission};

/// Accounts of `burn_fees`. Nobody needs to sign.
#[event_cpi]
#[derive(Accounts)]
pub struct BurnFees {
    /// Names the authority and the share that is burned.
    #[account(address = registry::NETWORK @ RewardsError::WrongNetwork)]
    pub network: Account<Network>,
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// The LMR mint.
    /// CHECK: the fixed address of a mint that only this program could create.
    #[account(mut, address = interface::MINT @ RewardsError::WrongMint)]
    pub mint: UncheckedAccount,
    /// The protocol's fees.
    /// CHECK: a fixed address; program, mint and owner are checked in the handler.
    #[account(mut, address = interface::FEES @ RewardsError::WrongPool)]
    pub fees: UncheckedAccount,
    /// An LMR token account of the network's authority; any account when nothing is to be paid.
    /// CHECK: program, mint and owner are checked in the handler.
    #[account(mut)]
    pub destination: UncheckedAccount,
    /// Burns and moves the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<BurnFees>) -> Result<()> {
    let accounts = &mut ctx.accounts;
    let fees = accounts.fees.account();
    require!(
        tokens::is_token_account_of(fees, &interface::MINT, accounts.emission.address()),
        RewardsError::WrongPool
    );
    let amount = tokens::amount(fees);
    require!(amount > 0, RewardsError::NoFees);

    let authority = accounts.network.authority;
    // The authority's part is rounded down. A renounced network has nobody to pay: all is burned, since what is sent to an
    // address without a key would count as supply for ever.
    let paid = if authority == interface::INCINERATOR {
        0
    } else {
        Bps(accounts.network.burn_share).complement().of(amount)
    };
    let burned = amount.checked_sub(paid).ok_or(RewardsError::Overflow)?;
    require!(
        paid == 0 || tokens::is_token_account_of(accounts.destination.account(), &interface::MINT, &authority),
        RewardsError::WrongTokenAccount
    );
    let total_burned = accounts
        .emission
        .burned
        .checked_add(burned)
        .ok_or(RewardsError::Overflow)?;
    accounts.emission.burned = total_burned;
    accounts.emission.invariant()?;

    let bump = [accounts.emission.bump];
    tokens::pay_out_and_burn(
        accounts.fees.account(),
        accounts.emission.account(),
        &Emission::signer_seeds(&bump),
        &[Payment {
            to: accounts.destination.account(),
            amount: paid,
        }],
        accounts.mint.account(),
        burned,
    )?;
    self_call::record(
        &FeesBurned {
            version: VERSION,
            _padding: [0; 7],
            authority,
            burned,
            paid,
            total_burned,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}
