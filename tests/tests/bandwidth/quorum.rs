//! A full set of thirty-two oracles of which up to a third are silent or lie.

use lumora_core::quorum;
use lumora_interface::bandwidth::{self, BandwidthError, Epoch, OracleSet, epoch_state, member};
use lumora_tests::{
    World,
    oracles::{Figures, leaf},
    world::LMR,
};
use solana_keypair::Keypair;

use super::{epoch_of, oracles};

const MEMBERS: usize = 32;
const QUORUM: usize = 22;

/// Signatures that fit into one transaction.
const TOGETHER: usize = 6;

/// Thirty-two oracles, an epoch whose bundles are committed, the true figures, and those that liars agreed upon.
fn thirty_two() -> (World, Figures, Figures, Vec<Keypair>) {
    let mut world = World::new(MEMBERS);
    let (_, node) = world.register("node");
    let (_, friend) = world.register("friend of the liars");
    let epoch = world.open_epoch();
    world.commit_bundles(epoch);
    let truth = world.figures(
        epoch,
        vec![leaf(&node, epoch, 900, 90 * LMR), leaf(&friend, epoch, 100, 10 * LMR)],
    );
    let lie = world.figures(
        epoch,
        vec![leaf(&node, epoch, 1, LMR), leaf(&friend, epoch, 999, 99 * LMR)],
    );
    let signers = oracles(&world);
    (world, truth, lie, signers)
}

/// Submits signatures over several transactions, until there is nothing more to submit.
fn submit(world: &mut World, figures: &Figures, signers: &[Keypair]) {
    for part in signers.chunks(TOGETHER) {
        if epoch_of(world, figures.epoch).state == epoch_state::ATTESTED {
            return;
        }
        let submission = world.submission(figures, &part.iter().collect::<Vec<_>>());
        world.must(&submission, &[]);
    }
}

fn attested_root(world: &World, figures: &Figures) -> Option<[u8; 32]> {
    let epoch: Epoch = world.read(&bandwidth::epoch_address(figures.epoch).0);
    (epoch.state == epoch_state::ATTESTED).then_some(epoch.root)
}

#[test]
fn twenty_two_of_thirty_two_attest_over_several_transactions() {
    assert_eq!(quorum::required(MEMBERS as u32), QUORUM as u32);
    let (mut world, truth, _, signers) = thirty_two();
    submit(&mut world, &truth, &signers[..QUORUM]);
    assert_eq!(attested_root(&world, &truth), Some(truth.tree.root()));
    assert_eq!(epoch_of(&world, truth.epoch).signers, (1 << QUORUM) - 1);
}

#[test]
fn with_eleven_silent_there_is_no_attestation() {
    let (mut world, truth, _, signers) = thirty_two();
    submit(&mut world, &truth, &signers[..QUORUM - 1]);
    assert_eq!(attested_root(&world, &truth), None);
    // Until one of them speaks.
    submit(&mut world, &truth, &signers[MEMBERS - 1..]);
    assert_eq!(attested_root(&world, &truth), Some(truth.tree.root()));
}

#[test]
fn ten_that_lie_attest_nothing_and_hold_nobody_up() {
    let (mut world, truth, lie, signers) = thirty_two();
    let (liars, honest) = signers.split_at(MEMBERS - QUORUM);
    submit(&mut world, &lie, liars);
    assert_eq!(attested_root(&world, &lie), None);
    submit(&mut world, &truth, honest);
    assert_eq!(attested_root(&world, &truth), Some(truth.tree.root()));
    assert_eq!(epoch_of(&world, truth.epoch).signers.trailing_zeros(), 10);
    // Nor do they afterwards.
    let again = world.submission(&lie, &[&honest[0]]);
    world.refused(&again, &[], BandwidthError::EpochAttested.code());
}

#[test]
fn liars_that_sign_the_truth_as_well_are_jailed_one_by_one() {
    let (mut world, truth, lie, signers) = thirty_two();
    let (liars, honest) = signers.split_at(MEMBERS - QUORUM);
    submit(&mut world, &lie, liars);
    let reporter = world.wallet("reporter");
    let tokens = world.lmr_account(&solana_signer::Signer::pubkey(&reporter));
    for liar in liars {
        // On chain, the second statement is refused by name; with both signatures, anybody can report it.
        let second = world.submission(&truth, &[liar]);
        world.refused(&second, &[], BandwidthError::Equivocation.code());
        let report = world.report(liar, [&lie, &truth], &tokens);
        world.must(&report, &[]);
    }
    let set: OracleSet = world.read(&bandwidth::ORACLE_SET);
    assert!(set.states[..10].iter().all(|state| *state == member::JAILED));
    submit(&mut world, &truth, honest);
    assert_eq!(attested_root(&world, &truth), Some(truth.tree.root()));
    // The next epoch is theirs no more.
    let next = world.open_epoch();
    let opened = epoch_of(&world, next);
    assert_eq!((opened.members, opened.quorum), (u32::MAX << 10, 15));
}
