//! A quorum of oracles adapts the ranking; fewer do not, and nobody does with what was signed about something else.

use lumora_core::units::Seconds;
use lumora_interface::{
    bandwidth::{
        self, AdaptRankingArguments, AdaptationCount, BandwidthError, OracleSet, adaptation_address, epoch_address,
    },
    registry::{self, Network, RankingAdapted, RegistryError},
};
use lumora_tests::{
    World, instructions,
    oracles::{leaf, signed_by},
    world::{LMR, SOL, keypair},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::oracles;

/// One small step from the weights and the wait of the tests' network.
const NEXT: ([u16; 4], u32) = ([3_800, 3_200, 1_000, 2_000], 66);

/// Four oracles, of which three are a quorum, an attested epoch, and what is signed to make the next step with it.
struct Bench {
    world: World,
    node: Address,
    epoch: u64,
    arguments: AdaptRankingArguments,
    oracles: Vec<Keypair>,
}

impl Bench {
    fn new() -> Self {
        let mut world = World::new(4);
        let (_, node) = world.register("node");
        let epoch = world.attest_one(&node);
        let arguments = world.adaptation(epoch, NEXT.0, NEXT.1);
        let oracles = oracles(&world);
        Self {
            world,
            node,
            epoch,
            arguments,
            oracles,
        }
    }

    /// The signatures of the first `count` oracles.
    fn signed(&self, count: usize) -> [Instruction; 2] {
        let signers: Vec<&Keypair> = self.oracles.iter().take(count).collect();
        self.world.adapting(self.epoch, &self.arguments, &signers)
    }

    fn network(&self) -> Network {
        self.world.read(&registry::NETWORK)
    }

    fn refused(&mut self, instructions: &[Instruction], error: BandwidthError) {
        let before = self.network();
        self.world.refused(instructions, &[], error.code());
        assert_eq!(self.network(), before);
    }
}

#[test]
fn a_quorum_adapts_the_ranking_and_the_account_that_counted_is_closed() {
    let mut bench = Bench::new();
    let before = bench.network();
    let sent = bench.signed(3);
    let sent = bench.world.must(&sent, &[]);
    let after = bench.network();
    assert_eq!(
        (after.parameters().weights, after.max_wait_seconds),
        NEXT,
        "from now on"
    );
    assert_eq!(
        (after.adaptations, after.adaptable_from, after.adapted_at),
        (1, bench.epoch + 1, bench.world.now())
    );
    assert_eq!(after.base_tuning(), before.tuning());
    let untouched = Network {
        adaptations: 0,
        adapted_at: 0,
        adaptable_from: 0,
        base_weights: [0; 4],
        base_max_wait_seconds: 0,
        max_wait_seconds: before.max_wait_seconds,
        weight_bandwidth: before.weight_bandwidth,
        weight_proximity: before.weight_proximity,
        ..after
    };
    assert_eq!(untouched, before, "nothing else changes");
    let event: RankingAdapted = sent.event();
    assert_eq!(
        (event.from_weights, event.to_weights),
        (before.parameters().weights, NEXT.0)
    );
    assert_eq!((event.from_max_wait_seconds, event.to_max_wait_seconds), (60, 66));
    assert_eq!((event.wait_reason, event.weights_reason), (2, 3));
    assert_eq!((event.adaptations, event.epoch), (1, bench.epoch));
    assert!(is_closed(&bench));
}

fn is_closed(bench: &Bench) -> bool {
    let account = bench
        .world
        .svm
        .get_account(&adaptation_address(&bench.arguments.digest).0);
    account.is_none_or(|account| account.lamports == 0)
}

#[test]
fn signatures_add_up_over_transactions_and_fewer_than_a_quorum_change_nothing() {
    let mut bench = Bench::new();
    let before = bench.network();
    for signer in [0, 1] {
        let one = bench
            .world
            .adapting(bench.epoch, &bench.arguments, &[&bench.oracles[signer]]);
        bench.world.must(&one, &[]);
    }
    assert_eq!(bench.network(), before);
    let count: AdaptationCount = bench.world.read(&adaptation_address(&bench.arguments.digest).0);
    assert_eq!((count.signers, count.sequence, count.epoch), (0b11, 0, bench.epoch));
    let again = bench.signed(1);
    bench.refused(&again, BandwidthError::SignerTwice);
    // A minority that signs something else has an account of its own, and is in nobody's way.
    let other = bench.world.adaptation(bench.epoch, [4_200, 2_800, 1_000, 2_000], 60);
    let lie = bench.world.adapting(bench.epoch, &other, &[&bench.oracles[3]]);
    bench.world.must(&lie, &[]);

    let payer = bench.world.payer.pubkey();
    let rent = bench
        .world
        .svm
        .get_balance(&adaptation_address(&bench.arguments.digest).0);
    let held = bench.world.svm.get_balance(&payer).unwrap();
    let last = bench
        .world
        .adapting(bench.epoch, &bench.arguments, &[&bench.oracles[2]]);
    bench.world.must(&last, &[]);
    assert_eq!(bench.network().parameters().weights, NEXT.0);
    assert!(is_closed(&bench));
    let fee = 10_000;
    assert_eq!(bench.world.svm.get_balance(&payer).unwrap(), held + rent.unwrap() - fee);
}

#[test]
fn what_was_signed_holds_for_one_ranking_one_epoch_and_once() {
    let mut bench = Bench::new();
    let first = bench.signed(3);
    // Each field of it, bent, is another statement: the digest is no longer its own.
    type Bend = fn(&mut AdaptRankingArguments);
    let bends: [Bend; 6] = [
        |it| it.digest[0] ^= 1,
        |it| it.weights = [4_000, 3_000, 1_200, 1_800],
        |it| it.max_wait_seconds -= 1,
        |it| it.reasons[0] += 1,
        |it| it.reasons[1] += 1,
        |it| it.expires_at += 1,
    ];
    for bend in bends {
        let mut bent = bench.arguments;
        bend(&mut bent);
        let signers: Vec<&Keypair> = bench.oracles.iter().collect();
        let sent = bench.world.adapting(bench.epoch, &bent, &signers);
        bench.refused(&sent, BandwidthError::WrongAdaptation);
    }
    // Signatures over something else.
    let signers: Vec<&Keypair> = bench.oracles.iter().collect();
    let elsewhere = [signed_by(&signers, &[9; 32]), first[1].clone()];
    bench.refused(&elsewhere, BandwidthError::SignatureMessage);
    bench.refused(&first[1..], BandwidthError::SignaturesMissing);

    bench.world.must(&first, &[]);
    // Once it was made it is not the same step any more.
    bench.refused(&first, BandwidthError::WrongAdaptation);
}

#[test]
fn only_the_members_of_the_epoch_sign_and_jailed_ones_do_not() {
    let mut bench = Bench::new();
    let stranger = keypair("oracle", 77);
    let sent = bench
        .world
        .adapting(bench.epoch, &bench.arguments, &[&bench.oracles[0], &stranger]);
    bench.refused(&sent, BandwidthError::SignerNotOracle);
    // It came to the set later.
    bench.world.add_oracle(9);
    let newcomer = keypair("oracle", 9);
    let sent = bench.world.adapting(bench.epoch, &bench.arguments, &[&newcomer]);
    bench.refused(&sent, BandwidthError::SignerNotOracle);

    // Two sign; then one of them is jailed for what it signed about an epoch: one more is no quorum.
    let two = bench.signed(2);
    bench.world.must(&two, &[]);
    let next = bench.world.open_epoch();
    let commit = instructions::commit_bundle(&bench.oracles[0].pubkey(), next, [1; 32], 1);
    bench.world.must(&[commit], &[&bench.oracles[0]]);
    let (node, so_far) = (
        bench.node,
        bench.world.read::<OracleSet>(&bandwidth::ORACLE_SET).cumulative_reward,
    );
    let [truth, lie] = [1, 2].map(|reward| {
        bench
            .world
            .figures(next, vec![leaf(&node, next, 1, so_far + reward * LMR)])
    });
    let reporter = bench.world.lmr_account(&keypair("reporter", 0).pubkey());
    let report = bench.world.report(&bench.oracles[0], [&truth, &lie], &reporter);
    bench.world.must(&report, &[]);
    let before = bench.network();
    let third = bench
        .world
        .adapting(bench.epoch, &bench.arguments, &[&bench.oracles[2]]);
    bench.world.must(&third, &[]);
    assert_eq!(bench.network(), before, "three signed, two count");
    let fourth = bench
        .world
        .adapting(bench.epoch, &bench.arguments, &[&bench.oracles[3]]);
    bench.world.must(&fourth, &[]);
    assert_eq!(bench.network().parameters().weights, NEXT.0);
    let jailed = bench.world.adaptation(bench.epoch, [3_900, 3_100, 1_000, 2_000], 66);
    let sent = bench.world.adapting(bench.epoch, &jailed, &[&bench.oracles[0]]);
    bench.refused(&sent, BandwidthError::OracleJailed);
}

#[test]
fn the_evidence_is_the_epoch_attested_last_once_it_is_final() {
    let mut bench = Bench::new();
    // Opened, not attested.
    let open = bench.world.open_epoch();
    let arguments = bench.world.adaptation(open, NEXT.0, NEXT.1);
    let signers: Vec<&Keypair> = bench.oracles.iter().collect();
    let sent = bench.world.adapting(open, &arguments, &signers);
    bench.world.refused(&sent, &[], BandwidthError::NotFinal.code());
    // Attested, and not final yet: the other one is no longer the last.
    bench.world.commit_bundles(open);
    let so_far = bench.world.read::<OracleSet>(&bandwidth::ORACLE_SET).cumulative_reward;
    let figures = bench
        .world
        .figures(open, vec![leaf(&bench.node, open, 1, so_far + LMR)]);
    let submission = bench.world.submission(&figures, &signers);
    bench.world.must(&submission, &[]);
    bench.world.refused(&sent, &[], BandwidthError::NotFinal.code());
    let older = bench.signed(3);
    bench.refused(&older, BandwidthError::EvidenceSuperseded);
    bench.world.pass(20);
    bench.world.must(&sent, &[]);
}

#[test]
fn signatures_expire_and_their_account_is_closed_by_anybody() {
    let mut bench = Bench::new();
    let digest = bench.arguments.digest;
    let one = bench.signed(1);
    bench.world.must(&one, &[]);
    let payer = bench.world.payer.pubkey();
    let close = [instructions::close_adaptation(&digest, &payer)];
    bench.refused(&close, BandwidthError::AdaptationOpen);
    bench.world.pass(Seconds(600).0);
    bench.refused(&close, BandwidthError::AdaptationOpen);
    bench.world.pass(1);
    let late = bench.signed(3);
    bench.refused(&late, BandwidthError::StatementExpired);
    let thief = keypair("thief", 0).pubkey();
    let stolen = [instructions::close_adaptation(&digest, &thief)];
    bench.refused(&stolen, BandwidthError::WrongRentPayer);
    bench.world.must(&close, &[]);
    assert!(is_closed(&bench));

    // Another adaptation was made: what was signed before can never be a quorum.
    let old = bench.world.adaptation(bench.epoch, NEXT.0, NEXT.1);
    let sent = bench.world.adapting(bench.epoch, &old, &[&bench.oracles[3]]);
    bench.world.must(&sent, &[]);
    bench.world.adapt(bench.epoch, [4_200, 2_800, 1_000, 2_000], 54);
    let close = [instructions::close_adaptation(&old.digest, &payer)];
    bench.world.must(&close, &[]);
}

#[test]
fn the_rent_goes_back_to_who_paid_it() {
    let mut bench = Bench::new();
    let first = bench.world.wallet("first");
    let key = first.pubkey();
    let sent = [
        signed_by(&[&bench.oracles[0]], &bench.arguments.digest),
        instructions::adapt_ranking(&key, &key, bench.epoch, &bench.arguments),
    ];
    bench.world.must(&sent, &[&first]);
    assert!(bench.world.svm.get_balance(&key).unwrap() < 100 * SOL);
    let wrong = bench
        .world
        .adapting(bench.epoch, &bench.arguments, &[&bench.oracles[1], &bench.oracles[2]]);
    bench.refused(&wrong, BandwidthError::WrongRentPayer);
    let payer = bench.world.payer.pubkey();
    let right = [
        wrong[0].clone(),
        instructions::adapt_ranking(&payer, &key, bench.epoch, &bench.arguments),
    ];
    bench.world.must(&right, &[]);
    assert_eq!(bench.world.svm.get_balance(&key).unwrap(), 100 * SOL);
}

#[test]
fn no_other_account_stands_in_for_the_network_the_oracles_the_adapter_or_registry() {
    let mut bench = Bench::new();
    let sent = bench.signed(3);
    let other_epoch = bench.world.open_epoch();
    // The same bytes under the same owner, at another address.
    let [network, set] = [(registry::NETWORK, 1), (bandwidth::ORACLE_SET, 2)].map(|(address, seed)| {
        let (copy, account) = (
            keypair("copy", seed).pubkey(),
            bench.world.svm.get_account(&address).unwrap(),
        );
        bench.world.svm.set_account(copy, account).unwrap();
        copy
    });
    for (position, wrong, text) in [
        (1, registry::SLASHERS[1], "InvalidSeeds"),
        (2, network, "Custom(2012)"),
        (3, set, "InvalidSeeds"),
        (4, bench.node, "IllegalOwner"),
        (5, adaptation_address(&[1; 32]).0, "InvalidSeeds"),
        (7, instructions::SLOT_HASHES_SYSVAR, "InvalidArgument"),
        (8, instructions::SYSTEM_PROGRAM, "Custom(2012)"),
    ] {
        let mut bent = sent.clone();
        bent[1].accounts[position].pubkey = wrong;
        bench.world.refused_with(&bent, &[], text);
    }
    let mut bent = sent;
    bent[1].accounts[4].pubkey = epoch_address(other_epoch).0;
    bench.refused(&bent, BandwidthError::NotFinal);
}

#[test]
fn what_registry_refuses_counts_nobodys_signature() {
    let mut bench = Bench::new();
    let far = bench.world.adaptation(bench.epoch, [3_799, 3_201, 1_000, 2_000], 60);
    let signers: Vec<&Keypair> = bench.oracles.iter().collect();
    let sent = bench.world.adapting(bench.epoch, &far, &signers);
    let called = instructions::adapt(&registry::ADAPTER, &far.adapt(bench.epoch));
    bench
        .world
        .refused_inside(&sent, &[], RegistryError::AdaptationStep.code(), &[called]);
    assert!(
        bench
            .world
            .svm
            .get_account(&adaptation_address(&far.digest).0)
            .is_none()
    );
}
