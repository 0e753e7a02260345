//! The seed: from a slot that was named before it was there, whoever draws it.

use lumora_core::{hash::sha256, seed::DELAY_SLOTS};
use lumora_interface::bandwidth::BandwidthError;
use lumora_tests::{World, instructions, oracles::leaf, world::LMR};
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{epoch_of, oracles};

fn slot(world: &World) -> u64 {
    world.svm.get_sysvar::<Clock>().slot
}

/// The seed of epoch 0, had it come from this slot.
fn seed_of(slot: u64) -> [u8; 32] {
    let slot_hash = sha256(&[b"slot", &slot.to_le_bytes()]);
    sha256(&[b"lumora epoch seed v1", &0u64.to_le_bytes(), &slot_hash])
}

#[test]
fn the_seed_comes_from_a_slot_that_was_named_before_it_was_there() {
    let mut world = World::new(4);
    let opened_in = slot(&world);
    let epoch = world.open_undrawn();
    let named = epoch_of(&world, epoch).seed_slot;
    assert_eq!(named, opened_in + DELAY_SLOTS);
    assert_eq!(epoch_of(&world, epoch).seed, [0; 32]);

    // Too early while it has no block, whatever else has one.
    let draw = instructions::draw_seed(epoch);
    for slots in [vec![named - 1], vec![named - 1, named - 2]] {
        world.set_slot_hashes(&slots);
        world.refused(&[draw.clone()], &[], BandwidthError::SeedTooEarly.code());
    }
    // Later slots change nothing.
    world.set_slot_hashes(&[named + 7, named + 3, named, named - 1]);
    world.must(&[draw.clone()], &[]);
    let drawn = epoch_of(&world, epoch);
    assert_eq!((drawn.seed, drawn.seed_slot), (seed_of(named), named));
    world.set_slot_hashes(&[named + 8, named + 7, named]);
    world.refused(&[draw], &[], BandwidthError::SeedDrawn.code());
}

#[test]
fn where_the_named_slot_was_skipped_the_next_one_with_a_block_counts() {
    let mut world = World::new(4);
    let epoch = world.open_undrawn();
    let named = epoch_of(&world, epoch).seed_slot;
    world.set_slot_hashes(&[named + 9, named + 4, named + 2, named - 1, named - 2]);
    world.must(&[instructions::draw_seed(epoch)], &[]);
    let drawn = epoch_of(&world, epoch);
    assert_eq!((drawn.seed, drawn.seed_slot), (seed_of(named + 2), named + 2));
}

#[test]
fn a_slot_that_is_no_longer_on_record_is_replaced_by_a_later_one() {
    let mut world = World::new(4);
    let epoch = world.open_undrawn();
    let named = epoch_of(&world, epoch).seed_slot;
    // As full as the chain's own: 512 slots, all after the named one.
    let late: Vec<u64> = (named + 1..=named + 512).rev().collect();
    world.set_slot_hashes(&late);
    world.must(&[instructions::draw_seed(epoch)], &[]);
    let postponed = epoch_of(&world, epoch);
    assert_eq!(
        (postponed.seed, postponed.seed_slot),
        ([0; 32], named + 513 + DELAY_SLOTS)
    );
    world.draw_seed(epoch);
    assert_eq!(epoch_of(&world, epoch).seed, seed_of(postponed.seed_slot));
    // One slot earlier it was still there.
    let reaching: Vec<u64> = (100..612).rev().collect();
    let mut world = World::new(4);
    world.set_slot_hashes(&[100 - DELAY_SLOTS - 1]);
    let epoch = world.open_undrawn();
    assert_eq!(epoch_of(&world, epoch).seed_slot, 100);
    world.set_slot_hashes(&reaching);
    world.must(&[instructions::draw_seed(epoch)], &[]);
    assert_eq!(epoch_of(&world, epoch).seed, seed_of(100));
}

#[test]
fn only_the_true_slot_hashes_are_read() {
    let mut world = World::new(1);
    let epoch = world.open_undrawn();
    let mut forged = instructions::draw_seed(epoch);
    forged.accounts[1].pubkey = instructions::INSTRUCTIONS_SYSVAR;
    world.refused(&[forged], &[], BandwidthError::SlotHashMissing.code());
}

#[test]
fn nothing_is_committed_or_signed_before_the_seed_is_drawn() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let epoch = world.open_undrawn();
    let signers = oracles(&world);
    let commit = instructions::commit_bundle(&signers[0].pubkey(), epoch, [1; 32], 1);
    let undrawn = BandwidthError::SeedNotDrawn.code();
    world.refused(&[commit.clone()], &[&signers[0]], undrawn);
    world.pass(1_000);
    let figures = world.figures(epoch, vec![leaf(&node, epoch, 1, LMR)]);
    let submission = world.submission(&figures, &signers.iter().collect::<Vec<&Keypair>>());
    world.refused(&submission, &[], undrawn);
}
