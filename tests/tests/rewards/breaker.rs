//! The circuit breaker: a drain is slowed down, an honest claim is not lost.

use lumora_interface::rewards::BreakerSet;

use super::*;

/// Least limit of the shortest window that holds one epoch.
const LIMIT: u64 = 2 * FIRST_AMOUNT;

/// A world with this limit per epoch's length, and two nodes of two owners with their LMR accounts; each has earned so much
/// in its lifetime.
fn guarded(lifetime: u64) -> (World, [(Keypair, Address, Address); 2]) {
    let mut world = world_with(|schedule| {
        schedule.breaker_limit = LIMIT;
        schedule.breaker_seconds = EPOCH_SECONDS;
    });
    let parties = ["first", "second"].map(|name| {
        let (owner, node) = world.register(name);
        let account = world.lmr_account(&owner.pubkey());
        (owner, node, account)
    });
    // As many epochs as the schedule needs to mint it all; only the last is attested.
    world.pass(i64::from(EPOCH_SECONDS) * 9);
    for _ in 0..9 {
        let skipped = world.open_epoch();
        assert!(skipped < 9);
    }
    earn(&mut world, &parties.each_ref().map(|(_, node, _)| *node), lifetime);
    (world, parties)
}

#[test]
fn a_drain_is_slowed_to_the_limit_and_every_unit_is_paid_in_the_end() {
    let (mut world, [(owner, node, account), (other, second, others)]) = guarded(3 * FIRST_AMOUNT);
    let first = claim(&world, &node, &owner, &account);
    let next = claim(&world, &second, &other, &others);
    // The first takes all of the window, though more is due; the second has to wait.
    let sent = world.must(&[first.clone()], &[]);
    assert_eq!(world.balance(&account), LIMIT);
    let event = events::<RewardClaimed>(&sent)[0];
    assert_eq!((event.amount, event.claimed), (LIMIT, LIMIT));
    assert_eq!(world.read::<Reward>(&rewards::reward_address(&node).0).claimed, LIMIT);
    let tripped = RewardsError::BreakerTripped.code();
    world.refused(&[next.clone()], &[], tripped);
    world.refused(&[first.clone()], &[], tripped);
    world.pass(EPOCH_SECONDS - 1);
    world.refused(&[next.clone()], &[], tripped);
    // A new window: what the first is still due, and as much of the second's as is left.
    world.pass(1);
    world.must(&[first.clone(), next.clone()], &[]);
    assert_eq!(world.balance(&account), 3 * FIRST_AMOUNT);
    assert_eq!(world.balance(&others), FIRST_AMOUNT);
    world.refused(&[next.clone()], &[], tripped);
    world.pass(EPOCH_SECONDS);
    world.must(&[next.clone(), first], &[]);
    assert_eq!(world.balance(&others), 3 * FIRST_AMOUNT);
    assert_eq!(world.balance(&rewards::POOL), 0);
    let emission: Emission = world.read(&rewards::EMISSION);
    assert_eq!(emission.claimed, 6 * FIRST_AMOUNT);
    // Nothing is due any more: no reason to refuse.
    world.must(&[next], &[]);
}

#[test]
fn claims_of_many_share_one_window() {
    let (mut world, [(owner, node, account), (other, second, others)]) = guarded(3 * FIRST_AMOUNT);
    // The rewards' accounts exist, and a window later nothing of it is used.
    world.must(&[claim(&world, &node, &owner, &account)], &[]);
    world.pass(EPOCH_SECONDS);
    let step = claim(&world, &second, &other, &others);
    world.must(&[step], &[]);
    world.pass(EPOCH_SECONDS);
    assert_eq!((world.balance(&account), world.balance(&others)), (LIMIT, LIMIT));
    earn(&mut world, &[node, second], 5 * FIRST_AMOUNT);

    // 3,000 are due to each, 2,000 may leave.
    let many = instructions::claim_many(&[(second, others), (node, account)]);
    let sent = world.must(&[many.clone()], &[]);
    assert_eq!((world.balance(&others), world.balance(&account)), (2 * LIMIT, LIMIT));
    let record = events::<rewards::RewardsClaimed>(&sent)[0];
    assert_eq!(record.count, 1, "who was paid nothing is not in the record");
    world.refused(&[many.clone()], &[], RewardsError::BreakerTripped.code());
    world.pass(EPOCH_SECONDS);
    world.must(&[many.clone()], &[]);
    world.pass(EPOCH_SECONDS);
    world.must(&[many], &[]);
    assert_eq!(
        (world.balance(&others), world.balance(&account)),
        (5 * FIRST_AMOUNT, 5 * FIRST_AMOUNT)
    );
    assert_eq!(world.balance(&rewards::POOL), 0);
}

#[test]
fn only_the_authority_sets_the_breaker_and_never_so_that_it_blocks() {
    let (mut world, [(owner, node, account), _]) = guarded(3 * FIRST_AMOUNT);
    let authority = world.authority.insecure_clone();
    let set = |limit, seconds| instructions::set_breaker(&authority.pubkey(), limit, seconds);

    let own = instructions::set_breaker(&owner.pubkey(), 0, 0);
    world.refused(&[own.clone()], &[&owner], RewardsError::NotAuthority.code());
    let mut on_foreign = own;
    on_foreign.accounts[1].pubkey = foreign_network(&mut world, &owner.pubkey());
    world.refused(&[on_foreign], &[&owner], RewardsError::WrongNetwork.code());
    for (limit, seconds) in [
        (LIMIT - 1, EPOCH_SECONDS),
        (LIMIT, EPOCH_SECONDS + 1),
        (u64::MAX, 59),
        (u64::MAX, 86_401),
        (1, 60),
    ] {
        world.refused(
            &[set(limit, seconds)],
            &[&authority],
            RewardsError::BreakerInvalid.code(),
        );
    }

    // A change neither empties the current window nor fills it.
    let payment = claim(&world, &node, &owner, &account);
    world.must(&[payment.clone()], &[]);
    let sent = world.must(&[set(LIMIT + 5, EPOCH_SECONDS)], &[&authority]);
    let logged: Vec<BreakerSet> = logged(&sent);
    assert_eq!((logged[0].limit, logged[0].seconds), (LIMIT + 5, EPOCH_SECONDS));
    world.must(&[payment.clone()], &[]);
    assert_eq!(world.balance(&account), LIMIT + 5);
    world.must(&[set(LIMIT, EPOCH_SECONDS)], &[&authority]);
    world.refused(&[payment.clone()], &[], RewardsError::BreakerTripped.code());
    // Off.
    world.must(&[set(0, 0)], &[&authority]);
    world.must(&[payment], &[]);
    assert_eq!(world.balance(&account), 3 * FIRST_AMOUNT);
}

/// The events of this type that programs logged.
fn logged<T: Event>(sent: &Sent) -> Vec<T> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    sent.logs
        .iter()
        .filter_map(|line| line.strip_prefix("Program data: "))
        .filter_map(|data| T::from_event_data(&BASE64_STANDARD.decode(data).ok()?))
        .collect()
}
