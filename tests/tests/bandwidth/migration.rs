//! Accounts that the first release wrote: refused until they are migrated, or read as they are.

use lumora_interface::{
    Account,
    bandwidth::{
        self, Attestation, BandwidthError, Epoch, ORACLE_SET_SPACE_V1, ORACLE_SET_VERSION, OracleSet, epoch_state,
        member, migrated,
    },
};
use lumora_tests::{
    World,
    fixtures::fixture,
    instructions,
    oracles::leaf,
    world::{LMR, keypair, oracle_owner},
};
use solana_account::Account as ChainAccount;
use solana_address::Address;
use solana_signer::Signer;

/// A network whose oracle set is still of layout 1, with one epoch attested by the same four oracles.
fn first_release() -> (World, ChainAccount) {
    let mut world = World::new(4);
    let (address, account) = fixture("oracle_set_v1");
    assert_eq!(
        (address, account.data.len()),
        (bandwidth::ORACLE_SET, ORACLE_SET_SPACE_V1)
    );
    world.svm.set_account(address, account.clone()).unwrap();
    (world, account)
}

#[test]
fn a_set_of_layout_1_is_refused_by_name_migrated_and_used() {
    let (mut world, old) = first_release();
    let (payer, authority) = (world.payer.pubkey(), world.authority.insecure_clone());
    let oracle = world.oracles[0].insecure_clone();
    let key = keypair("oracle", 9).pubkey();
    let owner = oracle_owner(9).pubkey();
    for instruction in [
        instructions::open_epoch(&payer, 1),
        instructions::add_oracle(&authority.pubkey(), &key, &owner),
        instructions::remove_oracle(&authority.pubkey(), &oracle.pubkey()),
    ] {
        let signers = [&authority];
        let signers = if instruction.accounts[0].pubkey == payer {
            &signers[..0]
        } else {
            &signers
        };
        world.refused_with(&[instruction], signers, "AccountDataTooSmall");
    }
    assert_eq!(
        OracleSet::from_account(&old.owner, &old.data),
        Err(lumora_interface::AccountError::Size)
    );

    let rent = world.svm.minimum_balance_for_rent_exemption(OracleSet::SPACE);
    world.must(&[instructions::migrate_oracle_set(&payer)], &[]);
    let account = world.svm.get_account(&bandwidth::ORACLE_SET).unwrap();
    assert_eq!((account.data.len(), account.lamports), (OracleSet::SPACE, rent));
    // Every byte of before is where it was, but for the version.
    assert_eq!((old.data[8], account.data[8]), (1, ORACLE_SET_VERSION));
    assert_eq!(account.data[9..old.data.len()], old.data[9..]);
    let set: OracleSet = world.read(&bandwidth::ORACLE_SET);
    assert_eq!(set.until[..5], [u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0]);
    assert_eq!((set.owners, set.unbonds_at), ([Address::default(); 32], [0; 32]));
    assert_eq!(
        (set.minimum_bond, set.unbonding_seconds, set.retention_seconds),
        (
            migrated::MINIMUM_BOND,
            migrated::UNBONDING_SECONDS,
            migrated::RETENTION_SECONDS
        )
    );
    assert_eq!((set.bonded, set.vault_bump), (0, 0));
    assert_eq!((set.final_at, set.previously_attestable_from), (0, 0));
    world.refused(
        &[instructions::migrate_oracle_set(&payer)],
        &[],
        BandwidthError::NothingToMigrate.code(),
    );

    // The epoch that comes next, by the same oracles.
    let (_, node) = world.register("node");
    let figures = world.attest(|epoch| vec![leaf(&node, epoch, 10, 250 * LMR)]);
    assert_eq!(figures.epoch, set.next_epoch);
    world.prove(&figures, 0);
    let after: OracleSet = world.read(&bandwidth::ORACLE_SET);
    assert_eq!(after.cumulative_reward, 250 * LMR);
    assert_eq!(after.cumulative_contribution, set.cumulative_contribution + 10);
}

#[test]
fn an_oracle_of_layout_1_has_no_owner_until_it_is_added_anew() {
    let (mut world, _) = first_release();
    let (payer, authority) = (world.payer.pubkey(), world.authority.insecure_clone());
    world.must(&[instructions::migrate_oracle_set(&payer)], &[]);
    let (key, owner) = (world.oracles[0].pubkey(), oracle_owner(0));
    let source = world.grant(&owner.pubkey(), LMR);
    let deposit = instructions::deposit_oracle_bond(&owner.pubkey(), &key, &source, LMR);
    // The vault was never there either.
    let vault = world.svm.get_account(&bandwidth::BOND_VAULT);
    assert!(vault.is_some(), "a network's own migration creates it");
    world.refused(&[deposit.clone()], &[&owner], BandwidthError::OwnerMissing.code());
    let update = instructions::update_oracle(&owner.pubkey(), &key, [2; 18]);
    world.refused(&[update], &[&owner], BandwidthError::NotOwner.code());
    world.must(&[instructions::remove_oracle(&authority.pubkey(), &key)], &[&authority]);
    world.must(
        &[instructions::add_oracle(
            &authority.pubkey(),
            &keypair("oracle", 9).pubkey(),
            &owner.pubkey(),
        )],
        &[&authority],
    );
    let set: OracleSet = world.read(&bandwidth::ORACLE_SET);
    // The epochs of layout 1 are settled, so that the seat is free at once.
    assert_eq!((set.states[0], set.count), (member::ACTIVE, 4));
    assert_eq!(
        (set.keys[0], set.owners[0]),
        (keypair("oracle", 9).pubkey(), owner.pubkey())
    );
    let other = world.oracles[1].pubkey();
    assert_eq!(set.keys[1], other);
}

#[test]
fn only_a_set_of_layout_1_is_migrated() {
    let (mut world, old) = first_release();
    let payer = world.payer.pubkey();
    let nothing = BandwidthError::NothingToMigrate.code();
    let elsewhere = keypair("elsewhere", 0).pubkey();
    world.svm.set_account(elsewhere, old.clone()).unwrap();
    let mut bent = instructions::migrate_oracle_set(&payer);
    bent.accounts[1].pubkey = elsewhere;
    world.refused(&[bent], &[], nothing);
    type Bend = fn(&mut ChainAccount);
    let bends: [Bend; 5] = [
        |account| account.data[0] ^= 1,
        |account| account.data[8] = 2,
        |account| account.data.push(0),
        |account| account.data.truncate(ORACLE_SET_SPACE_V1 - 1),
        |account| account.owner = Address::default(),
    ];
    for bend in bends {
        let mut account = old.clone();
        bend(&mut account);
        world.svm.set_account(bandwidth::ORACLE_SET, account).unwrap();
        world.refused(&[instructions::migrate_oracle_set(&payer)], &[], nothing);
    }
}

#[test]
fn an_epoch_and_an_attestation_of_the_first_release_are_read_as_they_are() {
    let (_, account) = fixture("epoch_v1");
    let epoch = Epoch::from_account(&account.owner, &account.data).unwrap();
    assert_eq!((account.data.len(), epoch.state), (Epoch::SPACE, epoch_state::ATTESTED));
    assert!(epoch.is_drawn() && epoch.is_final(epoch.final_at));
    let (_, account) = fixture("attestation_v1");
    let attestation = Attestation::from_account(&account.owner, &account.data).unwrap();
    assert_eq!((account.data.len(), attestation.punished), (Attestation::SPACE, 0));
    assert_eq!(attestation.epoch, epoch.epoch);
}
