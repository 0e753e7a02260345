//! Who is in the oracle set, what each has at stake, and how one leaves and another takes its seat.

use lumora_interface::bandwidth::{
    self, BandwidthError, Epoch, InitializeOraclesArguments, OracleBondDeposited, OracleBondWithdrawn, OracleSet,
    member,
};
use lumora_tests::{
    World, instructions,
    oracles::leaf,
    tokens::associated_account,
    world::{COMMIT_SECONDS, DISPUTE_SECONDS, EPOCH_SECONDS, LMR, ORACLES, keypair, oracle_owner},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{epoch_of, oracles};

/// What each oracle must have at stake here.
const BOND: u64 = 500 * LMR;

fn bonded(oracles: usize) -> World {
    World::with_oracles(
        oracles,
        InitializeOraclesArguments {
            minimum_bond: BOND,
            ..ORACLES
        },
    )
}

fn set(world: &World) -> OracleSet {
    world.read(&bandwidth::ORACLE_SET)
}

/// Has the oracle derived from `seed` resign.
fn resign(world: &mut World, seed: u8) {
    let (owner, key) = (oracle_owner(seed), keypair("oracle", seed).pubkey());
    world.must(&[instructions::remove_oracle(&owner.pubkey(), &key)], &[&owner]);
}

fn add(world: &World, key: &Address, owner: &Address) -> solana_instruction::Instruction {
    instructions::add_oracle(&world.authority.pubkey(), key, owner)
}

#[test]
fn a_set_is_created_once_by_the_authority_with_times_that_make_sense() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    assert!(
        world
            .send(&[instructions::initialize_oracles(&authority.pubkey())], &[&authority])
            .is_err()
    );

    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    world.must(
        &[instructions::initialize_registry(&authority.pubkey(), world.network_id)],
        &[&authority],
    );
    let stranger = world.wallet("stranger");
    world.refused(
        &[instructions::initialize_oracles(&stranger.pubkey())],
        &[&stranger],
        BandwidthError::NotAuthority.code(),
    );
    let shortest = i64::from(EPOCH_SECONDS + COMMIT_SECONDS + DISPUTE_SECONDS);
    let cases = [
        (
            InitializeOraclesArguments {
                epoch_seconds: 0,
                ..ORACLES
            },
            BandwidthError::DurationZero,
        ),
        (
            InitializeOraclesArguments {
                unbonding_seconds: shortest - 1,
                ..ORACLES
            },
            BandwidthError::UnbondingShort,
        ),
    ];
    for (arguments, error) in cases {
        world.refused(
            &[instructions::initialize_oracles_with(&authority.pubkey(), arguments)],
            &[&authority],
            error.code(),
        );
    }
    let arguments = InitializeOraclesArguments {
        unbonding_seconds: shortest,
        ..ORACLES
    };
    world.must(
        &[instructions::initialize_oracles_with(&authority.pubkey(), arguments)],
        &[&authority],
    );
    assert_eq!(set(&world).version, bandwidth::ORACLE_SET_VERSION);
}

#[test]
fn only_the_authority_names_oracles_and_each_once() {
    let mut world = World::new(1);
    let stranger = world.wallet("stranger");
    let (key, owner) = (keypair("oracle", 40).pubkey(), oracle_owner(40).pubkey());
    world.refused(
        &[instructions::add_oracle(&stranger.pubkey(), &key, &owner)],
        &[&stranger],
        BandwidthError::NotAuthority.code(),
    );
    let authority = world.authority.insecure_clone();
    let known = world.oracles[0].pubkey();
    for (key, owner, error) in [
        (known, owner, BandwidthError::OracleKnown),
        (Address::default(), owner, BandwidthError::OracleKeyInvalid),
        (key, Address::default(), BandwidthError::OwnerMissing),
    ] {
        let add = add(&world, &key, &owner);
        world.refused(&[add], &[&authority], error.code());
    }
}

