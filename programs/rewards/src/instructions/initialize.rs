//! Creates the LMR mint and the program's token accounts.

use anchor_lang::{cpi::CpiSigner, prelude::*};
use anchor_spl::{
    mint::{self, Mint},
    token::{self, TokenAccount},
};
use lumora_core::{
    emission::Breaker,
    units::{Bps, Lmr},
};
use lumora_interface::{
    registry::{self, Network},
    rewards::EARLY_POOL_AMOUNT,
    self_call, tokens,
};

use crate::{constants::VERSION, error::RewardsError, events::EmissionInitialized, state::Emission};

lumora_interface::initialize_rewards_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `initialize`.
#[event_cpi]
#[derive(Accounts)]
pub struct Initialize {
    /// The network's authority; pays.
    #[account(mut, address = network.authority @ RewardsError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK @ RewardsError::WrongNetwork)]
    pub network: Account<Network>,
    /// The emission; authority of the mint and of the token accounts.
    #[account(init, payer = authority, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// The LMR mint. It has no freeze authority: nobody can lock a holder's LMR.
    #[account(init, payer = authority, seeds = [b"lmr"], bump, mint::decimals = Lmr::DECIMALS, mint::authority = emission)]
    pub mint: Account<Mint>,
    /// LMR waiting to be claimed.
    #[account(init, payer = authority, seeds = [b"pool"], bump, token::mint = mint, token::authority = emission)]
    pub pool: Account<TokenAccount>,
    /// The early-participant pool.
    #[account(init, payer = authority, seeds = [b"early"], bump, token::mint = mint, token::authority = emission)]
    pub early_pool: Account<TokenAccount>,
    /// The protocol's fees.
    #[account(init, payer = authority, seeds = [b"fees"], bump, token::mint = mint, token::authority = emission)]
    pub fees: Account<TokenAccount>,
    /// Creates the mint and the token accounts.
    pub token_program: Program<Token>,
    /// Creates the accounts.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Initialize>, arguments: InitializeRewardsArguments) -> Result<()> {
    require!(
        arguments.epoch_seconds > 0
            && arguments.epochs_per_cycle > 0
            && arguments.first_amount > 0
            && arguments.decay <= Bps::ONE.0,
        RewardsError::ScheduleInvalid
    );
    require!(
        arguments.vesting_cliff_seconds <= arguments.vesting_seconds,
        RewardsError::VestingInvalid
    );
    let mint = *ctx.accounts.mint.address();
    let emission = &mut *ctx.accounts.emission;
    emission.version = VERSION;
    emission.bump = ctx.bumps.emission;
    emission.mint_bump = ctx.bumps.mint;
    emission.pool_bump = ctx.bumps.pool;
    emission.early_bump = ctx.bumps.early_pool;
    emission.fees_bump = ctx.bumps.fees;
    emission.decay = arguments.decay;
    emission.mint = mint;
    emission.genesis = arguments.genesis;
    emission.epoch_seconds = arguments.epoch_seconds;
    emission.epochs_per_cycle = arguments.epochs_per_cycle;
    emission.first_amount = arguments.first_amount;
    emission.cap = arguments.cap;
    emission.early_minted = EARLY_POOL_AMOUNT;
    emission.vesting_cliff_seconds = arguments.vesting_cliff_seconds;
    emission.vesting_seconds = arguments.vesting_seconds;
    emission.breaker_limit = arguments.breaker_limit;
    emission.breaker_seconds = arguments.breaker_seconds;
    require!(
        Breaker::is_valid(
            Lmr(arguments.breaker_limit),
            arguments.breaker_seconds,
            &emission.plain().schedule()
        ),
        RewardsError::BreakerInvalid
    );
    emission.invariant()?;

    let bump = [ctx.bumps.emission];
    let accounts = &mut ctx.accounts;
    tokens::mint_to_checked(
        [
            accounts.mint.account(),
            accounts.early_pool.account(),
            accounts.emission.account(),
        ],
        EARLY_POOL_AMOUNT,
        Lmr::DECIMALS,
        &[CpiSigner::from(&Emission::signer_seeds(&bump))],
    )?;
    self_call::record(
        &EmissionInitialized {
            version: VERSION,
            _padding: [0; 7],
            mint,
            early_minted: EARLY_POOL_AMOUNT,
            cap: arguments.cap,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )?;
    Ok(())
}
