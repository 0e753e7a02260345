//! How long the account of an epoch stays, and who gets its rent.

use lumora_interface::bandwidth::{self, BandwidthError};
use lumora_tests::{
    World, instructions,
    oracles::leaf,
    world::{DISPUTE_SECONDS, EPOCH_SECONDS, LMR, ORACLES, keypair},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::oracles;

fn exists(world: &World, epoch: u64) -> bool {
    world
        .svm
        .get_account(&bandwidth::epoch_address(epoch).0)
        .is_some_and(|account| account.lamports > 0)
}

/// Attests the next epoch; the node's lifetime reward is one LMR more each time.
fn attest(world: &mut World, node: &Address) -> u64 {
    world
        .attest(|epoch| vec![leaf(node, epoch, 1, (epoch + 1) * LMR)])
        .epoch
}

#[test]
fn an_old_epoch_is_closed_by_anybody_and_its_rent_returns() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let opener = world.wallet("opener");
    let rent = {
        let before = world.svm.get_balance(&opener.pubkey()).unwrap();
        world.must(&[instructions::open_epoch(&opener.pubkey(), 0)], &[&opener]);
        world.draw_seed(0);
        before - world.svm.get_balance(&opener.pubkey()).unwrap()
    };
    world.commit_bundles(0);
    let figures = world.figures(0, vec![leaf(&node, 0, 1, LMR)]);
    let signers = oracles(&world);
    let submission = world.submission(&figures, &signers.iter().collect::<Vec<&Keypair>>());
    world.must(&submission, &[]);
    world.pass(DISPUTE_SECONDS);
    attest(&mut world, &node);

    let close = instructions::close_epoch(0, &opener.pubkey());
    world.refused(&[close.clone()], &[], BandwidthError::RetentionRunning.code());
    let ends_at = super::epoch_of(&world, 0).ends_at;
    let wait = ends_at + i64::from(ORACLES.retention_seconds) - world.now();
    world.pass(wait - 1);
    world.refused(&[close.clone()], &[], BandwidthError::RetentionRunning.code());
    world.pass(1);
    let thief = keypair("thief", 0).pubkey();
    world.refused(
        &[instructions::close_epoch(0, &thief)],
        &[],
        BandwidthError::WrongRentPayer.code(),
    );
    let before = world.svm.get_balance(&opener.pubkey()).unwrap();
    world.must(&[close], &[]);
    assert_eq!(world.svm.get_balance(&opener.pubkey()).unwrap() - before, rent);
    assert!(!exists(&world, 0));
    // Its number does not come back.
    let again = world.send(&[instructions::open_epoch(&opener.pubkey(), 0)], &[&opener]);
    assert!(again.is_err());
}

#[test]
fn the_epoch_attested_last_stays_however_old_it_is() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let payer = world.payer.pubkey();
    let first = attest(&mut world, &node);
    world.pass(100 * ORACLES.retention_seconds);
    let needed = BandwidthError::EpochNeeded.code();
    let close = instructions::close_epoch(first, &payer);
    world.refused(&[close.clone()], &[], needed);
    // Nor while its successor may still be reopened.
    let epoch = world.open_epoch();
    world.commit_bundles(epoch);
    let figures = world.figures(epoch, vec![leaf(&node, epoch, 1, 2 * LMR)]);
    let signers = oracles(&world);
    let submission = world.submission(&figures, &signers.iter().collect::<Vec<&Keypair>>());
    world.must(&submission, &[]);
    world.pass(DISPUTE_SECONDS - 1);
    world.refused(&[close.clone()], &[], needed);
    world.pass(1);
    world.must(&[close], &[]);
    assert!(exists(&world, epoch));
}

#[test]
fn an_epoch_that_was_never_attested_stays_while_it_can_be() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let payer = world.payer.pubkey();
    let lost = world.open_epoch();
    world.pass(EPOCH_SECONDS + ORACLES.retention_seconds);
    let close = instructions::close_epoch(lost, &payer);
    world.refused(&[close.clone()], &[], BandwidthError::EpochNeeded.code());
    attest(&mut world, &node);
    world.must(&[close], &[]);
    assert!(!exists(&world, lost));
}

#[test]
fn the_latest_figures_can_be_proven_whatever_was_closed() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let payer = world.payer.pubkey();
    attest(&mut world, &node);
    let latest = world.attest(|epoch| vec![leaf(&node, epoch, 1, 2 * LMR)]);
    world.pass(10 * ORACLES.retention_seconds);
    world.must(&[instructions::close_epoch(0, &payer)], &[]);
    world.prove(&latest, 0);
}
