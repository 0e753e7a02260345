//! What a quorum of oracles may make of the ranking, and who may stop it. The quorum is a real one, through `bandwidth`.

use lumora_interface::registry::{
    self, AdaptArguments, AdaptationFreezeChanged, Network, NetworkParameters, RegistryError,
};
use lumora_tests::{World, instructions};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Weights and wait of the tests' network.
const BASE: ([u16; 4], u32) = ([4_000, 3_000, 1_000, 2_000], 60);
/// A quarter of the notice of the tests' network.
const COOL_DOWN: i64 = 150;

fn network(world: &World) -> Network {
    world.read(&registry::NETWORK)
}

fn tuning(world: &World) -> ([u16; 4], u32) {
    let parameters = network(world).parameters();
    (parameters.weights, parameters.max_wait_seconds)
}

/// A network with four oracles, a node to measure, and an attested epoch.
struct Bench {
    world: World,
    node: Address,
    epoch: u64,
}

impl Bench {
    fn new() -> Self {
        let mut world = World::new(4);
        let (_, node) = world.register("node");
        let epoch = world.attest_one(&node);
        assert_eq!(tuning(&world), BASE);
        Self { world, node, epoch }
    }

    /// Another epoch, and at least as much time as must lie between two adaptations.
    fn next_epoch(&mut self) {
        self.epoch = self.world.attest_one(&self.node);
        self.world.pass(COOL_DOWN);
    }

    fn adapt(&mut self, weights: [u16; 4], wait: u32) {
        self.world.adapt(self.epoch, weights, wait);
        assert_eq!(tuning(&self.world), (weights, wait));
    }

    /// All oracles want it, and `registry` refuses.
    fn refused(&mut self, weights: [u16; 4], wait: u32, error: RegistryError) {
        let (before, epoch) = (network(&self.world), self.epoch);
        let arguments = self.world.adaptation(epoch, weights, wait);
        let oracles: Vec<Keypair> = self.world.oracles.iter().map(Keypair::insecure_clone).collect();
        let sent = self
            .world
            .adapting(epoch, &arguments, &oracles.iter().collect::<Vec<_>>());
        let called = instructions::adapt(&registry::ADAPTER, &arguments.adapt(epoch));
        self.world.refused_inside(&sent, &[], error.code(), &[called]);
        assert_eq!(network(&self.world), before);
    }
}

#[test]
fn one_step_is_small_whatever_a_quorum_wants() {
    let mut bench = Bench::new();
    let cases = [
        ([3_799, 3_201, 1_000, 2_000], 60, RegistryError::AdaptationStep),
        ([4_201, 3_000, 1_000, 1_799], 60, RegistryError::AdaptationStep),
        (BASE.0, 67, RegistryError::AdaptationStep),
        (BASE.0, 53, RegistryError::AdaptationStep),
        (BASE.0, 0, RegistryError::AdaptationStep),
        (BASE.0, u32::MAX, RegistryError::AdaptationStep),
        ([4_000, 3_000, 1_000, 2_001], 60, RegistryError::WeightsSum),
        ([0, 0, 0, 0], 60, RegistryError::WeightsSum),
        (BASE.0, BASE.1, RegistryError::AdaptationNothing),
    ];
    for (weights, wait, error) in cases {
        bench.refused(weights, wait, error);
    }
    bench.adapt([3_800, 2_800, 1_200, 2_200], 54);
}

#[test]
fn all_steps_together_stay_near_what_the_authority_set() {
    let mut bench = Bench::new();
    // Seven steps of 200 and one of 100: 1,500 basis points away. The wait to double.
    let mut wait = 60u32;
    for step in 1..=8u16 {
        let moved = (200 * step).min(1_500);
        wait = (wait + (wait / 10).max(1)).min(120);
        bench.adapt([4_000 - moved, 3_000 + moved, 1_000, 2_000], wait);
        bench.next_epoch();
    }
    assert_eq!(tuning(&bench.world), ([2_500, 4_500, 1_000, 2_000], 120));
    bench.refused([2_499, 4_501, 1_000, 2_000], 120, RegistryError::AdaptationReach);
    bench.refused([2_500, 4_500, 1_000, 2_000], 121, RegistryError::AdaptationReach);
    assert_eq!(network(&bench.world).base_weights, BASE.0);
    // Back it may.
    bench.adapt([2_700, 4_300, 1_000, 2_000], 108);
}

#[test]
fn two_adaptations_lie_apart_and_rest_on_different_epochs() {
    let mut bench = Bench::new();
    bench.adapt([3_900, 3_100, 1_000, 2_000], 60);
    let adapted_at = bench.world.now();
    bench.refused([3_800, 3_200, 1_000, 2_000], 60, RegistryError::AdaptationCooling);
    bench.world.pass(COOL_DOWN);
    bench.refused([3_800, 3_200, 1_000, 2_000], 60, RegistryError::AdaptationEvidence);
    bench.next_epoch();
    bench.adapt([3_800, 3_200, 1_000, 2_000], 60);
    assert!(bench.world.now() >= adapted_at + COOL_DOWN);

    // To the second.
    let adapted_at = bench.world.now();
    bench.epoch = bench.world.attest_one(&bench.node);
    let left = adapted_at + COOL_DOWN - bench.world.now();
    assert!(left > 0);
    bench.world.pass(left - 1);
    bench.refused([3_700, 3_300, 1_000, 2_000], 60, RegistryError::AdaptationCooling);
    bench.world.pass(1);
    bench.adapt([3_700, 3_300, 1_000, 2_000], 60);
}

