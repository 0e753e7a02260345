//! Who measures and signs.

use anchor_lang::prelude::*;
use lumora_interface::bandwidth::{self as interface, member};

lumora_interface::oracle_set_account!(#[account]);

const _: () = assert!(8 + size_of::<OracleSet>() == 2_344);

impl OracleSet {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::OracleSet {
        bytemuck::cast_ref(self)
    }

    /// Bitmap of the members that count in `epoch`.
    pub fn members_in(&self, epoch: u64) -> u32 {
        let counts = |index: &usize| self.states[*index] == member::ACTIVE && self.since[*index] <= epoch;
        // At most 32 members, so that the shift cannot overflow.
        (0..usize::from(self.count).min(32))
            .filter(counts)
            .fold(0, |bits, index| bits | (1 << index))
    }
}
