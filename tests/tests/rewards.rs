//! Program `rewards`: what is minted never exceeds the schedule, what is paid never exceeds what was attested.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use lumora_interface::{
    Event, bandwidth,
    rewards::{self, Emission, EpochFunded, Reward, RewardClaimed, RewardsError},
};
use lumora_tests::{
    World, instructions,
    oracles::{Figures, leaf},
    world::{DISPUTE_SECONDS, EPOCH_SECONDS, FIRST_AMOUNT, LMR, keypair},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Four oracles and one node whose first epoch is attested and final.
fn attested(reward: u64) -> (World, Keypair, Address, Figures) {
    let mut world = World::new(4);
    let (owner, node) = world.register("provider");
    let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, reward)]);
    (world, owner, node, figures)
}

fn claim(world: &World, node: &Address, destination: &Address) -> solana_instruction::Instruction {
    instructions::claim(&world.payer.pubkey(), node, destination)
}

#[test]
fn genesis_mints_the_early_participant_pool_and_nothing_else() {
    let world = World::new(0);
    let emission: Emission = world.read(&rewards::EMISSION);
    assert_eq!(world.supply(), rewards::EARLY_POOL_AMOUNT);
    assert_eq!(world.balance(&rewards::EARLY_POOL), 150_000_000 * LMR);
    assert_eq!(world.balance(&rewards::POOL), 0);
    assert_eq!((emission.minted, emission.early_minted), (0, 150_000_000 * LMR));
    let mint = world.svm.get_account(&rewards::MINT).unwrap();
    assert_eq!(mint.data[44], 6, "decimals");
    assert_eq!(
        &mint.data[4..36],
        rewards::EMISSION.as_ref(),
        "the authority is the program's own address"
    );
    assert_eq!(mint.data[46..50], [0; 4], "no freeze authority");
}

#[test]
fn only_the_authority_initialises_and_within_the_cap() {
    type Bend = fn(&mut lumora_rewards::instructions::InitializeRewardsArguments);
    let cases: [(Bend, RewardsError); 5] = [
        (|a| a.epoch_seconds = 0, RewardsError::ScheduleInvalid),
        (|a| a.epochs_per_cycle = 0, RewardsError::ScheduleInvalid),
        (|a| a.first_amount = 0, RewardsError::ScheduleInvalid),
        (|a| a.decay = 10_001, RewardsError::ScheduleInvalid),
        (|a| a.cap += 1, RewardsError::CapExceeded),
    ];
    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    let network_id = world.network_id;
    world.must(
        &[instructions::initialize_registry(&authority.pubkey(), network_id)],
        &[&authority],
    );
    for (bend, error) in cases {
        let mut arguments = instructions::schedule();
        bend(&mut arguments);
        let instruction = instructions::initialize_rewards_with(&authority.pubkey(), arguments);
        world.refused(&[instruction], &[&authority], error.code());
    }
    let stranger = world.wallet("stranger");
    world.refused(
        &[instructions::initialize_rewards(&stranger.pubkey())],
        &[&stranger],
        RewardsError::NotAuthority.code(),
    );
}

#[test]
fn a_reward_is_funded_claimed_once_and_recorded() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    world.prove(&figures, 0);

    let funded = world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    assert_eq!(world.balance(&rewards::POOL), 600 * LMR);
    let event = funded
        .inner
        .iter()
        .find_map(|data| EpochFunded::from_event_data(data))
        .unwrap();
    assert_eq!((event.epoch, event.amount, event.minted), (0, 600 * LMR, 600 * LMR));

    let payment = claim(&world, &node, &destination);
    let paid = world.must(&[payment.clone()], &[]);
    assert_eq!(world.balance(&destination), 600 * LMR);
    assert_eq!(world.balance(&rewards::POOL), 0);
    let event = paid
        .inner
        .iter()
        .find_map(|data| RewardClaimed::from_event_data(data))
        .unwrap();
    assert_eq!(
        (event.node, event.owner, event.amount),
        (node, owner.pubkey(), 600 * LMR)
    );
    let reward: Reward = world.read(&rewards::reward_address(&node).0);
    assert_eq!((reward.claimed, reward.node), (600 * LMR, node));

    // A second claim pays zero and says nothing.
    let again = world.must(&[payment], &[]);
    assert_eq!(world.balance(&destination), 600 * LMR);
    assert!(
        again
            .inner
            .iter()
            .all(|data| RewardClaimed::from_event_data(data).is_none())
    );
    assert_eq!(world.read::<Emission>(&rewards::EMISSION).claimed, 600 * LMR);
}

