//! Signatures under an adaptation, while they are no quorum.

use anchor_lang::prelude::*;

lumora_interface::adaptation_count_account!(#[account]);

const _: () = assert!(8 + size_of::<AdaptationCount>() == 120);

impl AdaptationCount {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &lumora_interface::bandwidth::AdaptationCount {
        bytemuck::cast_ref(self)
    }
}
