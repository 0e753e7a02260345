//! Events of this program, as the interface lays them out.

use anchor_lang::prelude::*;

lumora_interface::oracle_added_event!(#[event(bytemuck)]);
lumora_interface::epoch_opened_event!(#[event(bytemuck)]);
lumora_interface::bundle_committed_event!(#[event(bytemuck)]);
lumora_interface::epoch_attested_event!(#[event(bytemuck)]);
lumora_interface::node_proven_event!(#[event(bytemuck)]);
