//! Program `rewards`: what is minted never exceeds the schedule, what is paid never exceeds what was attested.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "rewards/breaker.rs"]
mod breaker;
#[path = "rewards/claim_many.rs"]
mod claim_many;
#[path = "rewards/fees.rs"]
mod fees;
#[path = "rewards/grants.rs"]
mod grants;
#[path = "rewards/layouts.rs"]
mod layouts;
#[path = "rewards/metadata.rs"]
mod metadata;

use lumora_interface::{
    Account, Event,
    bandwidth::{self, Attestation, Epoch, epoch_state},
    registry,
    rewards::{self, Emission, EpochFunded, Reward, RewardClaimed, RewardsError},
};
use lumora_rewards::instructions::InitializeRewardsArguments;
use lumora_tests::{
    Sent, World, instructions,
    oracles::{Figures, leaf},
    tokens::associated_account,
    world::{DISPUTE_SECONDS, EPOCH_SECONDS, FIRST_AMOUNT, LMR, keypair},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What the framework says of one account that is passed for two of which one is written.
const DUPLICATE: &str = "Custom(2040)";

/// Four oracles and one node whose first epoch is attested and final.
fn attested(reward: u64) -> (World, Keypair, Address, Figures) {
    let mut world = World::new(4);
    let (owner, node) = world.register("provider");
    let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, reward)]);
    (world, owner, node, figures)
}

fn claim(world: &World, node: &Address, owner: &Keypair, destination: &Address) -> Instruction {
    instructions::claim(&world.payer.pubkey(), node, &owner.pubkey(), destination)
}

/// The registry, rewards with this schedule, and four oracles.
fn world_with(bend: impl FnOnce(&mut InitializeRewardsArguments)) -> World {
    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    let network_id = world.network_id;
    let mut schedule = instructions::schedule();
    bend(&mut schedule);
    for step in [
        instructions::initialize_registry(&authority.pubkey(), network_id),
        instructions::initialize_rewards_with(&authority.pubkey(), schedule),
        instructions::initialize_oracles(&authority.pubkey()),
    ] {
        world.must(&[step], &[&authority]);
    }
    for oracle in 0..4 {
        world.add_oracle(oracle);
    }
    world
}

/// So many nodes of one new wallet.
fn fleet(world: &mut World, name: &str, count: u16) -> (Keypair, Vec<Address>) {
    let owner = world.wallet(name);
    let nodes = (0..count)
        .map(|index| {
            let mut arguments = instructions::node_arguments(&keypair(name, 1).pubkey());
            arguments.index = index;
            world.must(&[instructions::register_node(&owner.pubkey(), arguments)], &[&owner]);
            registry::node_address(&owner.pubkey(), index).0
        })
        .collect();
    (owner, nodes)
}

/// Attests, proves and funds an epoch after which each of these nodes has earned so much in its lifetime.
fn earn(world: &mut World, nodes: &[Address], lifetime: u64) {
    let figures = world.attest(|epoch| nodes.iter().map(|node| leaf(node, epoch, 1_000, lifetime)).collect());
    for index in 0..nodes.len() {
        world.prove(&figures, index as u32);
    }
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
}

/// Writes an account as no program would.
fn forge<T: Account>(world: &mut World, address: &Address, change: impl FnOnce(&mut T)) {
    let mut account = world.svm.get_account(address).unwrap();
    let mut fields = T::from_account(&account.owner, &account.data).unwrap();
    change(&mut fields);
    account.data[8..].copy_from_slice(bytemuck::bytes_of(&fields));
    world.svm.set_account(*address, account).unwrap();
}

/// A network account with this wallet as its authority, owned by the registry but not at its address.
fn foreign_network(world: &mut World, authority: &Address) -> Address {
    let account = world.svm.get_account(&registry::NETWORK).unwrap();
    let address = keypair("foreign network", 0).pubkey();
    world.svm.set_account(address, account).unwrap();
    forge::<registry::Network>(world, &address, |network| network.authority = *authority);
    address
}

