//! What a node has claimed of its rewards.

use anchor_lang::prelude::*;

use crate::error::RewardsError;

lumora_interface::reward_account!(#[account]);

const _: () = assert!(8 + size_of::<Reward>() == 128);

impl Reward {
    /// What the node has earned by its attested lifetime reward, less what it has claimed.
    pub fn due(&self, lifetime: u64) -> Result<u64> {
        lifetime
            .checked_sub(self.claimed)
            .ok_or_else(|| RewardsError::RewardFell.into())
    }

    /// Counts a payment.
    pub fn pay(&mut self, amount: u64, now: i64) -> Result<()> {
        self.claimed = self.claimed.checked_add(amount).ok_or(RewardsError::Overflow)?;
        self.claimed_at = now;
        Ok(())
    }
}
