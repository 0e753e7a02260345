//! Many claims in one transaction: of a fleet with one owner, and of nodes with an owner each.

use lumora_interface::rewards::{ACCOUNTS_PER_CLAIM, MAX_CLAIMS, RewardsClaimed};

use super::*;

/// What a transaction may weigh on the wire.
const MAX_TRANSACTION_BYTES: usize = 1_232;

/// Nodes of an owner each with their LMR accounts, which have claimed one LMR and are due one more.
fn strangers(world: &mut World, count: usize) -> Vec<(Address, Address)> {
    let parties: Vec<(Keypair, Address)> = (0..count)
        .map(|index| world.register(&format!("owner {index}")))
        .collect();
    let nodes: Vec<Address> = parties.iter().map(|(_, node)| *node).collect();
    earn(world, &nodes, LMR);
    let pairs = parties
        .iter()
        .map(|(owner, node)| {
            let account = associated_account(&owner.pubkey(), &rewards::MINT);
            let first = claim(world, node, owner, &account);
            world.must(&[first], &[]);
            (*node, account)
        })
        .collect();
    earn(world, &nodes, 2 * LMR);
    pairs
}

/// So many nodes of one owner in the same state.
fn of_one_owner(world: &mut World, count: u16) -> (Keypair, Address, Vec<(Address, Address)>) {
    let (owner, nodes) = fleet(world, "fleet", count);
    let account = world.lmr_account(&owner.pubkey());
    earn(world, &nodes, LMR);
    for node in &nodes {
        let first = claim(world, node, &owner, &account);
        world.must(&[first], &[]);
    }
    earn(world, &nodes, 2 * LMR);
    let pairs = nodes.into_iter().map(|node| (node, account)).collect();
    (owner, account, pairs)
}

#[test]
fn a_fleet_of_ten_fits_a_legacy_transaction_and_is_paid_by_one_transfer() {
    let mut world = World::new(4);
    let (owner, account, pairs) = of_one_owner(&mut world, 10);
    let sent = world.must(&[instructions::claim_many(&pairs)], &[]);
    assert!(
        sent.transaction_bytes <= MAX_TRANSACTION_BYTES,
        "{} bytes",
        sent.transaction_bytes
    );
    assert_eq!(world.balance(&account), 20 * LMR);
    assert_eq!(world.balance(&rewards::POOL), 0);
    // One call of the token program with one transfer, one call that records.
    assert_eq!(sent.inner.len(), 2);
    let record = events::<RewardsClaimed>(&sent)[0];
    let claims: Vec<RewardClaimed> = record.claims().collect();
    assert_eq!(claims.len(), 10);
    for (claimed, (node, _)) in claims.iter().zip(&pairs) {
        assert_eq!((claimed.node, claimed.owner), (*node, owner.pubkey()));
        assert_eq!((claimed.amount, claimed.claimed, claimed.epoch), (LMR, 2 * LMR, 1));
        let reward: Reward = world.read(&rewards::reward_address(node).0);
        assert_eq!((reward.claimed, reward.claimed_at), (2 * LMR, world.now()));
    }
    assert_eq!(world.read::<Emission>(&rewards::EMISSION).claimed, 20 * LMR);

    // Nothing is due any more: nothing happens, and nothing is recorded.
    let again = world.must(&[instructions::claim_many(&pairs)], &[]);
    assert!(again.inner.is_empty());
    assert_eq!(world.balance(&account), 20 * LMR);
}

#[test]
fn sixteen_owners_are_paid_by_one_transaction_with_a_lookup_table() {
    let mut world = World::new(4);
    let pairs = strangers(&mut world, MAX_CLAIMS);
    let instruction = instructions::claim_many(&pairs);
    let table = world.lookup_table(instruction.accounts.iter().map(|meta| meta.pubkey).collect());
    let sent = world.send_with_tables(&[instruction], &[], &[table]).unwrap();
    assert!(
        sent.transaction_bytes <= MAX_TRANSACTION_BYTES,
        "{} bytes",
        sent.transaction_bytes
    );
    for (_, account) in &pairs {
        assert_eq!(world.balance(account), 2 * LMR);
    }
    assert_eq!(world.balance(&rewards::POOL), 0);
    assert_eq!(events::<RewardsClaimed>(&sent)[0].claims().count(), MAX_CLAIMS);
}

#[test]
fn the_same_node_twice_is_paid_once() {
    let mut world = World::new(4);
    let pairs = strangers(&mut world, 2);
    let sent = world.must(&[instructions::claim_many(&[pairs[0], pairs[1], pairs[0]])], &[]);
    assert_eq!(world.balance(&pairs[0].1), 2 * LMR);
    assert_eq!(world.balance(&pairs[1].1), 2 * LMR);
    assert_eq!(events::<RewardsClaimed>(&sent)[0].count, 2);
    assert_eq!(world.balance(&rewards::POOL), 0);
}

#[test]
fn an_owner_may_be_paid_into_several_accounts() {
    let mut world = World::new(4);
    let (owner, account, mut pairs) = of_one_owner(&mut world, 3);
    let mut second = world.svm.get_account(&account).unwrap();
    second.data[64..72].copy_from_slice(&0u64.to_le_bytes());
    let other = keypair("second account", 0).pubkey();
    world.svm.set_account(other, second).unwrap();
    pairs[1].1 = other;
    world.must(&[instructions::claim_many(&pairs)], &[]);
    assert_eq!((world.balance(&account), world.balance(&other)), (5 * LMR, LMR));
    assert_eq!(
        owner.pubkey(),
        world.read::<Reward>(&rewards::reward_address(&pairs[1].0).0).owner
    );
}