#[test]
fn a_set_has_at_most_thirty_two_oracles() {
    let mut world = World::new(32);
    let authority = world.authority.insecure_clone();
    let more = add(&world, &keypair("oracle", 32).pubkey(), &oracle_owner(32).pubkey());
    world.refused(&[more], &[&authority], BandwidthError::OracleSetFull.code());
    let epoch = world.open_epoch();
    assert_eq!(
        (epoch_of(&world, epoch).quorum, epoch_of(&world, epoch).members),
        (22, u32::MAX)
    );
}

#[test]
fn an_oracle_added_later_counts_from_the_next_epoch_on() {
    let mut world = World::new(3);
    let epoch = world.open_epoch();
    world.add_oracle(3);
    let late = world.oracles[3].insecure_clone();
    world.refused(
        &[instructions::commit_bundle(&late.pubkey(), epoch, [1; 32], 1)],
        &[&late],
        BandwidthError::NotOracle.code(),
    );
    let next = world.open_epoch();
    assert_eq!(epoch_of(&world, next).members, 0b1111);
    world.must(
        &[instructions::commit_bundle(&late.pubkey(), next, [1; 32], 1)],
        &[&late],
    );
}

#[test]
fn an_oracle_counts_once_it_has_its_bond() {
    let mut world = bonded(3);
    let authority = world.authority.insecure_clone();
    let unbonded = add(&world, &keypair("oracle", 3).pubkey(), &oracle_owner(3).pubkey());
    world.must(&[unbonded], &[&authority]);
    let epoch = world.open_epoch();
    assert_eq!(epoch_of(&world, epoch).members, 0b0111);
    world.bond_oracle(3, BOND - 1);
    let epoch = world.open_epoch();
    assert_eq!(epoch_of(&world, epoch).members, 0b0111);
    world.bond_oracle(3, 1);
    let epoch = world.open_epoch();
    assert_eq!(epoch_of(&world, epoch).members, 0b1111);
    assert_eq!(set(&world).bonds[..5], [BOND, BOND, BOND, BOND, 0]);
    assert_eq!(
        (set(&world).bonded, world.balance(&bandwidth::BOND_VAULT)),
        (4 * BOND, 4 * BOND)
    );
}

#[test]
fn an_epoch_needs_an_oracle_that_counts() {
    let mut world = bonded(0);
    let payer = world.payer.pubkey();
    let open = instructions::open_epoch(&payer, 0);
    world.refused(&[open.clone()], &[], BandwidthError::NoOracles.code());
    let authority = world.authority.insecure_clone();
    let unbonded = add(&world, &keypair("oracle", 0).pubkey(), &oracle_owner(0).pubkey());
    world.must(&[unbonded], &[&authority]);
    world.refused(&[open.clone()], &[], BandwidthError::NoOracles.code());
    world.bond_oracle(0, BOND);
    world.must(&[open], &[]);
}

#[test]
fn the_authority_raises_the_bond_for_the_epochs_to_come() {
    let mut world = World::new(4);
    let (authority, stranger) = (world.authority.insecure_clone(), world.wallet("stranger"));
    let epoch = world.open_epoch();
    world.refused(
        &[instructions::set_minimum_bond(&stranger.pubkey(), BOND)],
        &[&stranger],
        BandwidthError::NotAuthority.code(),
    );
    world.must(
        &[instructions::set_minimum_bond(&authority.pubkey(), BOND)],
        &[&authority],
    );
    world.bond_oracle(2, BOND);
    assert_eq!(epoch_of(&world, epoch).members, 0b1111);
    let next = world.open_epoch();
    assert_eq!(epoch_of(&world, next).members, 0b0100);
}

