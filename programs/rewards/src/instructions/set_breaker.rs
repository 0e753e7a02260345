//! Bounds how much may be claimed in a window of time.

use anchor_lang::prelude::*;
use lumora_core::{emission::Breaker, units::Lmr};
use lumora_interface::registry::{self, Network};

use crate::{constants::VERSION, error::RewardsError, events::BreakerSet, state::Emission};

lumora_interface::set_breaker_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `set_breaker`.
#[derive(Accounts)]
pub struct SetBreaker {
    /// The network's authority.
    #[account(address = network.authority @ RewardsError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK @ RewardsError::WrongNetwork)]
    pub network: Account<Network>,
    /// The emission.
    #[account(mut, seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
}

pub(crate) fn handler(ctx: &mut Context<SetBreaker>, arguments: SetBreakerArguments) -> Result<()> {
    let SetBreakerArguments { limit, seconds } = arguments;
    let emission = &mut *ctx.accounts.emission;
    require!(
        Breaker::is_valid(Lmr(limit), seconds, &emission.plain().schedule()),
        RewardsError::BreakerInvalid
    );
    // The current window goes on with what it has let out: setting the breaker again and again neither empties the pool nor
    // holds it shut for longer than the longest window.
    emission.breaker_limit = limit;
    emission.breaker_seconds = seconds;
    emission.invariant()?;
    emit!(BreakerSet {
        version: VERSION,
        _padding: [0; 3],
        seconds,
        limit,
    });
    Ok(())
}
