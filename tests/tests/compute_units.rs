//! What each instruction of each program costs, against the ceilings of the design.
//!
//! Each is measured alone in its transaction (with the ed25519 instruction where it needs one) on the programs as built
//! for Solana; `LUMORA_CU_LOG=FILE` collects the rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "compute_units/bandwidth.rs"]
mod bandwidth;
#[path = "compute_units/market.rs"]
mod market;
#[path = "compute_units/registry.rs"]
mod registry;
#[path = "compute_units/rewards.rs"]
mod rewards;
#[path = "compute_units/tasks.rs"]
mod tasks;

use lumora_tests::world::keypair;
use solana_address::Address;
use solana_signer::Signer;

/// Name of a wallet for which an address takes two attempts to derive, as on average; one more costs some 300 units.
fn average_wallet(bump: impl Fn(&Address) -> u8) -> String {
    (0..)
        .map(|number| format!("provider {number}"))
        .find(|name| bump(&keypair(name, 0).pubkey()) == 254)
        .expect("every fourth is one")
}
