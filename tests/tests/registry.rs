//! Program `registry`: what it allows, and that each rule refuses by its own name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "registry/adaptation.rs"]
mod adaptation;
#[path = "registry/authority.rs"]
mod authority;
#[path = "registry/bonds.rs"]
mod bonds;
#[path = "registry/parameters.rs"]
mod parameters;
#[path = "registry/pauses.rs"]
mod pauses;
#[path = "registry/slashes.rs"]
mod slashes;

use lumora_interface::{
    bandwidth,
    registry::{self, Network, Node, RegistryError, UpdateNodeArguments, status},
    rewards,
};
use lumora_registry::instructions::{RegisterNodeArguments, UpdateNodeArguments as ProgramUpdate};
use lumora_tests::{
    World, instructions,
    world::{START, keypair},
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
    let authority = world.authority.insecure_clone();
    let again = instructions::initialize_registry(&authority.pubkey(), [9; 32]);
    // What the System program says of an account that exists.
    world.refused_with(&[again], &[&authority], "already in use");
}

#[test]
fn only_who_may_upgrade_the_program_creates_the_network() {
    let mut world = World::bare();
    let (authority, usurper) = (world.authority.insecure_clone(), world.wallet("usurper"));
    let initialize = |signer: &Keypair| instructions::initialize_registry(&signer.pubkey(), [7; 32]);

    world.refused(
        &[initialize(&usurper)],
        &[&usurper],
        RegistryError::NotUpgradeAuthority.code(),
    );
    // The record of another program, which the usurper may have deployed.
    let mut other = initialize(&usurper);
    other.accounts[2].pubkey =
        Address::find_program_address(&[bandwidth::ID.as_ref()], &registry::UPGRADEABLE_LOADER).0;
    world.refused(&[other], &[&usurper], RegistryError::WrongProgramData.code());
    // A program that nobody may upgrade any more.
    world.set_upgrade_authority(&registry::ID, None);
    world.refused(
        &[initialize(&authority)],
        &[&authority],
        RegistryError::NotUpgradeAuthority.code(),
    );
    // The right address, but not what the loader writes there.
    let deployed = world.svm.get_account(&registry::PROGRAM_DATA).unwrap();
    let mut buffer = deployed.clone();
    buffer.data[0] = 1;
    world.svm.set_account(registry::PROGRAM_DATA, buffer).unwrap();
    world.refused(
        &[initialize(&authority)],
        &[&authority],
        RegistryError::WrongProgramData.code(),
    );
    world.svm.set_account(registry::PROGRAM_DATA, deployed).unwrap();
    world.set_upgrade_authority(&registry::ID, Some(authority.pubkey()));
    world.must(&[initialize(&authority)], &[&authority]);
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    type Bend = fn(&mut lumora_registry::instructions::InitializeRegistryArguments);
    let cases: [(Bend, RegistryError); 9] = [
        (|a| a.weights = [4_000, 3_000, 1_000, 1_999], RegistryError::WeightsSum),
        (|a| a.capacity_share = 10_001, RegistryError::ShareRange),
        (|a| a.protocol_fee = 2_001, RegistryError::FeeRange),
        (|a| a.half_distance_km = 0, RegistryError::ParameterRange),
        (|a| a.unbonding_seconds = 59, RegistryError::UnbondingRange),
        (|a| a.unbonding_seconds = 60 * 86_400 + 1, RegistryError::UnbondingRange),
        (|a| a.notice_seconds = 0, RegistryError::NoticeRange),
        (|a| a.notice_seconds = 60 * 86_400 + 1, RegistryError::NoticeRange),
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
    assert_eq!(node.located_at, START);

    world.pass(10);
    world.must(
        &[instructions::update_node(&owner.pubkey(), &address, update())],
        &[&owner],
    );
    let changed: Node = world.read(&address);
    assert_eq!(changed.operator, keypair("operator", 2).pubkey());
    assert_eq!((changed.limit_kbps, changed.shard_capacity), (9_000, 2));
    assert!(!changed.is_active());
    assert_eq!((changed.updated_at, changed.located_at), (START + 10, START + 10));
    assert_eq!(changed.owner, node.owner);
    assert_eq!(changed.registered_at, START);
}

#[test]
fn only_a_move_counts_as_one() {
    let mut world = World::new(0);
    let (owner, address) = world.register("provider");
    let mut located = Vec::new();
    // Elsewhere within the cell; the same again with another limit; another cell of the same centre.
    for (location, h3_cell, limit_kbps) in [
        ([0, 0, i16::MAX], instructions::BERLIN, 9_000),
        ([0, 0, i16::MAX], instructions::BERLIN, 1_000),
        ([0, 0, i16::MAX], instructions::BERLIN ^ (7 << 42), 1_000),
    ] {
        world.pass(10);
        let arguments = ProgramUpdate {
            location,
            h3_cell,
            limit_kbps,
            ..update()
        };
        world.must(
            &[instructions::update_node(&owner.pubkey(), &address, arguments)],
            &[&owner],
        );
        located.push(world.read::<Node>(&address).located_at - START);
    }
    assert_eq!(located, [10, 10, 30]);
}

#[test]
fn registering_locks_no_account_that_others_need() {
    let owner = keypair("provider", 0).pubkey();
    let arguments = instructions::node_arguments(&keypair("provider", 1).pubkey());
    let register = instructions::register_node(&owner, arguments);
    let writable: Vec<Address> = register
        .accounts
        .iter()
        .filter(|account| account.is_writable)
        .map(|account| account.pubkey)
        .collect();
    assert_eq!(writable, [owner, registry::node_address(&owner, 0).0]);
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
        (|a, _| a.shard_capacity = 1, RegistryError::CapacityTooSmall),
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
