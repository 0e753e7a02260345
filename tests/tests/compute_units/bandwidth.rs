//! What the instructions of `bandwidth` cost.

use lumora_core::merkle::{self, Tree};
use lumora_interface::{bandwidth, registry};
use lumora_tests::{
    World,
    compute::measure,
    instructions,
    oracles::{Figures, leaf},
    world::{DISPUTE_SECONDS, LMR, keypair},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::average_wallet;

/// Levels of a tree of 2^20 leaves.
const LEVELS: usize = 20;

/// An epoch of 2^20 leaves of which only the node's own is known: the siblings on its path stand for the rest.
fn large_epoch(world: &mut World, node: &Address, cumulative_reward: u64) -> (Figures, Vec<[u8; 32]>) {
    let epoch = world.open_epoch();
    world.commit_bundles(epoch);
    let own = leaf(node, epoch, 1_000, cumulative_reward);
    let path: Vec<[u8; 32]> = (0..LEVELS).map(|level| merkle::leaf_hash(&[level as u8])).collect();
    let root = path
        .iter()
        .fold(own.hash(), |hash, sibling| Tree::new(vec![hash, *sibling]).root());
    let mut figures = world.figures(epoch, vec![own]);
    figures.arguments.root = root;
    figures.arguments.leaf_count = 1 << LEVELS;
    (figures, path)
}

#[test]
fn bandwidth_costs() {
    // Seven oracles: a quorum is five signatures.
    let mut world = World::new(6);
    let authority = world.authority.insecure_clone();
    let seventh = keypair("oracle", 6);
    let sent = world.must(
        &[instructions::add_oracle(&authority.pubkey(), &seventh.pubkey())],
        &[&authority],
    );
    measure("bandwidth", "add_oracle", "the seventh", &sent, 4_000);
    world.oracles.push(seventh);
    let oracles: Vec<Keypair> = world.oracles.iter().map(Keypair::insecure_clone).collect();
    let (_, node) = world.register(&average_wallet(|owner| {
        bandwidth::attestation_address(&registry::node_address(owner, 0).0).1
    }));
    let payer = world.payer.pubkey();

    let sent = world.must(&[instructions::open_epoch(&payer, 0)], &[]);
    measure("bandwidth", "open_epoch", "creates the account", &sent, 12_000);
    let commit = instructions::commit_bundle(&oracles[0].pubkey(), 0, [1; 32], 1);
    let sent = world.must(&[commit], &[&oracles[0]]);
    measure("bandwidth", "commit_bundle", "", &sent, 3_000);

    for (case, reward) in [
        ("creates the account, 2^20 leaves", 100),
        ("2^20 leaves, existing account", 300),
    ] {
        let (figures, path) = large_epoch(&mut world, &node, reward * LMR);
        let submission = world.submission(&figures, &oracles.iter().take(5).collect::<Vec<_>>());
        let sent = world.must(&submission, &[]);
        if reward == 300 {
            measure("bandwidth", "submit_attestation", "5 signatures", &sent, 12_000);
        }
        world.pass(DISPUTE_SECONDS);
        let proof = instructions::prove(&payer, figures.epoch, &node, &figures.leaves[0], 0, path);
        let sent = world.must(&[proof], &[]);
        let ceiling = if reward == 300 { 6_000 } else { 9_000 };
        measure("bandwidth", "prove", case, &sent, ceiling);
    }
    assert!(
        world
            .svm
            .get_account(&bandwidth::attestation_address(&node).0)
            .is_some()
    );
}
