//! Events of this program, as the interface lays them out.

use anchor_lang::prelude::*;
use lumora_interface::rewards::MAX_CLAIMS;

lumora_interface::emission_initialized_event!(#[event(bytemuck)]);
lumora_interface::epoch_funded_event!(#[event(bytemuck)]);
lumora_interface::reward_claimed_event!(#[event(bytemuck)]);
lumora_interface::rewards_claimed_event!(#[event(bytemuck)]);
lumora_interface::granted_event!(#[event(bytemuck)]);
lumora_interface::grant_released_event!(#[event(bytemuck)]);
lumora_interface::breaker_set_event!(#[event(bytemuck)]);
lumora_interface::fees_burned_event!(#[event(bytemuck)]);
lumora_interface::metadata_created_event!(#[event(bytemuck)]);

const _: () = assert!(size_of::<RewardsClaimed>() == 8 + MAX_CLAIMS * (2 * 32 + 3 * 8));
