//! How the network's parameters change: announced, by one step, after the notice.

use lumora_interface::registry::{
    self, Network, NetworkParameters, ParametersAnnounced, ParametersApplied, RegistryError,
};
use lumora_tests::{World, instructions, world::LMR};
use solana_instruction::Instruction;
use solana_signer::Signer;

/// Notice of the network in tests.
const NOTICE: i64 = 600;

fn network(world: &World) -> Network {
    world.read(&registry::NETWORK)
}

/// The parameters that hold now.
pub fn current(world: &World) -> NetworkParameters {
    network(world).parameters()
}

fn announcing(world: &World, change: impl FnOnce(&mut NetworkParameters)) -> Instruction {
    let mut parameters = current(world);
    change(&mut parameters);
    instructions::announce_parameters(&world.authority.pubkey(), &parameters)
}

fn announce(world: &mut World, change: impl FnOnce(&mut NetworkParameters)) {
    let authority = world.authority.insecure_clone();
    let announcement = announcing(world, change);
    world.must(&[announcement], &[&authority]);
}

#[test]
fn announced_parameters_hold_once_the_notice_has_passed_whoever_applies_them() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    let before = network(&world);
    let change = |it: &mut NetworkParameters| {
        it.minimum_bond = 1_000 * LMR;
        it.shard_bond = 2 * LMR;
        it.unbonding_seconds = 7_200;
        it.weights = [3_000, 3_500, 1_500, 2_000];
        it.reference_kbps = 50_000;
        it.half_distance_km = 2_000;
        it.half_latency_us = 25_000;
        it.max_wait_seconds = 120;
        it.attestation_max_age_seconds = 1_800;
        it.capacity_share = 9_000;
        it.expiry_slash = 2_000;
        it.protocol_fee = 1_100;
        it.burn_share = 4_000;
        // Room for later: what is written there now must not get a meaning then.
        it._padding = [1; 4];
    };
    let mut announced = current(&world);
    change(&mut announced);
    announced._padding = [0; 4];
    let announcement = announcing(&world, change);
    let sent = world.must(&[announcement], &[&authority]);
    let event: ParametersAnnounced = sent.event();
    let due = world.now() + NOTICE;
    assert_eq!((event.announced_for, event.parameters), (due, announced));
    assert_eq!(network(&world).announcement(), Some((announced, due)));
    assert_eq!(network(&world).parameters(), before.parameters(), "nothing changes yet");

    let apply = [instructions::apply_parameters()];
    world.pass(NOTICE - 1);
    world.refused(&apply, &[], RegistryError::NoticeRunning.code());
    world.pass(1);
    let sent = world.must(&apply, &[]);
    assert_eq!(sent.event::<ParametersApplied>().parameters, announced);
    let after = network(&world);
    assert_eq!(after.parameters(), announced);
    assert_eq!((after.announcement(), after.changed_at), (None, due));
    assert_eq!(after.announced, bytemuck::Zeroable::zeroed());
    world.refused(&apply, &[], RegistryError::NothingAnnounced.code());
}

#[test]
fn an_announcement_is_withdrawn_or_replaced_with_a_new_notice() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    let withdraw = [instructions::withdraw_announcement(&authority.pubkey())];
    let apply = [instructions::apply_parameters()];
    world.refused(&withdraw, &[&authority], RegistryError::NothingAnnounced.code());

    announce(&mut world, |it| it.protocol_fee = 200);
    world.pass(NOTICE);
    world.must(&withdraw, &[&authority]);
    world.refused(&apply, &[], RegistryError::NothingAnnounced.code());

    announce(&mut world, |it| it.protocol_fee = 300);
    world.pass(NOTICE - 1);
    announce(&mut world, |it| it.protocol_fee = 400);
    world.pass(NOTICE - 1);
    world.refused(&apply, &[], RegistryError::NoticeRunning.code());
    world.pass(1);
    world.must(&apply, &[]);
    assert_eq!(network(&world).protocol_fee, 400);
}

#[test]
fn parameters_move_by_one_step_within_their_ranges() {
    type Change = fn(&mut NetworkParameters);
    let cases: [(Change, RegistryError); 17] = [
        (|it| it.shard_bond = 2 * LMR + 1, RegistryError::BondStep),
        (|it| it.shard_bond = LMR / 2 - 1, RegistryError::BondStep),
        (|it| it.minimum_bond = 1_000 * LMR + 1, RegistryError::BondStep),
        (|it| it.unbonding_seconds = 7_201, RegistryError::ScaleStep),
        (|it| it.max_wait_seconds = 29, RegistryError::ScaleStep),
        (|it| it.attestation_max_age_seconds = 7_201, RegistryError::ScaleStep),
        (|it| it.reference_kbps = 49_999, RegistryError::ScaleStep),
        (|it| it.half_distance_km = 2_001, RegistryError::ScaleStep),
        (|it| it.half_latency_us = 24_999, RegistryError::ScaleStep),
        (|it| it.weights = [2_999, 4_001, 1_000, 2_000], RegistryError::ShareStep),
        (|it| it.capacity_share = 9_001, RegistryError::ShareStep),
        (|it| it.protocol_fee = 1_101, RegistryError::ShareStep),
        (|it| it.weights[3] = 2_001, RegistryError::WeightsSum),
        (|it| it.expiry_slash = 10_001, RegistryError::ShareRange),
        (|it| it.protocol_fee = 2_001, RegistryError::FeeRange),
        (|it| it.unbonding_seconds = 59, RegistryError::UnbondingRange),
        (|it| it.half_latency_us = 0, RegistryError::ParameterRange),
    ];
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    for (change, error) in cases {
        let announcement = announcing(&world, change);
        world.refused(&[announcement], &[&authority], error.code());
    }
}

#[test]
fn what_was_announced_must_still_be_one_step_away_when_it_is_applied() {
    let mut world = World::new(0);
    announce(&mut world, |it| it.shard_bond = 2 * LMR);
    world.pass(NOTICE);
    // As if an upgrade of the program had moved it in between.
    let mut account = world.svm.get_account(&registry::NETWORK).unwrap();
    let shard_bond = LMR.to_le_bytes();
    let offset = account.data.windows(8).position(|bytes| bytes == shard_bond).unwrap();
    account.data[offset..offset + 8].copy_from_slice(&(LMR / 2).to_le_bytes());
    world.svm.set_account(registry::NETWORK, account).unwrap();
    world.refused(&[instructions::apply_parameters()], &[], RegistryError::BondStep.code());
}

#[test]
fn a_network_without_a_notice_gives_a_day() {
    let mut world = World::new(0);
    let mut account = world.svm.get_account(&registry::NETWORK).unwrap();
    let notice = (NOTICE as u32).to_le_bytes();
    // Behind the announced parameters, in what older networks hold as zeros.
    let offset = account.data.len() - 192;
    assert_eq!(account.data[offset..offset + 4], notice);
    account.data[offset..offset + 4].fill(0);
    world.svm.set_account(registry::NETWORK, account).unwrap();
    announce(&mut world, |it| it.protocol_fee = 200);
    assert_eq!(network(&world).announced_for, world.now() + 86_400);
}
