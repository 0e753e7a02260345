//! How a node's assignments ended.

use anchor_lang::prelude::*;

lumora_interface::work_account!(#[account]);
const _: () = assert!(size_of::<Work>() == 144);

/// How an assignment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The majority agreed with it; the amount was paid.
    Completed(u64),
    /// The majority, or a quorum of oracles, did not agree with it. Its part of the bond stands until it is slashed.
    Rejected,
    /// It ran out of time. Its part of the bond stands until it is slashed.
    Expired,
    /// It did what was asked, but there was no majority: nobody is paid or slashed.
    Released,
}

impl Work {
    /// An assignment ended like this.
    pub fn finish(&mut self, outcome: Outcome, now: i64) {
        match outcome {
            Outcome::Completed(amount) => {
                self.completed = self.completed.saturating_add(1);
                self.earned = self.earned.saturating_add(amount);
                self.release(now);
            }
            Outcome::Rejected => self.failed = self.failed.saturating_add(1),
            Outcome::Expired => self.expired = self.expired.saturating_add(1),
            Outcome::Released => self.release(now),
        }
        self.changed_at = now;
    }

    /// No part of the bond stands for an assignment any more.
    pub fn release(&mut self, now: i64) {
        self.active = self.active.saturating_sub(1);
        self.changed_at = now;
    }
}
