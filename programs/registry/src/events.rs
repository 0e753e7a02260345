//! Events of this program, as the interface lays them out.

use anchor_lang::prelude::*;

use crate::state::NetworkParameters;

lumora_interface::network_initialized_event!(#[event(bytemuck)]);
lumora_interface::node_registered_event!(#[event(bytemuck)]);
lumora_interface::node_updated_event!(#[event(bytemuck)]);
lumora_interface::bond_deposited_event!(#[event(bytemuck)]);
lumora_interface::authority_proposed_event!(#[event(bytemuck)]);
lumora_interface::authority_changed_event!(#[event(bytemuck)]);
lumora_interface::guardian_changed_event!(#[event(bytemuck)]);
lumora_interface::pause_changed_event!(#[event(bytemuck)]);
lumora_interface::parameters_announced_event!(#[event(bytemuck)]);
lumora_interface::announcement_withdrawn_event!(#[event(bytemuck)]);
lumora_interface::parameters_applied_event!(#[event(bytemuck)]);
lumora_interface::unbond_requested_event!(#[event(bytemuck)]);
lumora_interface::bond_withdrawn_event!(#[event(bytemuck)]);
lumora_interface::bond_slashed_event!(#[event(bytemuck)]);
lumora_interface::node_closed_event!(#[event(bytemuck)]);
lumora_interface::ranking_adapted_event!(#[event(bytemuck)]);
lumora_interface::adaptation_freeze_changed_event!(#[event(bytemuck)]);