#[test]
fn a_missed_epoch_costs_nothing() {
    let (mut world, owner, node, _) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    // Nobody funds, proves or claims epoch 0; epoch 1 carries both.
    let second = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 1_400 * LMR)]);
    world.prove(&second, 0);
    world.must(&[instructions::fund_epoch(second.epoch)], &[]);
    let payment = claim(&world, &node, &destination);
    world.must(&[payment], &[]);
    assert_eq!(world.balance(&destination), 1_400 * LMR);
    // The epoch that was passed over cannot be funded any more.
    world.refused(&[instructions::fund_epoch(0)], &[], RewardsError::EpochFunded.code());
}

#[test]
fn an_epoch_is_funded_once_and_only_when_final() {
    let mut world = World::new(4);
    let (_, node) = world.register("provider");
    let epoch = world.open_epoch();
    world.refused(&[instructions::fund_epoch(epoch)], &[], RewardsError::NotFinal.code());
    world.commit_bundles(epoch);
    let figures = world.figures(epoch, vec![leaf(&node, epoch, 1_000, FIRST_AMOUNT)]);
    let oracles: Vec<Keypair> = world.oracles.iter().map(Keypair::insecure_clone).collect();
    let submission = world.submission(&figures, &oracles.iter().collect::<Vec<_>>());
    world.must(&submission, &[]);
    // Attested, but it may still be disputed.
    world.pass(DISPUTE_SECONDS - 1);
    world.refused(&[instructions::fund_epoch(epoch)], &[], RewardsError::NotFinal.code());
    world.pass(1);
    world.must(&[instructions::fund_epoch(epoch)], &[]);
    world.refused(
        &[instructions::fund_epoch(epoch)],
        &[],
        RewardsError::EpochFunded.code(),
    );
    assert_eq!(world.supply(), rewards::EARLY_POOL_AMOUNT + FIRST_AMOUNT);
}

#[test]
fn nothing_is_minted_beyond_the_schedule() {
    let (mut world, _, node, _) = attested(FIRST_AMOUNT + 1);
    world.refused(
        &[instructions::fund_epoch(0)],
        &[],
        RewardsError::ScheduleExceeded.code(),
    );
    // The excess of one epoch may be covered by what the next leaves over: the bound is on the sum.
    let second = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 2 * FIRST_AMOUNT)]);
    world.must(&[instructions::fund_epoch(second.epoch)], &[]);
    assert_eq!(world.balance(&rewards::POOL), 2 * FIRST_AMOUNT);
    let third = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 3 * FIRST_AMOUNT + 1)]);
    world.refused(
        &[instructions::fund_epoch(third.epoch)],
        &[],
        RewardsError::ScheduleExceeded.code(),
    );
}

#[test]
fn a_pool_that_was_not_funded_pays_nobody() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    world.prove(&figures, 0);
    let payment = claim(&world, &node, &destination);
    world.refused(&[payment], &[], RewardsError::PoolShort.code());
}

#[test]
fn a_reward_goes_to_the_owner_in_lmr_from_the_pool() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    let thief = world.wallet("thief");
    let stolen = world.lmr_account(&thief.pubkey());
    let (_, other_node) = world.register("other");
    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    let wrong_account = RewardsError::WrongTokenAccount.code();

    let to_thief = claim(&world, &node, &stolen);
    world.refused(&[to_thief], &[], wrong_account);
    // The owner's token account, but of another mint.
    let foreign_mint = world.foreign_mint(&thief.pubkey());
    let mut account = world.svm.get_account(&destination).unwrap();
    account.data[..32].copy_from_slice(foreign_mint.as_ref());
    let foreign = keypair("foreign account", 0).pubkey();
    world.svm.set_account(foreign, account).unwrap();
    let in_foreign = claim(&world, &node, &foreign);
    world.refused(&[in_foreign], &[], wrong_account);
    // A mint, a pool, an attestation and a reward that are not the right ones.
    let good = claim(&world, &node, &destination);
    let with = |index: usize, address: Address| {
        let mut bent = good.clone();
        bent.accounts[index].pubkey = address;
        bent
    };
    world.refused(&[with(5, foreign_mint)], &[], RewardsError::WrongMint.code());
    world.refused(&[with(6, rewards::EARLY_POOL)], &[], RewardsError::WrongPool.code());
    world.refused(&[with(6, stolen)], &[], RewardsError::WrongPool.code());
    let mut for_other = with(1, other_node);
    for_other.accounts[4].pubkey = rewards::reward_address(&other_node).0;
    world.refused(&[for_other], &[], RewardsError::WrongAttestation.code());
    world.refused_with(&[with(4, rewards::reward_address(&other_node).0)], &[], "InvalidSeeds");
    // An attestation that another program owns, byte for byte the right one.
    let mut forged = world.svm.get_account(&bandwidth::attestation_address(&node).0).unwrap();
    forged.owner = rewards::ID;
    let at = keypair("forged attestation", 0).pubkey();
    world.svm.set_account(at, forged).unwrap();
    world.refused_with(&[with(2, at)], &[], "IllegalOwner");

    world.must(&[good], &[]);
    assert_eq!(world.balance(&destination), 600 * LMR);
    assert_eq!(world.balance(&stolen), 0);
}

