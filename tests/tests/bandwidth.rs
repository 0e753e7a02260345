//! Program `bandwidth`: epochs, quorums of real ed25519 signatures, and proofs; each rule refuses by its own name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "bandwidth/adaptation.rs"]
mod adaptation;
#[path = "bandwidth/cost.rs"]
mod cost;
#[path = "bandwidth/equivocation.rs"]
mod equivocation;
#[path = "bandwidth/forgery.rs"]
mod forgery;
#[path = "bandwidth/members.rs"]
mod members;
#[path = "bandwidth/migration.rs"]
mod migration;
#[path = "bandwidth/quorum.rs"]
mod quorum;
#[path = "bandwidth/retention.rs"]
mod retention;
#[path = "bandwidth/seed.rs"]
mod seed;
#[path = "bandwidth/signatures.rs"]
mod signatures;

use lumora_core::{attestation::Leaf, merkle};
use lumora_interface::{
    bandwidth::{self, Attestation, BandwidthError, Epoch, OracleSet, epoch_state},
    registry,
};
use lumora_tests::{
    World, instructions,
    oracles::{Figures, leaf},
    world::{COMMIT_SECONDS, DISPUTE_SECONDS, EPOCH_SECONDS, LMR, START},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

fn epoch_of(world: &World, epoch: u64) -> Epoch {
    world.read(&bandwidth::epoch_address(epoch).0)
}

fn oracles(world: &World) -> Vec<Keypair> {
    world.oracles.iter().map(Keypair::insecure_clone).collect()
}

/// Four oracles, two nodes, an epoch whose bundles are committed, and figures over it.
fn ready() -> (World, Figures, [Address; 2]) {
    let mut world = World::new(4);
    let (_, first) = world.register("first");
    let (_, second) = world.register("second");
    let epoch = world.open_epoch();
    world.commit_bundles(epoch);
    let figures = world.figures(
        epoch,
        vec![
            leaf(&first, epoch, 3_000, 300 * LMR),
            leaf(&second, epoch, 1_000, 100 * LMR),
        ],
    );
    (world, figures, [first, second])
}

#[test]
fn an_epoch_goes_from_its_seed_to_a_proven_figure() {
    let (mut world, figures, [first, _]) = ready();
    let epoch = epoch_of(&world, figures.epoch);
    assert_eq!((epoch.quorum, epoch.members, epoch.committed), (3, 0b1111, 0b1111));
    assert_ne!(epoch.seed, [0; 32]);
    assert_eq!(epoch.starts_at, START);
    assert_eq!(epoch.ends_at, START + i64::from(EPOCH_SECONDS));
    assert_eq!(epoch.cutoff_at, epoch.ends_at + i64::from(COMMIT_SECONDS));

    let signers = oracles(&world);
    let submission = world.submission(&figures, &[&signers[0], &signers[2], &signers[3]]);
    world.must(&submission, &[]);
    let attested = epoch_of(&world, figures.epoch);
    assert_eq!(attested.state, epoch_state::ATTESTED);
    assert_eq!(attested.signers, 0b1101);
    assert_eq!(attested.root, figures.tree.root());
    assert_eq!((attested.leaf_count, attested.epoch_reward), (2, 400 * LMR));
    let set: OracleSet = world.read(&bandwidth::ORACLE_SET);
    assert_eq!((set.cumulative_reward, set.cumulative_contribution), (400 * LMR, 4_000));

    world.pass(DISPUTE_SECONDS);
    world.prove(&figures, 0);
    let attestation: Attestation = world.read(&bandwidth::attestation_address(&first).0);
    assert_eq!(attestation.node, first);
    assert_eq!(
        (attestation.down_kbps, attestation.up_kbps, attestation.rtt_us),
        (50_000, 20_000, 12_000)
    );
    assert_eq!(
        (attestation.contribution, attestation.cumulative_reward),
        (3_000, 300 * LMR)
    );
    assert_eq!(attestation.measured_at, epoch.ends_at);
}

#[test]
fn epochs_follow_each_other_and_not_faster_than_the_clock() {
    let mut world = World::new(4);
    let payer = world.payer.pubkey();
    assert_eq!(world.open_epoch(), 0);
    world.pass(EPOCH_SECONDS - 1);
    world.refused(
        &[instructions::open_epoch(&payer, 1)],
        &[],
        BandwidthError::TooEarly.code(),
    );
    world.pass(1);
    world.must(&[instructions::open_epoch(&payer, 1)], &[]);
    world.draw_seed(1);
    assert_ne!(epoch_of(&world, 0).seed, epoch_of(&world, 1).seed);
    // Neither again nor ahead of its turn.
    for number in [1, 3] {
        world.pass(EPOCH_SECONDS);
        assert!(world.send(&[instructions::open_epoch(&payer, number)], &[]).is_err());
    }
    assert_eq!(world.read::<OracleSet>(&bandwidth::ORACLE_SET).next_epoch, 2);
}

#[test]
fn a_bundle_is_committed_once_in_time_by_an_oracle() {
    let mut world = World::new(4);
    let epoch = world.open_epoch();
    let oracle = world.oracles[0].insecure_clone();
    let stranger = world.wallet("stranger");
    let commit = |who: &Keypair, root, count| instructions::commit_bundle(&who.pubkey(), epoch, root, count);
    world.refused(
        &[commit(&stranger, [1; 32], 1)],
        &[&stranger],
        BandwidthError::NotOracle.code(),
    );
    world.refused(
        &[commit(&oracle, [1; 32], 0)],
        &[&oracle],
        BandwidthError::BundleEmpty.code(),
    );
    world.refused(
        &[commit(&oracle, [0; 32], 1)],
        &[&oracle],
        BandwidthError::BundleEmpty.code(),
    );
    world.must(&[commit(&oracle, [1; 32], 1)], &[&oracle]);
    world.refused(
        &[commit(&oracle, [2; 32], 1)],
        &[&oracle],
        BandwidthError::BundleCommitted.code(),
    );
    assert_eq!(epoch_of(&world, epoch).bundle_roots[0], [1; 32]);
    world.pass(EPOCH_SECONDS + COMMIT_SECONDS + 1);
    let late = world.oracles[1].insecure_clone();
    world.refused(
        &[commit(&late, [1; 32], 1)],
        &[&late],
        BandwidthError::CutoffPassed.code(),
    );
}

#[test]
fn too_few_signatures_attest_nothing() {
    let (mut world, figures, _) = ready();
    let signers = oracles(&world);
    let submission = world.submission(&figures, &[&signers[0], &signers[1]]);
    world.must(&submission, &[]);
    let epoch = epoch_of(&world, figures.epoch);
    assert_eq!(
        (epoch.state, epoch.root, epoch.final_at),
        (epoch_state::OPEN, [0; 32], 0)
    );
    assert_eq!(world.read::<OracleSet>(&bandwidth::ORACLE_SET).cumulative_reward, 0);
    world.pass(10 * DISPUTE_SECONDS);
    let proof = world.proof(&figures, 0);
    world.refused(&[proof], &[], BandwidthError::NotFinal.code());
}

#[test]
fn signatures_may_come_in_several_transactions() {
    let (mut world, figures, _) = ready();
    let signers = oracles(&world);
    for signer in &signers[..3] {
        assert_eq!(epoch_of(&world, figures.epoch).state, epoch_state::OPEN);
        let submission = world.submission(&figures, &[signer]);
        world.must(&submission, &[]);
    }
    let epoch = epoch_of(&world, figures.epoch);
    assert_eq!((epoch.state, epoch.signers), (epoch_state::ATTESTED, 0b0111));
}

#[test]
fn an_attested_epoch_takes_nothing_more() {
    let (mut world, figures, _) = ready();
    let signers = oracles(&world);
    let quorum = world.submission(&figures, &signers.iter().take(3).collect::<Vec<_>>());
    world.must(&quorum, &[]);
    world.refused(&quorum, &[], BandwidthError::EpochAttested.code());
    let fourth = world.submission(&figures, &[&signers[3]]);
    world.refused(&fourth, &[], BandwidthError::EpochAttested.code());
    let late = instructions::commit_bundle(&signers[0].pubkey(), figures.epoch, [3; 32], 1);
    world.refused(&[late], &[&signers[0]], BandwidthError::EpochAttested.code());
}

#[test]
fn two_statements_of_one_oracle_do_not_mix_and_are_named() {
    let (mut world, figures, [first, second]) = ready();
    let signers = oracles(&world);
    let other = world.figures(
        figures.epoch,
        vec![
            leaf(&first, figures.epoch, 1_000, 100 * LMR),
            leaf(&second, figures.epoch, 3_000, 300 * LMR),
        ],
    );
    // A minority that submits another statement first holds nobody up.
    let minority = world.submission(&other, &[&signers[3]]);
    world.must(&minority, &[]);
    let both = world.submission(&figures, &[&signers[3]]);
    world.refused(&both, &[], BandwidthError::Equivocation.code());
    let majority = world.submission(&figures, &signers.iter().take(3).collect::<Vec<_>>());
    world.must(&majority, &[]);
    let epoch = epoch_of(&world, figures.epoch);
    assert_eq!((epoch.signers, epoch.root), (0b0111, figures.tree.root()));
}

#[test]
fn a_statement_must_fit_what_the_chain_knows() {
    let (mut world, figures, _) = ready();
    let signers = oracles(&world);
    let signers: Vec<&Keypair> = signers.iter().take(3).collect();
    type Bend = fn(&mut bandwidth::SubmitAttestationArguments);
    let cases: [(Bend, BandwidthError); 4] = [
        (|a| a.epoch_reward += 1, BandwidthError::TotalsMismatch),
        (|a| a.bundles |= 1 << 4, BandwidthError::BundleNotCommitted),
        (|a| a.leaf_count = 0, BandwidthError::LeavesMissing),
        (|a| a.expires_at = START - 1, BandwidthError::StatementExpired),
    ];
    for (bend, error) in cases {
        let mut bent = world.figures(figures.epoch, figures.leaves.clone());
        bend(&mut bent.arguments);
        let submission = world.submission(&bent, &signers);
        world.refused(&submission, &[], error.code());
    }
}

#[test]
fn nothing_is_attested_while_bundles_may_still_come() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let epoch = world.open_epoch();
    let signers = oracles(&world);
    for oracle in &signers[..3] {
        world.must(
            &[instructions::commit_bundle(&oracle.pubkey(), epoch, [1; 32], 1)],
            &[oracle],
        );
    }
    let signers: Vec<&Keypair> = signers.iter().take(3).collect();
    let early = world.figures(epoch, vec![leaf(&node, epoch, 1, 1)]);
    let submission = world.submission(&early, &signers);
    world.refused(&submission, &[], BandwidthError::CutoffOpen.code());
    world.pass(EPOCH_SECONDS + COMMIT_SECONDS + 1);
    world.must(&submission, &[]);
}