#[test]
fn a_bond_comes_from_whoever_gives_it_and_goes_nowhere_but_to_the_vault() {
    let mut world = bonded(2);
    let donor = world.wallet("donor");
    let source = world.grant(&donor.pubkey(), 10 * LMR);
    let key = world.oracles[1].pubkey();
    let deposit =
        |oracle: &Address, amount| instructions::deposit_oracle_bond(&donor.pubkey(), oracle, &source, amount);
    let given: OracleBondDeposited = world.must(&[deposit(&key, 4 * LMR)], &[&donor]).event();
    assert_eq!((given.index, given.amount, given.bond), (1, 4 * LMR, BOND + 4 * LMR));
    assert_eq!(set(&world).bonds[1], BOND + 4 * LMR);

    world.refused(&[deposit(&key, 0)], &[&donor], BandwidthError::AmountZero.code());
    let unknown = keypair("oracle", 9).pubkey();
    world.refused(&[deposit(&unknown, 1)], &[&donor], BandwidthError::OracleUnknown.code());
    // Out of somebody else's pocket.
    let other = world.grant(&keypair("other", 0).pubkey(), LMR);
    let theft = instructions::deposit_oracle_bond(&donor.pubkey(), &key, &other, 1);
    world.refused(&[theft], &[&donor], BandwidthError::WrongTokenAccount.code());
    // Into another vault, or of another mint.
    for (position, wrong, error) in [
        (4, other, BandwidthError::WrongVault),
        (2, world.foreign_mint(&donor.pubkey()), BandwidthError::WrongMint),
    ] {
        let mut bent = deposit(&key, 1);
        bent.accounts[position].pubkey = wrong;
        world.refused(&[bent], &[&donor], error.code());
    }
    resign(&mut world, 1);
    world.refused(&[deposit(&key, 1)], &[&donor], BandwidthError::OracleInactive.code());
}

#[test]
fn only_its_owner_moves_an_oracle_to_another_place() {
    let mut world = World::new(2);
    let (owner, key) = (oracle_owner(0), world.oracles[0].pubkey());
    let update = |who: &Keypair, key: &Address| instructions::update_oracle(&who.pubkey(), key, [9; 18]);
    let not_owner = BandwidthError::NotOwner.code();
    for stranger in [
        oracle_owner(1),
        world.authority.insecure_clone(),
        world.oracles[0].insecure_clone(),
    ] {
        world.refused(&[update(&stranger, &key)], &[&stranger], not_owner);
    }
    let unknown = keypair("oracle", 9).pubkey();
    world.refused(
        &[update(&owner, &unknown)],
        &[&owner],
        BandwidthError::OracleUnknown.code(),
    );
    let version = set(&world).set_version;
    world.must(&[update(&owner, &key)], &[&owner]);
    assert_eq!(set(&world).endpoints[..2], [[9; 18], [1; 18]]);
    // The address is no part of what a quorum signs.
    assert_eq!(set(&world).set_version, version);
    resign(&mut world, 0);
    world.refused(
        &[update(&owner, &key)],
        &[&owner],
        BandwidthError::OracleInactive.code(),
    );
}

#[test]
fn an_oracle_that_resigns_serves_to_the_end_of_what_is_open() {
    let mut world = bonded(4);
    let epoch = world.open_epoch();
    let before = set(&world).set_version;
    let stranger = world.wallet("stranger");
    let key = world.oracles[3].pubkey();
    for who in [&stranger, &oracle_owner(2), &world.oracles[3].insecure_clone()] {
        world.refused(
            &[instructions::remove_oracle(&who.pubkey(), &key)],
            &[who],
            BandwidthError::NotOwnerOrAuthority.code(),
        );
    }
    resign(&mut world, 3);
    let left = set(&world);
    assert_eq!((left.states[3], left.until[3]), (member::REMOVED, epoch + 1));
    assert_eq!(left.set_version, before + 1);
    let owner = oracle_owner(3);
    world.refused(
        &[instructions::remove_oracle(&owner.pubkey(), &key)],
        &[&owner],
        BandwidthError::OracleInactive.code(),
    );
    // Its bundle and its signature count in this epoch, and nowhere else.
    let (_, node) = world.register("node");
    world.commit_bundles(epoch);
    let figures = world.figures(epoch, vec![leaf(&node, epoch, 1, LMR)]);
    let signers = oracles(&world);
    let submission = world.submission(&figures, &signers[1..].iter().collect::<Vec<_>>());
    world.must(&submission, &[]);
    assert_eq!(epoch_of(&world, epoch).signers, 0b1110);
    let next = world.open_epoch();
    let opened = epoch_of(&world, next);
    assert_eq!((opened.members, opened.quorum), (0b0111, 3));
    world.refused(
        &[instructions::commit_bundle(&key, next, [1; 32], 1)],
        &[&signers[3]],
        BandwidthError::NotOracle.code(),
    );
}

