//! What each instruction of each program costs, against the ceilings of the design.
//!
//! Each is measured alone in its transaction (with the ed25519 instruction where it needs one) on the programs as built
//! for Solana; `LUMORA_CU_LOG=FILE` collects the rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "compute_units/market.rs"]
mod market;
#[path = "compute_units/tasks.rs"]
mod tasks;

use lumora_core::merkle::{self, Tree};
use lumora_interface::{bandwidth, registry, rewards};
use lumora_registry::instructions::UpdateNodeArguments;
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

/// Name of a wallet for which an address takes two attempts to derive, as on average; one more costs some 300 units.
fn average_wallet(bump: impl Fn(&Address) -> u8) -> String {
    (0..)
        .map(|number| format!("provider {number}"))
        .find(|name| bump(&keypair(name, 0).pubkey()) == 254)
        .expect("every fourth is one")
}

/// Levels of a tree of 2^20 leaves.
const LEVELS: usize = 20;

#[test]
fn registry_costs() {
    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    let initialize = instructions::initialize_registry(&authority.pubkey(), world.network_id);
    let sent = world.must(&[initialize], &[&authority]);
    measure("registry", "initialize", "", &sent, 8_000);
    world.must(&[instructions::initialize_rewards(&authority.pubkey())], &[&authority]);
    let sent = world.must(&[instructions::create_vault(&authority.pubkey())], &[&authority]);
    measure("registry", "create_vault", "", &sent, 8_000);

    let owner = world.wallet(&average_wallet(|owner| registry::node_address(owner, 0).1));
    let arguments = instructions::node_arguments(&keypair("operator", 0).pubkey());
    let sent = world.must(&[instructions::register_node(&owner.pubkey(), arguments)], &[&owner]);
    measure("registry", "register_node", "creates the account", &sent, 6_000);

    let node = registry::node_address(&owner.pubkey(), 0).0;
    let update = UpdateNodeArguments {
        operator: keypair("operator", 1).pubkey(),
        transport_key: [6; 32],
        h3_cell: instructions::BERLIN,
        location: [0, 0, i16::MAX],
        limit_kbps: 9_000,
        shard_capacity: 2,
        status: 0,
    };
    let sent = world.must(&[instructions::update_node(&owner.pubkey(), &node, update)], &[&owner]);
    measure("registry", "update_node", "", &sent, 1_200);

    let source = world.grant(&owner.pubkey(), 10 * LMR);
    let sent = world.must(
        &[instructions::deposit_bond(&owner.pubkey(), &node, &source, LMR)],
        &[&owner],
    );
    measure("registry", "deposit_bond", "", &sent, 8_000);
}

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

#[test]
fn rewards_costs() {
    let mut world = World::new(4);
    let (owner, node) = world.register(&average_wallet(|owner| {
        rewards::reward_address(&registry::node_address(owner, 0).0).1
    }));
    let destination = world.lmr_account(&owner.pubkey());
    let payer = world.payer.pubkey();
    for (case, reward) in [("creates the account", 100), ("existing account", 300)] {
        let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, reward * LMR)]);
        world.prove(&figures, 0);
        let sent = world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
        if reward == 300 {
            measure("rewards", "fund_epoch", "", &sent, 8_000);
        }
        let claim = instructions::claim(&payer, &node, &destination);
        let sent = world.must(&[claim], &[]);
        let ceiling = if reward == 300 { 6_000 } else { 10_000 };
        measure("rewards", "claim", case, &sent, ceiling);
    }
    let nothing = world.must(&[instructions::claim(&payer, &node, &destination)], &[]);
    measure("rewards", "claim", "nothing due", &nothing, 6_000);
    let authority = world.authority.insecure_clone();
    let sent = world.must(
        &[instructions::grant(&authority.pubkey(), &destination, LMR)],
        &[&authority],
    );
    measure("rewards", "grant", "", &sent, 8_000);
    assert_eq!(world.balance(&rewards::POOL), 0);
}
