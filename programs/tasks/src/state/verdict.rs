//! Signatures of oracles that reject a result, until they are a quorum.

use anchor_lang::prelude::*;

lumora_interface::verdict_account!(#[account]);
const _: () = assert!(size_of::<Verdict>() == 144);
