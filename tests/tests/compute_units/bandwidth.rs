//! What the instructions of `bandwidth` cost.

use lumora_core::{
    merkle::{self, Tree},
    reason::Reason,
};
use lumora_interface::{
    bandwidth::{self, Epoch, InitializeOraclesArguments},
    registry,
};
use lumora_tests::{
    World,
    compute::measure,
    fixtures::fixture,
    instructions,
    oracles::{Figures, forger, leaf},
    world::{DISPUTE_SECONDS, LMR, ORACLES, keypair, oracle_owner},
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
    let (seventh, owner) = (keypair("oracle", 6), oracle_owner(6));
    let add = instructions::add_oracle(&authority.pubkey(), &seventh.pubkey(), &owner.pubkey());
    let sent = world.must(&[add], &[&authority]);
    measure("bandwidth", "add_oracle", "the seventh", &sent, 4_000);
    world.oracles.push(seventh);
    let oracles: Vec<Keypair> = world.oracles.iter().map(Keypair::insecure_clone).collect();
    let (_, node) = world.register(&average_wallet(|owner| {
        bandwidth::attestation_address(&registry::node_address(owner, 0).0).1
    }));
    let payer = world.payer.pubkey();

    let sent = world.must(&[instructions::open_epoch(&payer, 0)], &[]);
    measure("bandwidth", "open_epoch", "creates the account", &sent, 12_000);
    // As many slots as the chain keeps, the named one the oldest.
    let named = world.read::<Epoch>(&bandwidth::epoch_address(0).0).seed_slot;
    world.set_slot_hashes(&(named..named + 512).rev().collect::<Vec<_>>());
    let sent = world.must(&[instructions::draw_seed(0)], &[]);
    measure("bandwidth", "draw_seed", "of 512 slots", &sent, 1_500);
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
    world.pass(i64::from(ORACLES.retention_seconds));
    let sent = world.must(&[instructions::close_epoch(0, &payer)], &[]);
    measure("bandwidth", "close_epoch", "", &sent, 1_200);
}

#[test]
fn the_costs_of_the_oracle_set() {
    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    world.must(
        &[instructions::initialize_registry(&authority.pubkey(), world.network_id)],
        &[&authority],
    );
    world.must(&[instructions::initialize_rewards(&authority.pubkey())], &[&authority]);
    let set = InitializeOraclesArguments {
        minimum_bond: 500 * LMR,
        ..ORACLES
    };
    let sent = world.must(
        &[instructions::initialize_oracles_with(&authority.pubkey(), set)],
        &[&authority],
    );
    measure("bandwidth", "initialize", "creates the account", &sent, 3_000);
    let payer = world.payer.pubkey();
    let sent = world.must(&[instructions::create_oracle_vault(&payer)], &[]);
    measure("bandwidth", "create_oracle_vault", "creates the account", &sent, 5_000);

    for seed in 0..4 {
        world.add_oracle(seed);
    }
    let (owner, key) = (oracle_owner(0), world.oracles[0].pubkey());
    let sent = world.must(
        &[instructions::update_oracle(&owner.pubkey(), &key, [3; 18])],
        &[&owner],
    );
    measure("bandwidth", "update_oracle", "", &sent, 2_000);
    let sent = world.must(
        &[instructions::set_minimum_bond(&authority.pubkey(), 400 * LMR)],
        &[&authority],
    );
    measure("bandwidth", "set_minimum_bond", "", &sent, 2_000);
    let source = world.grant(&owner.pubkey(), LMR);
    let deposit = instructions::deposit_oracle_bond(&owner.pubkey(), &key, &source, LMR);
    let sent = world.must(&[deposit], &[&owner]);
    measure("bandwidth", "deposit_oracle_bond", "", &sent, 5_000);

    // An epoch of four of which three sign, and one of them something else as well.
    let (_, node) = world.register("node");
    let epoch = world.open_epoch();
    world.commit_bundles(epoch);
    let [truth, lie] = [1, 2].map(|reward| world.figures(epoch, vec![leaf(&node, epoch, 1, reward * LMR)]));
    let signers: Vec<Keypair> = world.oracles.iter().take(3).map(Keypair::insecure_clone).collect();
    let submission = world.submission(&truth, &signers.iter().collect::<Vec<_>>());
    world.must(&submission, &[]);
    let report = world.report(&signers[1], [&truth, &lie], &source);
    let sent = world.must(&report, &[]);
    measure(
        "bandwidth",
        "report_equivocation",
        "takes the bond, reopens the epoch",
        &sent,
        9_000,
    );

    let sent = world.must(&[instructions::remove_oracle(&owner.pubkey(), &key)], &[&owner]);
    measure("bandwidth", "remove_oracle", "", &sent, 2_000);
    world.pass(set.unbonding_seconds);
    let withdraw = instructions::withdraw_oracle_bond(&owner.pubkey(), &key, &source);
    let sent = world.must(&[withdraw], &[&owner]);
    measure("bandwidth", "withdraw_oracle_bond", "", &sent, 5_000);
}

#[test]
fn the_cost_of_a_migration() {
    let mut world = World::new(4);
    let (address, account) = fixture("oracle_set_v1");
    world.svm.set_account(address, account).unwrap();
    let payer = world.payer.pubkey();
    let sent = world.must(&[instructions::migrate_oracle_set(&payer)], &[]);
    measure("bandwidth", "migrate_oracle_set", "resizes the account", &sent, 3_000);
}

#[test]
fn the_costs_of_an_adaptation() {
    // Seven oracles: a quorum is five signatures.
    let mut world = World::new(7);
    let (_, node) = world.register("node");
    let epoch = world.attest_one(&node);
    let payer = world.payer.pubkey();
    let oracles: Vec<Keypair> = world.oracles.iter().map(Keypair::insecure_clone).collect();
    let signers: Vec<&Keypair> = oracles.iter().take(5).collect();

    // An account whose bump takes an average search, as for the other rows.
    let waiting = (1..=60u32)
        .map(|wait| world.adaptation(epoch, [4_000, 3_000, 1_000, 2_000], wait))
        .find(|it| bandwidth::adaptation_address(&it.digest).1 == 254)
        .expect("one of sixty has this bump");
    let first = world.adapting(epoch, &waiting, &signers[..1]);
    let sent = world.must(&first, &[]);
    measure(
        "bandwidth",
        "adapt_ranking",
        "the first signature, creates the account",
        &sent,
        9_000,
    );

    let arguments = (0..60)
        .map(|later| {
            let mut arguments = world.adaptation(epoch, [3_800, 3_200, 1_000, 2_000], 66);
            arguments.expires_at += later;
            world.sealed(epoch, arguments)
        })
        .find(|it| bandwidth::adaptation_address(&it.digest).1 == 254)
        .expect("one of sixty has this bump");
    let quorum = world.adapting(epoch, &arguments, &signers);
    let sent = world.must(&quorum, &[]);
    measure("bandwidth", "adapt_ranking", "5 signatures, a quorum", &sent, 9_000);
    let sent = world.must(&[instructions::close_adaptation(&waiting.digest, &payer)], &[]);
    measure("bandwidth", "close_adaptation", "", &sent, 1_500);
}

#[test]
fn the_cost_of_slashing_a_forger() {
    let (mut world, node, reward) = forger();
    world.attest_reason(&node, Reason::Forged);
    let sent = world.must(&[instructions::slash_node(&node, &reward)], &[]);
    measure("bandwidth", "slash_node", "takes the bond", &sent, 9_000);
}
