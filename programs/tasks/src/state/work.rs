//! How a node's assignments ended.

use anchor_lang::prelude::*;

lumora_interface::work_account!(#[account]);
const _: () = assert!(size_of::<Work>() == 144);

/// How an assignment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The majority agreed with it; the amount was paid.
    Completed(u64),
    /// The majority did not agree with it, or there was none.
    Failed,
    /// It ran out of time.
    Expired,
}

impl Work {
    /// One assignment less, which ended like this.
    pub fn finish(&mut self, outcome: Outcome, now: i64) {
        self.active = self.active.saturating_sub(1);
        match outcome {
            Outcome::Completed(amount) => {
                self.completed = self.completed.saturating_add(1);
                self.earned = self.earned.saturating_add(amount);
            }
            Outcome::Failed => self.failed = self.failed.saturating_add(1),
            Outcome::Expired => self.expired = self.expired.saturating_add(1),
        }
        self.changed_at = now;
    }
}