#[test]
fn epochs_are_attested_in_order() {
    let (mut world, figures, [first, _]) = ready();
    let signers = oracles(&world);
    let signers: Vec<&Keypair> = signers.iter().take(3).collect();
    let next = world.open_epoch();
    world.commit_bundles(next);
    let newer = world.figures(next, vec![leaf(&first, next, 500, 50 * LMR)]);
    let submission = world.submission(&newer, &signers);
    world.must(&submission, &[]);
    let late = world.submission(&figures, &signers);
    world.refused(&late, &[], BandwidthError::EpochSuperseded.code());
}

#[test]
fn a_forged_leaf_is_refused() {
    let (mut world, figures, [first, second]) = ready();
    let signers = oracles(&world);
    let quorum = world.submission(&figures, &signers.iter().collect::<Vec<_>>());
    world.must(&quorum, &[]);
    let payer = world.payer.pubkey();
    let epoch = figures.epoch;
    let true_proof = world.proof(&figures, 0);
    world.refused(&[true_proof.clone()], &[], BandwidthError::NotFinal.code());
    world.pass(DISPUTE_SECONDS);

    let invalid = BandwidthError::ProofInvalid.code();
    type Bend = fn(&mut Leaf);
    let bends: [Bend; 10] = [
        |l| l.down_kbps += 1,
        |l| l.up_kbps += 1,
        |l| l.rtt_us -= 1,
        |l| l.uptime_bps -= 1,
        |l| l.reputation_bps -= 1,
        |l| l.reason = 1,
        |l| l.contribution += 1,
        |l| l.cumulative_contribution += 1,
        |l| l.cumulative_reward += 1,
        |l| l.cumulative_reward = u64::MAX,
    ];
    for bend in bends {
        let mut forged = figures.leaves[0];
        bend(&mut forged);
        let proof = instructions::prove(&payer, epoch, &first, &forged, 0, figures.path(0));
        world.refused(&[proof], &[], invalid);
    }
    // Another node's figures, another place, a bent path, a path too short, a path beyond any tree.
    let leaf = figures.leaves[0];
    let prove = |node: &Address, index, path| instructions::prove(&payer, epoch, node, &leaf, index, path);
    world.refused(&[prove(&second, 0, figures.path(0))], &[], invalid);
    world.refused(&[prove(&first, 1, figures.path(0))], &[], invalid);
    let mut bent = figures.path(0);
    bent[0][31] ^= 1;
    world.refused(&[prove(&first, 0, bent)], &[], invalid);
    world.refused(&[prove(&first, 0, vec![])], &[], invalid);
    let malformed = instructions::prove(&payer, epoch, &first, &leaf, 0, vec![[0; 32]; 33]);
    world.refused(&[malformed], &[], BandwidthError::ProofMalformed.code());
    // An account that is no node.
    let stranger = prove(&registry::NETWORK, 0, figures.path(0));
    world.refused_with(&[stranger], &[], "InvalidAccountData");

    world.must(&[true_proof], &[]);
}

