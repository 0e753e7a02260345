//! Events of this program, as the interface lays them out.

use anchor_lang::prelude::*;

lumora_interface::oracle_added_event!(#[event(bytemuck)]);
lumora_interface::oracle_updated_event!(#[event(bytemuck)]);
lumora_interface::oracle_removed_event!(#[event(bytemuck)]);
lumora_interface::oracle_bond_deposited_event!(#[event(bytemuck)]);
lumora_interface::oracle_bond_withdrawn_event!(#[event(bytemuck)]);
lumora_interface::oracle_jailed_event!(#[event(bytemuck)]);
lumora_interface::oracle_set_migrated_event!(#[event(bytemuck)]);
lumora_interface::minimum_bond_set_event!(#[event(bytemuck)]);
lumora_interface::epoch_opened_event!(#[event(bytemuck)]);
lumora_interface::seed_drawn_event!(#[event(bytemuck)]);
lumora_interface::seed_postponed_event!(#[event(bytemuck)]);
lumora_interface::bundle_committed_event!(#[event(bytemuck)]);
lumora_interface::epoch_attested_event!(#[event(bytemuck)]);
lumora_interface::epoch_reopened_event!(#[event(bytemuck)]);
lumora_interface::epoch_closed_event!(#[event(bytemuck)]);
lumora_interface::node_proven_event!(#[event(bytemuck)]);
lumora_interface::node_punished_event!(#[event(bytemuck)]);