/// The events of this type that programs recorded by calling themselves.
fn events<T: Event>(sent: &Sent) -> Vec<T> {
    sent.inner.iter().filter_map(|data| T::from_event_data(data)).collect()
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
    type Bend = fn(&mut InitializeRewardsArguments);
    let cases: [(Bend, RewardsError); 10] = [
        (|a| a.epoch_seconds = 0, RewardsError::ScheduleInvalid),
        (|a| a.epochs_per_cycle = 0, RewardsError::ScheduleInvalid),
        (|a| a.first_amount = 0, RewardsError::ScheduleInvalid),
        (|a| a.decay = 10_001, RewardsError::ScheduleInvalid),
        (|a| a.cap += 1, RewardsError::CapExceeded),
        (|a| a.vesting_cliff_seconds = 1, RewardsError::VestingInvalid),
        (
            |a| (a.breaker_limit, a.breaker_seconds) = (u64::MAX, 59),
            RewardsError::BreakerInvalid,
        ),
        (
            |a| (a.breaker_limit, a.breaker_seconds) = (u64::MAX, 86_401),
            RewardsError::BreakerInvalid,
        ),
        (
            |a| (a.breaker_limit, a.breaker_seconds) = (2 * FIRST_AMOUNT - 1, EPOCH_SECONDS),
            RewardsError::BreakerInvalid,
        ),
        (
            |a| (a.breaker_limit, a.breaker_seconds) = (2 * FIRST_AMOUNT, EPOCH_SECONDS + 1),
            RewardsError::BreakerInvalid,
        ),
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
    let mut on_foreign = instructions::initialize_rewards(&stranger.pubkey());
    on_foreign.accounts[1].pubkey = foreign_network(&mut world, &stranger.pubkey());
    world.refused(&[on_foreign], &[&stranger], RewardsError::WrongNetwork.code());
    world.must(&[instructions::initialize_rewards(&authority.pubkey())], &[&authority]);
    world
        .send(&[instructions::initialize_rewards(&authority.pubkey())], &[&authority])
        .expect_err("the emission is initialised once");
}

#[test]
fn a_reward_is_funded_claimed_once_and_recorded() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    world.prove(&figures, 0);

    let funded = world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    assert_eq!(world.balance(&rewards::POOL), 600 * LMR);
    let event = events::<EpochFunded>(&funded)[0];
    assert_eq!((event.epoch, event.amount, event.minted), (0, 600 * LMR, 600 * LMR));

    let payment = claim(&world, &node, &owner, &destination);
    let paid = world.must(&[payment.clone()], &[]);
    assert_eq!(world.balance(&destination), 600 * LMR);
    assert_eq!(world.balance(&rewards::POOL), 0);
    let event = events::<RewardClaimed>(&paid)[0];
    assert_eq!(
        (event.node, event.owner, event.amount),
        (node, owner.pubkey(), 600 * LMR)
    );
    let reward: Reward = world.read(&rewards::reward_address(&node).0);
    assert_eq!((reward.claimed, reward.node), (600 * LMR, node));
    assert_eq!(reward.owner, owner.pubkey());

    // A second claim pays zero and says nothing.
    let again = world.must(&[payment], &[]);
    assert_eq!(world.balance(&destination), 600 * LMR);
    assert_eq!(events::<RewardClaimed>(&again), []);
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
    let payment = claim(&world, &node, &owner, &destination);
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
    let payment = claim(&world, &node, &owner, &destination);
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

    let to_thief = claim(&world, &node, &owner, &stolen);
    world.refused(&[to_thief], &[], wrong_account);
    // The owner's token account, but of another mint.
    let foreign_mint = world.foreign_mint(&thief.pubkey());
    let mut account = world.svm.get_account(&destination).unwrap();
    account.data[..32].copy_from_slice(foreign_mint.as_ref());
    let foreign = keypair("foreign account", 0).pubkey();
    world.svm.set_account(foreign, account).unwrap();
    let in_foreign = claim(&world, &node, &owner, &foreign);
    world.refused(&[in_foreign], &[], wrong_account);
    // A mint, a pool, an attestation and a reward that are not the right ones.
    let good = claim(&world, &node, &owner, &destination);
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
    // A node that another program owns, byte for byte the right one but for its owner.
    let mut forged = world.svm.get_account(&node).unwrap();
    forged.owner = rewards::ID;
    let at = keypair("forged node", 0).pubkey();
    world.svm.set_account(at, forged).unwrap();
    world.refused_with(&[with(1, at)], &[], "IllegalOwner");
    // Another wallet as the owner, for whom an account would be opened.
    world.refused(&[with(8, thief.pubkey())], &[], RewardsError::WrongOwner.code());
    // Accounts that must differ, and an event authority that is not the program's.
    world.refused_with(&[with(7, rewards::POOL)], &[], DUPLICATE);
    world.refused_with(&[with(4, rewards::EMISSION)], &[], DUPLICATE);
    world.refused_with(&[with(12, thief.pubkey())], &[], "InvalidSeeds");

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
    let payment = claim(&world, &node, &owner, &destination);
    world.must(&[payment], &[]);
    assert_eq!(world.svm.get_balance(&owner.pubkey()).unwrap(), before);
    assert_eq!(world.balance(&destination), 600 * LMR);
}

#[test]
fn an_owner_without_a_token_account_gets_one() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = associated_account(&owner.pubkey(), &rewards::MINT);
    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    // Only the associated account is opened: any other address could not be found again.
    let elsewhere = claim(&world, &node, &owner, &keypair("nobody's", 0).pubkey());
    world.refused(&[elsewhere], &[], RewardsError::WrongTokenAccount.code());
    let strangers = associated_account(&keypair("stranger", 0).pubkey(), &rewards::MINT);
    let for_stranger = claim(&world, &node, &owner, &strangers);
    world.refused(&[for_stranger], &[], RewardsError::WrongTokenAccount.code());
    // Lamports sent to the address beforehand do not stop it from being opened.
    world.svm.airdrop(&destination, 1_000_000).unwrap();
    let payment = claim(&world, &node, &owner, &destination);
    world.must(&[payment], &[]);
    assert_eq!(world.balance(&destination), 600 * LMR);
}

