//! What this program records: value moves as calls to itself, the rest as log lines.

use anchor_lang::prelude::*;

lumora_interface::job_created_event!(#[event(bytemuck)]);
lumora_interface::shard_claimed_event!(#[event(bytemuck)]);
lumora_interface::result_committed_event!(#[event(bytemuck)]);
lumora_interface::result_revealed_event!(#[event(bytemuck)]);
lumora_interface::shard_settled_event!(#[event(bytemuck)]);
lumora_interface::assignment_expired_event!(#[event(bytemuck)]);
lumora_interface::job_cancelled_event!(#[event(bytemuck)]);
lumora_interface::job_closed_event!(#[event(bytemuck)]);
lumora_interface::result_rejected_event!(#[event(bytemuck)]);
lumora_interface::assignment_slashed_event!(#[event(bytemuck)]);
lumora_interface::job_refunded_event!(#[event(bytemuck)]);
