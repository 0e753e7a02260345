//! What a node has claimed of its rewards.

use anchor_lang::prelude::*;

lumora_interface::reward_account!(#[account]);

const _: () = assert!(8 + size_of::<Reward>() == 128);
