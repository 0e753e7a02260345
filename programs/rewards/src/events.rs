//! Events of this program, as the interface lays them out.

use anchor_lang::prelude::*;

lumora_interface::emission_initialized_event!(#[event(bytemuck)]);
lumora_interface::epoch_funded_event!(#[event(bytemuck)]);
lumora_interface::reward_claimed_event!(#[event(bytemuck)]);
lumora_interface::granted_event!(#[event(bytemuck)]);