#[test]
fn an_inner_node_does_not_pass_for_a_leaf() {
    // Leaves are hashed under their own prefix and have a fixed length of which every byte is an argument: there is no
    // way to name an inner node. What could be tried is a shorter path with the sibling's hash as a leaf.
    let (mut world, figures, [first, _]) = ready();
    let signers = oracles(&world);
    let quorum = world.submission(&figures, &signers.iter().collect::<Vec<_>>());
    world.must(&quorum, &[]);
    world.pass(DISPUTE_SECONDS);
    let mut path = figures.path(0);
    path.push(merkle::leaf_hash(b"padding"));
    let payer = world.payer.pubkey();
    let proof = instructions::prove(&payer, figures.epoch, &first, &figures.leaves[0], 0, path);
    world.refused(&[proof], &[], BandwidthError::ProofInvalid.code());
}

#[test]
fn figures_never_go_back() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let older = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 100 * LMR)]);
    let newer = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 250 * LMR)]);
    world.prove(&newer, 0);
    let address = bandwidth::attestation_address(&node).0;
    assert_eq!(world.read::<Attestation>(&address).cumulative_reward, 250 * LMR);
    for figures in [&older, &newer] {
        let again = world.proof(figures, 0);
        world.refused(&[again], &[], BandwidthError::NotNewer.code());
    }
    // A quorum that signs a falling lifetime reward of one node (the sum still adds up) is not believed about it.
    let (_, other) = world.register("other");
    let falling = world.attest(|epoch| {
        vec![
            leaf(&node, epoch, 1_000, 240 * LMR),
            leaf(&other, epoch, 1_000, 20 * LMR),
        ]
    });
    let proof = world.proof(&falling, 0);
    world.refused(&[proof], &[], BandwidthError::CumulativeFell.code());
    world.prove(&falling, 1);
}

#[test]
fn an_attestation_of_another_node_cannot_be_overwritten() {
    let (mut world, figures, [first, second]) = ready();
    let signers = oracles(&world);
    let quorum = world.submission(&figures, &signers.iter().collect::<Vec<_>>());
    world.must(&quorum, &[]);
    world.pass(DISPUTE_SECONDS);
    world.prove(&figures, 1);
    let mut proof = world.proof(&figures, 0);
    assert_eq!(proof.accounts[3].pubkey, bandwidth::attestation_address(&first).0);
    proof.accounts[3].pubkey = bandwidth::attestation_address(&second).0;
    world.refused_with(&[proof], &[], "InvalidSeeds");
}
