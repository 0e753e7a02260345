//! How much LMR may be minted, and how much was.

use anchor_lang::{cpi::CpiSeed, prelude::*};
use lumora_core::units::{Lmr, Seconds};
use lumora_interface::rewards::{self as interface, SUPPLY_CAP};

use crate::{constants::EMISSION, error::RewardsError};

lumora_interface::emission_account!(#[account]);

const _: () = assert!(8 + size_of::<Emission>() == 288);

impl Emission {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::Emission {
        bytemuck::cast_ref(self)
    }

    /// Seeds under which this account signs as authority of the mint and of the token accounts; `bump` is [`Self::bump`].
    pub fn signer_seeds(bump: &[u8; 1]) -> [CpiSeed<'_>; 2] {
        [CpiSeed::from(EMISSION), CpiSeed::from(bump)]
    }

    /// Counts as claimed as much of `due` as the circuit breaker lets out at `now`, and returns it: possibly nothing. The
    /// caller checks the pool and then [`Self::invariant`].
    pub fn claim(&mut self, due: u64, now: i64) -> Result<u64> {
        let (paid, breaker) = self.plain().breaker().take(Lmr(due), Seconds(now));
        self.breaker_used = breaker.used.0;
        self.breaker_since = breaker.since.0;
        self.claimed = self.claimed.checked_add(paid.0).ok_or(RewardsError::Overflow)?;
        Ok(paid.0)
    }

    /// Must hold after every change: nothing beyond the schedule's cap, the pools or the supply cap.
    pub fn invariant(&self) -> Result<()> {
        let supply = self.cap.checked_add(self.early_minted).ok_or(RewardsError::Overflow)?;
        require!(supply <= SUPPLY_CAP, RewardsError::CapExceeded);
        require!(
            self.minted <= self.cap
                && self.claimed <= self.minted
                && self.early_granted <= self.early_minted
                && self.early_outstanding <= self.early_granted,
            RewardsError::Invariant
        );
        Ok(())
    }
}
