//! Where the protocol's fees for data go.

use anchor_lang::prelude::*;

lumora_interface::market_config_account!(#[account]);
const _: () = assert!(size_of::<MarketConfig>() == 104);
