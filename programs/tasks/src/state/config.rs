//! Where the protocol's fees for work go.

use anchor_lang::prelude::*;

lumora_interface::tasks_config_account!(#[account]);
const _: () = assert!(size_of::<TasksConfig>() == 104);