#[test]
fn the_guardian_freezes_it_and_only_the_authority_lifts_that() {
    let mut bench = Bench::new();
    let (authority, guardian) = (bench.world.authority.insecure_clone(), bench.world.wallet("guardian"));
    let thief = bench.world.wallet("thief");
    let freeze = |who: &Keypair| [instructions::freeze_adaptation(&who.pubkey())];
    let lift = |who: &Keypair| [instructions::unfreeze_adaptation(&who.pubkey())];
    bench
        .world
        .refused(&freeze(&thief), &[&thief], RegistryError::NotGuardian.code());
    let sent = bench.world.must(&freeze(&guardian), &[&guardian]);
    let event: AdaptationFreezeChanged = sent.event();
    assert_eq!((event.frozen, event.by), (1, guardian.pubkey()));
    bench.refused([3_900, 3_100, 1_000, 2_000], 60, RegistryError::AdaptationFrozen);
    // Whoever comes second changes nothing, and succeeds.
    bench.world.must(&freeze(&authority), &[&authority]);
    for who in [&guardian, &thief] {
        bench
            .world
            .refused(&lift(who), &[who], RegistryError::NotAuthority.code());
    }
    let sent = bench.world.must(&lift(&authority), &[&authority]);
    assert_eq!(sent.event::<AdaptationFreezeChanged>().frozen, 0);
    bench.adapt([3_900, 3_100, 1_000, 2_000], 60);
}

#[test]
fn what_the_authority_announces_is_not_moved_away_from_and_becomes_the_base() {
    let mut bench = Bench::new();
    let authority = bench.world.authority.insecure_clone();
    bench.adapt([3_800, 3_200, 1_000, 2_000], 66);
    bench.next_epoch();
    let announced = NetworkParameters {
        weights: [2_800, 4_200, 1_000, 2_000],
        max_wait_seconds: 132,
        ..network(&bench.world).parameters()
    };
    let announce = [instructions::announce_parameters(&authority.pubkey(), &announced)];
    bench.world.must(&announce, &[&authority]);
    bench.refused([3_600, 3_400, 1_000, 2_000], 66, RegistryError::AdaptationAnnounced);
    bench.world.pass(600);
    bench.refused([3_600, 3_400, 1_000, 2_000], 66, RegistryError::AdaptationAnnounced);
    bench.world.must(&[instructions::apply_parameters()], &[]);
    let after = network(&bench.world);
    assert_eq!(after.base_tuning(), after.tuning());
    assert_eq!(
        (after.base_weights, after.adaptations),
        ([0; 4], 1),
        "and what was signed before stays void"
    );
    // From there it goes as far again: beyond what was within reach before.
    bench.epoch = bench.world.attest_one(&bench.node);
    bench.adapt([2_600, 4_400, 1_000, 2_000], 145);
    assert_eq!(network(&bench.world).base_weights, [2_800, 4_200, 1_000, 2_000]);

    // A withdrawn announcement stands in nobody's way.
    bench.next_epoch();
    let announce = [instructions::announce_parameters(
        &authority.pubkey(),
        &network(&bench.world).parameters(),
    )];
    bench.world.must(&announce, &[&authority]);
    bench.refused([2_500, 4_500, 1_000, 2_000], 145, RegistryError::AdaptationAnnounced);
    let withdraw = [instructions::withdraw_announcement(&authority.pubkey())];
    bench.world.must(&withdraw, &[&authority]);
    bench.adapt([2_500, 4_500, 1_000, 2_000], 145);
}

#[test]
fn nobody_adapts_but_the_program_of_the_oracles() {
    let mut bench = Bench::new();
    let arguments = AdaptArguments {
        weights: [3_900, 3_100, 1_000, 2_000],
        max_wait_seconds: 60,
        reasons: [0; 2],
        epoch: bench.epoch,
    };
    let authority = bench.world.authority.insecure_clone();
    let by_authority = instructions::adapt(&authority.pubkey(), &arguments);
    bench
        .world
        .refused(&[by_authority], &[&authority], RegistryError::NotAdapter.code());
    // Its address alone is no signature.
    let mut unsigned = instructions::adapt(&registry::ADAPTER, &arguments);
    unsigned.accounts[0].is_signer = false;
    bench.world.refused_with(&[unsigned], &[], "MissingRequiredSignature");
}

#[test]
fn a_network_of_before_can_be_adapted() {
    let mut bench = Bench::new();
    let account = bench.world.svm.get_account(&registry::NETWORK).unwrap();
    // All that was added lies in what older networks hold as zeros.
    assert_eq!(account.data[account.data.len() - 188..], [0; 188]);
    assert_eq!(account.data.len(), 600);
    bench.adapt([3_900, 3_100, 1_000, 2_000], 60);
}