#[test]
fn anybody_may_claim_for_an_owner_who_has_no_sol() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    let before = world.svm.get_balance(&owner.pubkey()).unwrap();
    let payment = claim(&world, &node, &destination);
    world.must(&[payment], &[]);
    assert_eq!(world.svm.get_balance(&owner.pubkey()).unwrap(), before);
    assert_eq!(world.balance(&destination), 600 * LMR);
}

#[test]
fn the_early_participant_pool_is_the_authoritys_to_grant() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    let friend = world.wallet("friend");
    let account = world.grant(&friend.pubkey(), 5 * LMR);
    assert_eq!(world.balance(&account), 5 * LMR);
    assert_eq!(world.read::<Emission>(&rewards::EMISSION).early_granted, 5 * LMR);

    world.refused(
        &[instructions::grant(&friend.pubkey(), &account, LMR)],
        &[&friend],
        RewardsError::NotAuthority.code(),
    );
    world.refused(
        &[instructions::grant(&authority.pubkey(), &account, 0)],
        &[&authority],
        RewardsError::AmountZero.code(),
    );
    world.refused(
        &[instructions::grant(
            &authority.pubkey(),
            &account,
            rewards::EARLY_POOL_AMOUNT,
        )],
        &[&authority],
        RewardsError::EarlyPoolShort.code(),
    );
    // The pool of rewards is not the authority's.
    let mut from_pool = instructions::grant(&authority.pubkey(), &account, LMR);
    from_pool.accounts[4].pubkey = rewards::POOL;
    world.refused(&[from_pool], &[&authority], RewardsError::WrongPool.code());
    assert_eq!(world.balance(&account), 5 * LMR);
}

#[test]
fn epochs_that_pay_all_they_may_are_funded_for_three_cycles() {
    let (mut world, _, node, _) = attested(FIRST_AMOUNT);
    world.must(&[instructions::fund_epoch(0)], &[]);
    let schedule = world.read::<Emission>(&rewards::EMISSION).schedule();
    for number in 1..=25 {
        let total = schedule.cumulative(number).0;
        let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, total)]);
        world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
        assert_eq!(world.balance(&rewards::POOL), total);
    }
}

#[test]
fn the_emission_clock_bounds_what_epochs_can_pull_forward() {
    // A schedule whose epochs are ten times as long as the oracles' are.
    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    let network_id = world.network_id;
    let mut slow = instructions::schedule();
    slow.epoch_seconds = 10 * EPOCH_SECONDS;
    for step in [
        instructions::initialize_registry(&authority.pubkey(), network_id),
        instructions::initialize_rewards_with(&authority.pubkey(), slow),
        instructions::initialize_oracles(&authority.pubkey()),
    ] {
        world.must(&[step], &[&authority]);
    }
    for oracle in 0..4 {
        world.add_oracle(oracle);
    }
    let (_, node) = world.register("provider");
    let first = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 100 * LMR)]);
    world.must(&[instructions::fund_epoch(first.epoch)], &[]);
    let second = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 200 * LMR)]);
    world.refused(
        &[instructions::fund_epoch(second.epoch)],
        &[],
        RewardsError::EpochAhead.code(),
    );
    world.pass(10 * EPOCH_SECONDS);
    world.must(&[instructions::fund_epoch(second.epoch)], &[]);
}
