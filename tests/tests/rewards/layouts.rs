//! Accounts that an earlier release wrote: today's programs read them, and zero in a field that they lack means what the
//! program did before there was such a field.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use solana_account::Account as ChainAccount;

use super::*;

#[derive(Deserialize)]
struct Fixture {
    address: String,
    owner: String,
    lamports: u64,
    data: String,
}

/// Puts an account of tests/fixtures/accounts on the chain, changed as `change` says.
fn load(world: &mut World, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Address {
    let path = format!("{}/fixtures/accounts/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let fixture: Fixture = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut data = BASE64_STANDARD.decode(fixture.data).unwrap();
    change(&mut data);
    let address = fixture.address.parse().unwrap();
    let account = ChainAccount {
        lamports: fixture.lamports,
        data,
        owner: fixture.owner.parse().unwrap(),
        ..Default::default()
    };
    world.svm.set_account(address, account).unwrap();
    address
}

#[test]
fn an_old_emission_has_no_breaker_and_grants_vest_at_once() {
    let mut world = World::new(0);
    let today: Emission = world.read(&rewards::EMISSION);
    assert_eq!(load(&mut world, "emission_v1", |_| ()), rewards::EMISSION);
    let old: Emission = world.read(&rewards::EMISSION);
    assert_eq!((old.version, old.cap, old.mint), (today.version, today.cap, today.mint));
    assert_eq!((old.breaker_limit, old.fees_bump), (0, 0));
    assert_eq!((old.vesting_cliff_seconds, old.vesting_seconds), (0, 0));
    assert_eq!(old.early_outstanding, 0);

    // Its early-participant pool has paid what it granted, so what is left may be granted, to the last unit.
    let mut pool = world.svm.get_account(&rewards::EARLY_POOL).unwrap();
    let left = rewards::EARLY_POOL_AMOUNT - old.early_granted;
    pool.data[64..72].copy_from_slice(&left.to_le_bytes());
    world.svm.set_account(rewards::EARLY_POOL, pool).unwrap();
    let friend = world.wallet("friend");
    let account = world.grant(&friend.pubkey(), left);
    assert_eq!(world.balance(&account), left);
}

#[test]
fn an_old_reward_learns_its_owner_from_the_next_claim() {
    let (mut world, owner, node, _) = attested(100 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    earn(&mut world, &[node], 700 * LMR);
    // The account of another node, moved to this one.
    let (address, bump) = rewards::reward_address(&node);
    let old = load(&mut world, "reward_v1", |data| {
        data[9] = bump;
        data[16..48].copy_from_slice(node.as_ref());
    });
    let account = world.svm.get_account(&old).unwrap();
    world.svm.set_account(address, account).unwrap();
    let before: Reward = world.read(&address);
    assert_eq!((before.claimed, before.owner), (100 * LMR, Address::default()));

    let many = instructions::claim_many(&[(node, destination)]);
    world.refused(&[many.clone()], &[], RewardsError::OwnerUnknown.code());
    // It has claimed 100 LMR of the 700 in its own time; the emission of this chain has paid nothing yet.
    let payment = claim(&world, &node, &owner, &destination);
    world.must(&[payment], &[]);
    assert_eq!(world.balance(&destination), 600 * LMR);
    assert_eq!(world.read::<Reward>(&address).owner, owner.pubkey());
    earn(&mut world, &[node], 800 * LMR);
    world.must(&[many], &[]);
    assert_eq!(world.balance(&destination), 700 * LMR);
}
