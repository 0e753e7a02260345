//! Events of this program, as the interface lays them out.

use anchor_lang::prelude::*;

lumora_interface::network_initialized_event!(#[event(bytemuck)]);
lumora_interface::node_registered_event!(#[event(bytemuck)]);
lumora_interface::node_updated_event!(#[event(bytemuck)]);
lumora_interface::bond_deposited_event!(#[event(bytemuck)]);
