//! What this program records: value moves as calls to itself, the rest as log lines.

use anchor_lang::prelude::*;

lumora_interface::listing_created_event!(#[event(bytemuck)]);
lumora_interface::listing_updated_event!(#[event(bytemuck)]);
lumora_interface::listing_withdrawn_event!(#[event(bytemuck)]);
lumora_interface::listing_closed_event!(#[event(bytemuck)]);
lumora_interface::listing_bond_added_event!(#[event(bytemuck)]);
lumora_interface::listing_bond_withdrawn_event!(#[event(bytemuck)]);
lumora_interface::penalty_paid_event!(#[event(bytemuck)]);
lumora_interface::purchase_closed_event!(#[event(bytemuck)]);
lumora_interface::dataset_bought_event!(#[event(bytemuck)]);
lumora_interface::dataset_delivered_event!(#[event(bytemuck)]);
lumora_interface::purchase_refunded_event!(#[event(bytemuck)]);
lumora_interface::purchase_rated_event!(#[event(bytemuck)]);
