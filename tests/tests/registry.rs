//! Program `registry`: what it allows, and that each rule refuses by its own name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use lumora_interface::{
    Event,
    registry::{self, BondDeposited, Network, Node, RegistryError, UpdateNodeArguments, status},
    rewards,
};
use lumora_registry::instructions::{RegisterNodeArguments, UpdateNodeArguments as ProgramUpdate};
use lumora_tests::{
    World, instructions,
    world::{LMR, START, keypair},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

fn update() -> ProgramUpdate {
    let UpdateNodeArguments {
        operator,
        transport_key,
        h3_cell,
        location,
        limit_kbps,
        shard_capacity,
        status,
    } = UpdateNodeArguments {
        operator: keypair("operator", 2).pubkey(),
        transport_key: [6; 32],
        h3_cell: instructions::BERLIN,
        location: [0, 0, i16::MAX],
        limit_kbps: 9_000,
        shard_capacity: 2,
        status: status::PAUSED,
    };
    ProgramUpdate {
        operator,
        transport_key,
        h3_cell,
        location,
        limit_kbps,
        shard_capacity,
        status,
    }
}

#[test]
fn the_network_holds_what_it_was_given() {
    let world = World::new(0);
    let network: Network = world.read(&registry::NETWORK);
    assert_eq!(network.authority, world.authority.pubkey());
    assert_eq!(network.network_id, world.network_id);
    assert_eq!(network.lmr_mint, rewards::MINT);
    assert_eq!(network.slashers, registry::SLASHERS);
    assert!(network.scoring().weights.is_normalised());
    assert_eq!(network.initialized_at, START);
}

#[test]
fn the_network_is_initialised_once() {
    let mut world = World::new(0);
    let other = world.wallet("usurper");
    let again = instructions::initialize_registry(&other.pubkey(), [9; 32]);
    assert!(world.send(&[again], &[&other]).is_err());
    let network: Network = world.read(&registry::NETWORK);
    assert_eq!(network.authority, world.authority.pubkey());
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    type Bend = fn(&mut lumora_registry::instructions::InitializeRegistryArguments);
    let cases: [(Bend, RegistryError); 5] = [
        (|a| a.weights = [4_000, 3_000, 1_000, 1_999], RegistryError::WeightsSum),
        (|a| a.protocol_fee = 10_001, RegistryError::ShareRange),
        (|a| a.half_distance_km = 0, RegistryError::ParameterRange),
        (|a| a.unbonding_seconds = 0, RegistryError::ParameterRange),
        (|a| a.network_id = [0; 32], RegistryError::NetworkIdZero),
    ];
    for (bend, error) in cases {
        let mut world = World::bare();
        let authority = world.authority.insecure_clone();
        let mut arguments = instructions::registry_parameters([7; 32]);
        bend(&mut arguments);
        let instruction = instructions::initialize_registry_with(&authority.pubkey(), arguments);
        world.payer = keypair("another payer", 0);
        world.svm.airdrop(&world.payer.pubkey(), 10_000_000_000).unwrap();
        world.refused(&[instruction], &[&authority], error.code());
    }
}

#[test]
fn a_node_is_registered_and_updated_by_its_owner() {
    let mut world = World::new(0);
    let (owner, address) = world.register("provider");
    let node: Node = world.read(&address);
    assert_eq!(node.owner, owner.pubkey());
    assert_eq!((node.index, node.limit_kbps, node.shard_capacity), (0, 50_000, 4));
    assert_eq!(node.h3_cell, instructions::BERLIN);
    assert!(node.is_active());
    assert_eq!(node.registered_at, START);
    assert_eq!(world.read::<Network>(&registry::NETWORK).nodes, 1);

    world.pass(10);
    world.must(
        &[instructions::update_node(&owner.pubkey(), &address, update())],
        &[&owner],
    );
    let changed: Node = world.read(&address);
    assert_eq!(changed.operator, keypair("operator", 2).pubkey());
    assert_eq!((changed.limit_kbps, changed.shard_capacity), (9_000, 2));
    assert!(!changed.is_active());
    assert_eq!(changed.updated_at, START + 10);
    assert_eq!(changed.owner, node.owner);
    assert_eq!(changed.registered_at, START);
}

#[test]
fn an_owner_can_have_several_nodes_but_each_index_once() {
    let mut world = World::new(0);
    let (owner, first) = world.register("provider");
    let second = RegisterNodeArguments {
        index: 1,
        ..instructions::node_arguments(&keypair("operator", 9).pubkey())
    };
    world.must(&[instructions::register_node(&owner.pubkey(), second)], &[&owner]);
    let again = instructions::register_node(
        &owner.pubkey(),
        instructions::node_arguments(&keypair("operator", 9).pubkey()),
    );
    let before = world.svm.get_account(&first).unwrap();
    assert!(world.send(&[again], &[&owner]).is_err());
    assert_eq!(world.svm.get_account(&first).unwrap(), before);
}

#[test]
fn a_node_that_breaks_a_rule_is_refused_by_that_rule() {
    type Bend = fn(&mut RegisterNodeArguments, &Address);
    let cases: [(Bend, RegistryError); 9] = [
        (|a, _| a.operator = Address::default(), RegistryError::KeyMissing),
        (|a, _| a.transport_key = [0; 32], RegistryError::KeyMissing),
        (|a, owner| a.operator = *owner, RegistryError::OperatorIsOwner),
        // Resolution 2 and 4: too coarse, too fine.
        (
            |a, _| a.h3_cell = 0x0821_f1ff_ffff_ffff,
            RegistryError::LocationResolution,
        ),
        (
            |a, _| a.h3_cell = 0x0841_f1d5_ffff_ffff,
            RegistryError::LocationResolution,
        ),
        // A vector of length zero would be near to everything.
        (|a, _| a.location = [0, 0, 0], RegistryError::LocationLength),
        (|a, _| a.location = [30_000, 0, 0], RegistryError::LocationLength),
        (|a, _| a.limit_kbps = 0, RegistryError::LimitZero),
        (|a, _| a.shard_capacity = 0, RegistryError::CapacityZero),
    ];
    let mut world = World::new(0);
    let owner = world.wallet("provider");
    for (bend, error) in cases {
        let mut arguments = instructions::node_arguments(&keypair("operator", 1).pubkey());
        bend(&mut arguments, &owner.pubkey());
        let instruction = instructions::register_node(&owner.pubkey(), arguments);
        world.refused(&[instruction], &[&owner], error.code());
    }
}

#[test]
fn nobody_but_the_owner_updates_a_node() {
    let mut world = World::new(0);
    let (owner, address) = world.register("provider");
    let thief = world.wallet("thief");
    let operator = keypair("provider", 1);
    for signer in [&thief, &operator] {
        let instruction = instructions::update_node(&signer.pubkey(), &address, update());
        world.refused(&[instruction], &[signer], RegistryError::NotOwner.code());
    }
    // The owner named, but not signing.
    let mut unsigned = instructions::update_node(&owner.pubkey(), &address, update());
    unsigned.accounts[0].is_signer = false;
    world.refused_with(&[unsigned], &[], "MissingRequiredSignature");
    // An account of the same program that is not a node.
    let other = instructions::update_node(&owner.pubkey(), &registry::NETWORK, update());
    world.refused_with(&[other], &[&owner], "InvalidAccountData");
}

#[test]
fn an_update_must_keep_the_rules() {
    let mut world = World::new(0);
    let (owner, address) = world.register("provider");
    for (arguments, error) in [
        (ProgramUpdate { status: 2, ..update() }, RegistryError::StatusUnknown),
        (
            ProgramUpdate {
                limit_kbps: 0,
                ..update()
            },
            RegistryError::LimitZero,
        ),
        (
            ProgramUpdate {
                operator: owner.pubkey(),
                ..update()
            },
            RegistryError::OperatorIsOwner,
        ),
    ] {
        let instruction = instructions::update_node(&owner.pubkey(), &address, arguments);
        world.refused(&[instruction], &[&owner], error.code());
    }
}

#[test]
fn a_bond_grows_by_what_reaches_the_vault() {
    let mut world = World::new(0);
    let (owner, address) = world.register("provider");
    let source = world.grant(&owner.pubkey(), 10 * LMR);
    let sent = world.must(
        &[instructions::deposit_bond(&owner.pubkey(), &address, &source, 4 * LMR)],
        &[&owner],
    );
    assert_eq!(world.read::<Node>(&address).bond, 4 * LMR);
    assert_eq!(world.read::<Network>(&registry::NETWORK).bonded, 4 * LMR);
    assert_eq!(world.balance(&registry::BOND_VAULT), 4 * LMR);
    assert_eq!(world.balance(&source), 6 * LMR);
    let event = sent
        .inner
        .iter()
        .find_map(|data| BondDeposited::from_event_data(data))
        .unwrap();
    assert_eq!((event.node, event.amount, event.bond), (address, 4 * LMR, 4 * LMR));
}

#[test]
fn a_bond_is_paid_in_lmr_of_the_depositor_into_the_vault() {
    let mut world = World::new(0);
    let (owner, node) = world.register("provider");
    let source = world.grant(&owner.pubkey(), 10 * LMR);
    let other: Keypair = world.wallet("other");
    let foreign_source = world.grant(&other.pubkey(), LMR);
    let deposit = |source: &Address, amount| instructions::deposit_bond(&owner.pubkey(), &node, source, amount);

    world.refused(&[deposit(&source, 0)], &[&owner], RegistryError::AmountZero.code());
    world.refused(
        &[deposit(&foreign_source, LMR)],
        &[&owner],
        RegistryError::WrongTokenAccount.code(),
    );
    let mut into_own = deposit(&source, LMR);
    into_own.accounts[5].pubkey = foreign_source;
    world.refused(&[into_own], &[&owner], RegistryError::WrongVault.code());
    let mut mint = deposit(&source, LMR);
    mint.accounts[3].pubkey = world.foreign_mint(&owner.pubkey());
    world.refused(&[mint], &[&owner], RegistryError::WrongMint.code());
}