#[test]
fn the_authority_removes_an_oracle_and_its_owner_keeps_the_bond() {
    let mut world = bonded(2);
    let (authority, owner) = (world.authority.insecure_clone(), oracle_owner(1));
    let key = world.oracles[1].pubkey();
    let destination = associated_account(&owner.pubkey(), &lumora_interface::rewards::MINT);
    let withdraw = |who: &Keypair| instructions::withdraw_oracle_bond(&who.pubkey(), &key, &destination);
    world.refused(&[withdraw(&owner)], &[&owner], BandwidthError::OracleServes.code());
    world.must(&[instructions::remove_oracle(&authority.pubkey(), &key)], &[&authority]);
    world.pass(ORACLES.unbonding_seconds - 1);
    world.refused(&[withdraw(&owner)], &[&owner], BandwidthError::BondLocked.code());
    world.pass(1);
    for thief in [&authority, &world.oracles[1].insecure_clone(), &oracle_owner(0)] {
        world.refused(&[withdraw(thief)], &[thief], BandwidthError::NotOwner.code());
    }
    let foreign = world.lmr_account(&keypair("other", 0).pubkey());
    for (position, wrong, error) in [
        (2, world.foreign_mint(&owner.pubkey()), BandwidthError::WrongMint),
        (3, foreign, BandwidthError::WrongVault),
        (4, foreign, BandwidthError::WrongTokenAccount),
    ] {
        let mut bent = withdraw(&owner);
        bent.accounts[position].pubkey = wrong;
        world.refused(&[bent], &[&owner], error.code());
    }
    let unknown = keypair("oracle", 9).pubkey();
    for instruction in [
        instructions::withdraw_oracle_bond(&owner.pubkey(), &unknown, &destination),
        instructions::remove_oracle(&owner.pubkey(), &unknown),
    ] {
        world.refused(&[instruction], &[&owner], BandwidthError::OracleUnknown.code());
    }
    let paid: OracleBondWithdrawn = world.must(&[withdraw(&owner)], &[&owner]).event();
    assert_eq!((paid.amount, paid.oracle, paid.owner), (BOND, key, owner.pubkey()));
    assert_eq!(world.balance(&destination), BOND);
    assert_eq!((set(&world).bonds[1], set(&world).bonded), (0, BOND));
    assert_eq!(world.balance(&bandwidth::BOND_VAULT), BOND);
    world.refused(&[withdraw(&owner)], &[&owner], BandwidthError::BondEmpty.code());
}

/// Attests the epochs up to the present one, so that none before can be any more, and lets the dispute window pass.
fn settle(world: &mut World, node: &Address, lifetime: u64) {
    let node = *node;
    world.attest(|epoch| vec![leaf(&node, epoch, 1, lifetime)]);
}