#[test]
fn an_owner_may_pay_for_the_claim() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    let destination = associated_account(&owner.pubkey(), &rewards::MINT);
    let own = instructions::claim(&owner.pubkey(), &node, &owner.pubkey(), &destination);
    world.must(&[own], &[&owner]);
    assert_eq!(world.balance(&destination), 600 * LMR);
    let reward: Reward = world.read(&rewards::reward_address(&node).0);
    assert_eq!(reward.rent_payer, owner.pubkey());
}

#[test]
fn an_attestation_below_what_was_claimed_pays_nothing() {
    let (mut world, owner, node, figures) = attested(600 * LMR);
    let destination = world.lmr_account(&owner.pubkey());
    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    let payment = claim(&world, &node, &owner, &destination);
    world.must(&[payment.clone()], &[]);
    forge::<Attestation>(&mut world, &bandwidth::attestation_address(&node).0, |attestation| {
        attestation.cumulative_reward -= 1;
    });
    world.refused(&[payment], &[], RewardsError::RewardFell.code());
    let many = instructions::claim_many(&[(node, destination)]);
    world.refused(&[many], &[], RewardsError::RewardFell.code());
}

#[test]
fn only_a_final_epoch_of_the_bandwidth_program_is_funded() {
    let (mut world, owner, _, figures) = attested(600 * LMR);
    let address = bandwidth::epoch_address(figures.epoch).0;
    let good = instructions::fund_epoch(figures.epoch);
    let with = |index: usize, address: Address| {
        let mut bent = good.clone();
        bent.accounts[index].pubkey = address;
        bent
    };
    // An epoch that another program wrote, an account of another type, and no account at all.
    let mut forged = world.svm.get_account(&address).unwrap();
    forged.owner = rewards::ID;
    let at = keypair("forged epoch", 0).pubkey();
    world.svm.set_account(at, forged).unwrap();
    for wrong in [at, bandwidth::ORACLE_SET, keypair("nobody", 0).pubkey()] {
        world.refused(&[with(0, wrong)], &[], RewardsError::WrongEpoch.code());
    }
    // A mint and pools that are not the right ones.
    let foreign_mint = world.foreign_mint(&owner.pubkey());
    let stolen = world.lmr_account(&owner.pubkey());
    world.refused(&[with(2, foreign_mint)], &[], RewardsError::WrongMint.code());
    for wrong in [stolen, rewards::EARLY_POOL, rewards::FEES] {
        world.refused(&[with(3, wrong)], &[], RewardsError::WrongPool.code());
    }
    world.refused_with(&[with(3, rewards::MINT)], &[], DUPLICATE);
    world.refused_with(&[with(5, owner.pubkey())], &[], "InvalidSeeds");

    // A dispute that opens the epoch again takes its finality away, though its figures are still there.
    forge::<Epoch>(&mut world, &address, |epoch| epoch.state = epoch_state::OPEN);
    world.refused(&[good.clone()], &[], RewardsError::NotFinal.code());
    forge::<Epoch>(&mut world, &address, |epoch| epoch.state = epoch_state::ATTESTED);
    world.must(&[good], &[]);
    assert_eq!(world.balance(&rewards::POOL), 600 * LMR);
}

#[test]
fn an_epoch_that_was_closed_unfunded_is_made_up_for_by_the_next() {
    let (mut world, _, node, first) = attested(600 * LMR);
    world
        .svm
        .set_account(bandwidth::epoch_address(first.epoch).0, Default::default())
        .unwrap();
    world.refused(
        &[instructions::fund_epoch(first.epoch)],
        &[],
        RewardsError::WrongEpoch.code(),
    );
    let second = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 1_400 * LMR)]);
    world.must(&[instructions::fund_epoch(second.epoch)], &[]);
    assert_eq!(world.balance(&rewards::POOL), 1_400 * LMR);
}

#[test]
fn an_epoch_below_what_was_minted_mints_nothing() {
    let (mut world, _, node, first) = attested(600 * LMR);
    world.must(&[instructions::fund_epoch(first.epoch)], &[]);
    let second = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 700 * LMR)]);
    forge::<Epoch>(&mut world, &bandwidth::epoch_address(second.epoch).0, |epoch| {
        epoch.cumulative_reward = 600 * LMR - 1;
    });
    world.refused(
        &[instructions::fund_epoch(second.epoch)],
        &[],
        RewardsError::TotalFell.code(),
    );
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
    let mut world = world_with(|schedule| schedule.epoch_seconds = 10 * EPOCH_SECONDS);
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