#[test]
fn one_wrong_account_refuses_the_whole_instruction() {
    let mut world = World::new(4);
    let pairs = strangers(&mut world, 3);
    let thief = world.wallet("thief");
    let stolen = world.lmr_account(&thief.pubkey());
    let good = instructions::claim_many(&pairs);
    let declared = good.accounts.len() - 3 * ACCOUNTS_PER_CLAIM;
    let (attestation, reward, destination) = (declared + 3, declared + 4, declared + 5);
    let with = |index: usize, address: Address| {
        let mut bent = good.clone();
        bent.accounts[index].pubkey = address;
        bent
    };
    // Another node's attestation or reward.
    let others = bandwidth::attestation_address(&pairs[2].0).0;
    world.refused(&[with(attestation, others)], &[], RewardsError::WrongReward.code());
    let others = rewards::reward_address(&pairs[2].0).0;
    world.refused(&[with(reward, others)], &[], RewardsError::WrongReward.code());
    // Accounts of other programs, of other types, or that do not exist.
    let copy = |world: &mut World, index: usize, owner: Address| {
        let mut account = world.svm.get_account(&good.accounts[index].pubkey).unwrap();
        account.owner = owner;
        let at = keypair("forged", index as u8).pubkey();
        world.svm.set_account(at, account).unwrap();
        at
    };
    let forged = copy(&mut world, attestation, rewards::ID);
    for wrong in [forged, bandwidth::ORACLE_SET, keypair("nobody", 0).pubkey()] {
        world.refused(&[with(attestation, wrong)], &[], RewardsError::WrongAttestation.code());
    }
    let forged = copy(&mut world, reward, bandwidth::ID);
    for wrong in [forged, keypair("nobody", 0).pubkey()] {
        world.refused(&[with(reward, wrong)], &[], RewardsError::WrongReward.code());
    }
    let mut readonly = good.clone();
    readonly.accounts[reward].is_writable = false;
    world.refused(&[readonly], &[], RewardsError::WrongReward.code());
    // Somebody else's token account, one of another mint, one that the token program does not own, and none.
    let foreign_mint = world.foreign_mint(&thief.pubkey());
    let mut foreign = world.svm.get_account(&pairs[1].1).unwrap();
    foreign.data[..32].copy_from_slice(foreign_mint.as_ref());
    let in_foreign = keypair("foreign account", 0).pubkey();
    world.svm.set_account(in_foreign, foreign).unwrap();
    let forged = copy(&mut world, destination, rewards::ID);
    for wrong in [stolen, pairs[0].1, in_foreign, forged, keypair("nobody", 0).pubkey()] {
        world.refused(&[with(destination, wrong)], &[], RewardsError::WrongTokenAccount.code());
    }
    // The pool, in its own place and in another.
    world.refused(&[with(1, stolen)], &[], RewardsError::WrongPool.code());
    world.refused(&[with(1, rewards::EARLY_POOL)], &[], RewardsError::WrongPool.code());
    world.refused_with(&[with(destination, rewards::POOL)], &[], DUPLICATE);
    world.refused_with(&[with(reward, rewards::EMISSION)], &[], DUPLICATE);
    world.refused_with(&[with(3, thief.pubkey())], &[], "InvalidSeeds");
    // Groups that are not whole, none, and too many.
    let cut = |length: usize| {
        let mut bent = good.clone();
        bent.accounts.truncate(length);
        bent
    };
    for length in [declared, declared + 1, good.accounts.len() - 1] {
        world.refused(&[cut(length)], &[], RewardsError::GroupsInvalid.code());
    }
    let too_many: Vec<_> = pairs.iter().cycle().take(MAX_CLAIMS + 1).copied().collect();
    world.refused(
        &[instructions::claim_many(&too_many)],
        &[],
        RewardsError::GroupsInvalid.code(),
    );

    world.must(&[good], &[]);
    assert_eq!(world.balance(&stolen), 0);
    assert_eq!(world.balance(&pairs[1].1), 2 * LMR);
}

#[test]
fn a_first_claim_is_not_made_for_many() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    world.refused(
        &[instructions::claim_many(&[(node, destination)])],
        &[],
        RewardsError::WrongReward.code(),
    );
}

#[test]
fn a_pool_that_was_not_funded_pays_none_of_many() {
    let mut world = World::new(4);
    let pairs = strangers(&mut world, 2);
    let nodes: Vec<Address> = pairs.iter().map(|(node, _)| *node).collect();
    let figures = world.attest(|epoch| nodes.iter().map(|node| leaf(node, epoch, 1_000, 3 * LMR)).collect());
    for index in 0..2 {
        world.prove(&figures, index);
    }
    let many = instructions::claim_many(&pairs);
    // Four LMR are due and two are there.
    world.refused(&[many.clone()], &[], RewardsError::PoolShort.code());
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    world.must(&[many], &[]);
    assert_eq!(world.balance(&pairs[0].1), 3 * LMR);
}