#[test]
fn a_seat_is_taken_over_when_its_oracle_is_gone_for_good() {
    let mut world = bonded(32);
    let (_, node) = world.register("node");
    let (authority, owner) = (world.authority.insecure_clone(), oracle_owner(7));
    let old_epoch = world.open_epoch();
    resign(&mut world, 7);
    let (key, next_owner) = (keypair("oracle", 32).pubkey(), oracle_owner(32).pubkey());
    let successor = add(&world, &key, &next_owner);
    let full = BandwidthError::OracleSetFull.code();
    // With a bond, and then while the epoch in which the old one counts may be attested.
    world.refused(&[successor.clone()], &[&authority], full);
    world.pass(ORACLES.unbonding_seconds);
    let destination = associated_account(&owner.pubkey(), &lumora_interface::rewards::MINT);
    let old_key = world.oracles[7].pubkey();
    world.must(
        &[instructions::withdraw_oracle_bond(
            &owner.pubkey(),
            &old_key,
            &destination,
        )],
        &[&owner],
    );
    world.refused(&[successor.clone()], &[&authority], full);
    // Nor while a later epoch's attestation can be disputed: the old one could be attested after all.
    let epoch = world.open_epoch();
    let old = world.oracles.remove(7);
    world.commit_bundles(epoch);
    let figures = world.figures(epoch, vec![leaf(&node, epoch, 1, LMR)]);
    let signers = oracles(&world);
    for part in signers[..22].chunks(6) {
        let submission = world.submission(&figures, &part.iter().collect::<Vec<_>>());
        world.must(&submission, &[]);
    }
    assert_eq!(set(&world).attestable_from, epoch + 1);
    world.pass(DISPUTE_SECONDS - 1);
    world.refused(&[successor.clone()], &[&authority], full);
    world.pass(1);
    world.must(&[successor], &[&authority]);
    let taken = set(&world);
    assert_eq!((taken.count, taken.keys[7], taken.owners[7]), (32, key, next_owner));
    assert_eq!(
        (taken.since[7], taken.until[7], taken.bonds[7]),
        (epoch + 1, u64::MAX, 0)
    );

    // In the old one's epochs nobody acts for it.
    let both = [&old, &keypair("oracle", 32)];
    assert_eq!(
        world.read::<Epoch>(&bandwidth::epoch_address(old_epoch).0).members >> 7 & 1,
        1
    );
    for who in both {
        world.refused(
            &[instructions::commit_bundle(&who.pubkey(), old_epoch, [1; 32], 1)],
            &[who],
            BandwidthError::NotOracle.code(),
        );
    }
    world.bond_oracle(32, BOND);
    let next = world.open_epoch();
    assert_eq!(epoch_of(&world, next).members, u32::MAX);
}

#[test]
fn a_seat_is_kept_while_its_oracles_last_epoch_could_be_reopened() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let authority = world.authority.insecure_clone();
    let epoch = world.open_epoch();
    world.commit_bundles(epoch);
    resign(&mut world, 3);
    let figures = world.figures(epoch, vec![leaf(&node, epoch, 1, LMR)]);
    let signers = oracles(&world);
    let submission = world.submission(&figures, &signers.iter().collect::<Vec<_>>());
    world.must(&submission, &[]);
    world.pass(DISPUTE_SECONDS - 1);
    let other = add(&world, &keypair("oracle", 4).pubkey(), &oracle_owner(4).pubkey());
    world.must(&[other], &[&authority]);
    assert_eq!(set(&world).keys[4], keypair("oracle", 4).pubkey());
    world.pass(1);
    let other = add(&world, &keypair("oracle", 5).pubkey(), &oracle_owner(5).pubkey());
    world.must(&[other], &[&authority]);
    assert_eq!(
        (set(&world).keys[3], set(&world).count),
        (keypair("oracle", 5).pubkey(), 5)
    );
}

#[test]
fn who_left_may_come_back_to_its_own_seat() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let authority = world.authority.insecure_clone();
    let (key, owner) = (world.oracles[2].pubkey(), oracle_owner(2).pubkey());
    world.open_epoch();
    resign(&mut world, 2);
    let back = add(&world, &key, &owner);
    world.refused(&[back.clone()], &[&authority], BandwidthError::OracleKnown.code());
    world.oracles.remove(2);
    settle(&mut world, &node, LMR);
    world.must(&[back], &[&authority]);
    let set = set(&world);
    assert_eq!((set.keys[2], set.states[2], set.count), (key, member::ACTIVE, 4));
    assert_eq!(set.since[2], set.next_epoch);
}
