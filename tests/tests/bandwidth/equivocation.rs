//! Two statements of one oracle about one epoch: what it costs, and what becomes of the epoch.

use lumora_core::slash;
use lumora_interface::bandwidth::{
    self, BandwidthError, EpochReopened, InitializeOraclesArguments, OracleJailed, OracleSet, VOID, epoch_state, member,
};
use lumora_tests::{
    World, instructions,
    oracles::{Figures, leaf, signed_by},
    tokens::associated_account,
    world::{DISPUTE_SECONDS, LMR, ORACLES, keypair, oracle_owner},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{epoch_of, oracles};

const BOND: u64 = 500 * LMR;

/// An epoch of four bonded oracles, the figures that three of them will sign, and others.
struct Case {
    world: World,
    signers: Vec<Keypair>,
    truth: Figures,
    lie: Figures,
    /// The reporter's LMR account.
    reward: Address,
}

impl Case {
    fn new() -> Self {
        let mut world = World::with_oracles(
            4,
            InitializeOraclesArguments {
                minimum_bond: BOND,
                ..ORACLES
            },
        );
        let (_, node) = world.register("node");
        let epoch = world.open_epoch();
        world.commit_bundles(epoch);
        let truth = world.figures(epoch, vec![leaf(&node, epoch, 1_000, 100 * LMR)]);
        let lie = world.figures(epoch, vec![leaf(&node, epoch, 9_000, 900 * LMR)]);
        let reward = world.lmr_account(&keypair("reporter", 0).pubkey());
        Self {
            signers: oracles(&world),
            world,
            truth,
            lie,
            reward,
        }
    }

    fn set(&self) -> OracleSet {
        self.world.read(&bandwidth::ORACLE_SET)
    }

    /// Has these oracles sign the truth on chain.
    fn attest(&mut self, signers: &[usize]) {
        let keys: Vec<&Keypair> = signers.iter().map(|index| &self.signers[*index]).collect();
        let submission = self.world.submission(&self.truth, &keys);
        self.world.must(&submission, &[]);
    }

    fn report(&self, liar: usize) -> [solana_instruction::Instruction; 3] {
        self.world
            .report(&self.signers[liar], [&self.truth, &self.lie], &self.reward)
    }
}

#[test]
fn the_liar_is_jailed_and_loses_its_bond_to_the_reporter_and_the_fire() {
    let mut case = Case::new();
    let before = case.set();
    let supply = case.world.supply();
    let report = case.report(1);
    let jailed: OracleJailed = case.world.must(&report, &[]).event();
    let after = case.set();
    assert_eq!(
        (jailed.index, jailed.reopened, jailed.oracle),
        (1, 0, case.signers[1].pubkey())
    );
    assert_eq!(jailed.reward + jailed.burned, BOND);
    assert_eq!((after.states[1], after.bonds[1]), (member::JAILED, 0));
    assert_eq!(after.until[1], case.truth.epoch + 1);
    assert_eq!(after.set_version, before.set_version + 1);
    assert_eq!(after.bonded, before.bonded - BOND);
    assert_eq!(case.world.balance(&bandwidth::BOND_VAULT), 3 * BOND);
    let reward = slash::REPORTER_SHARE.of(BOND);
    assert_eq!(case.world.balance(&case.reward), reward);
    assert_eq!(case.world.supply(), supply - (BOND - reward));
    assert_eq!(epoch_of(&case.world, case.truth.epoch).signed[1], VOID);
    case.world.refused(&report, &[], BandwidthError::OracleJailed.code());
}

#[test]
fn a_jailed_oracle_counts_nowhere_any_more() {
    let mut case = Case::new();
    let jailed = BandwidthError::OracleJailed.code();
    // It has signed the next epoch's figures already when it is caught.
    let next = case.world.open_epoch();
    let (_, node) = case.world.register("other");
    case.world.commit_bundles(next);
    let figures = case.world.figures(next, vec![leaf(&node, next, 1, LMR)]);
    let signed_before = case.world.submission(&figures, &[&case.signers[1]]);
    case.world.must(&signed_before, &[]);
    let report = case.report(1);
    case.world.must(&report, &[]);

    let own = case.world.submission(&case.truth, &[&case.signers[1]]);
    case.world.refused(&own, &[], jailed);
    let among_others = case
        .world
        .submission(&case.truth, &[&case.signers[0], &case.signers[1], &case.signers[2]]);
    case.world.refused(&among_others, &[], jailed);
    // With its signature there would be three of four in the later epoch; so there are two, and then three others.
    let two = case.world.submission(&figures, &[&case.signers[0], &case.signers[2]]);
    case.world.must(&two, &[]);
    assert_eq!(epoch_of(&case.world, next).state, epoch_state::OPEN);
    let third = case.world.submission(&figures, &[&case.signers[3]]);
    case.world.must(&third, &[]);
    assert_eq!(epoch_of(&case.world, next).signers, 0b1101);

    case.world.pass(DISPUTE_SECONDS);
    let last = case.world.open_epoch();
    assert_eq!(epoch_of(&case.world, last).members, 0b1101);
    let commit = instructions::commit_bundle(&case.signers[1].pubkey(), last, [1; 32], 1);
    case.world
        .refused(&[commit], &[&case.signers[1]], BandwidthError::NotOracle.code());
    // It cannot be bonded anew, withdrawn from, removed, or added again.
    let (owner, key) = (oracle_owner(1), case.signers[1].pubkey());
    let destination = associated_account(&owner.pubkey(), &lumora_interface::rewards::MINT);
    let authority = case.world.authority.insecure_clone();
    let source = case.world.grant(&owner.pubkey(), LMR);
    for (instruction, signer, error) in [
        (
            instructions::deposit_oracle_bond(&owner.pubkey(), &key, &source, 1),
            &owner,
            BandwidthError::OracleInactive,
        ),
        (
            instructions::withdraw_oracle_bond(&owner.pubkey(), &key, &destination),
            &owner,
            BandwidthError::BondEmpty,
        ),
        (
            instructions::remove_oracle(&owner.pubkey(), &key),
            &owner,
            BandwidthError::OracleInactive,
        ),
        (
            instructions::add_oracle(&authority.pubkey(), &key, &owner.pubkey()),
            &authority,
            BandwidthError::OracleKnown,
        ),
    ] {
        case.world.refused(&[instruction], &[signer], error.code());
    }
}

#[test]
fn a_jailed_oracle_cannot_commit_in_the_epoch_it_was_caught_in() {
    let mut world = World::new(4);
    let (_, node) = world.register("node");
    let epoch = world.open_epoch();
    let truth = world.figures(epoch, vec![leaf(&node, epoch, 1, LMR)]);
    let lie = world.figures(epoch, vec![leaf(&node, epoch, 2, 2 * LMR)]);
    let liar = world.oracles[0].insecure_clone();
    // Without a bond there is nothing to pay and no account that could receive it: jailed all the same.
    let report = world.report(&liar, [&truth, &lie], &world.payer.pubkey());
    world.must(&report, &[]);
    let commit = instructions::commit_bundle(&liar.pubkey(), epoch, [1; 32], 1);
    world.refused(&[commit], &[&liar], BandwidthError::OracleJailed.code());
    assert_eq!(
        world.read::<OracleSet>(&bandwidth::ORACLE_SET).states[0],
        member::JAILED
    );
}

#[test]
fn an_epoch_that_loses_its_quorum_in_the_dispute_window_is_reopened() {
    let mut case = Case::new();
    let before = case.set();
    case.attest(&[0, 1, 2]);
    case.world.pass(DISPUTE_SECONDS - 1);
    let report = case.report(1);
    let sent = case.world.must(&report, &[]);
    let reopened: EpochReopened = sent.event();
    assert_eq!((reopened.signers, reopened.root), (0b0101, case.truth.tree.root()));
    assert_eq!(sent.event::<OracleJailed>().reopened, 1);
    let epoch = epoch_of(&case.world, case.truth.epoch);
    assert_eq!((epoch.state, epoch.signers, epoch.bundles), (epoch_state::OPEN, 0, 0));
    assert_eq!((epoch.root, epoch.leaf_count), ([0; 32], 0));
    assert_eq!(
        (epoch.total_contribution, epoch.epoch_reward, epoch.cumulative_reward),
        (0, 0, 0)
    );
    assert_eq!((epoch.attested_at, epoch.final_at), (0, 0));
    let after = case.set();
    assert_eq!(
        (
            after.attestable_from,
            after.cumulative_reward,
            after.cumulative_contribution
        ),
        (
            before.attestable_from,
            before.cumulative_reward,
            before.cumulative_contribution
        )
    );
    assert!(after.final_at <= case.world.now());
    // Nothing of it can be proven.
    case.world.pass(DISPUTE_SECONDS);
    let proof = case.world.proof(&case.truth, 0);
    case.world.refused(&[proof], &[], BandwidthError::NotFinal.code());

    // What the honest ones signed still stands: one more completes the quorum.
    case.attest(&[3]);
    let epoch = epoch_of(&case.world, case.truth.epoch);
    assert_eq!((epoch.state, epoch.signers), (epoch_state::ATTESTED, 0b1101));
    assert_eq!(case.set().cumulative_reward, 100 * LMR);
    case.world.pass(DISPUTE_SECONDS);
    case.world.prove(&case.truth, 0);
}

#[test]
fn a_reopened_epoch_brings_back_what_was_skipped_for_it() {
    let mut case = Case::new();
    // The first epoch is not attested in time, the second is, and loses its quorum.
    let (_, node) = case.world.register("other");
    let second = case.world.open_epoch();
    case.world.commit_bundles(second);
    let [truth, lie] = [10, 20].map(|reward| case.world.figures(second, vec![leaf(&node, second, 1, reward * LMR)]));
    let quorum: Vec<&Keypair> = case.signers[..3].iter().collect();
    let submission = case.world.submission(&truth, &quorum);
    case.world.must(&submission, &[]);
    assert_eq!(case.set().attestable_from, second + 1);
    let report = case.world.report(&case.signers[1], [&truth, &lie], &case.reward);
    case.world.must(&report, &[]);
    assert_eq!((case.set().attestable_from, case.set().cumulative_reward), (0, 0));
    case.attest(&[0, 2, 3]);
    assert_eq!(epoch_of(&case.world, case.truth.epoch).state, epoch_state::ATTESTED);
}

#[test]
fn an_epoch_with_signers_to_spare_stays_attested() {
    let mut case = Case::new();
    case.attest(&[0, 1, 2, 3]);
    let report = case.report(1);
    case.world.must(&report, &[]);
    let epoch = epoch_of(&case.world, case.truth.epoch);
    assert_eq!((epoch.state, epoch.signers), (epoch_state::ATTESTED, 0b1101));
    // The second takes the quorum away.
    let report = case.report(2);
    case.world.must(&report, &[]);
    assert_eq!(epoch_of(&case.world, case.truth.epoch).state, epoch_state::OPEN);
}

#[test]
fn a_final_epoch_is_final_whoever_is_caught_later() {
    let mut case = Case::new();
    case.attest(&[0, 1, 2]);
    case.world.pass(DISPUTE_SECONDS);
    let report = case.report(1);
    case.world.must(&report, &[]);
    let epoch = epoch_of(&case.world, case.truth.epoch);
    assert_eq!((epoch.state, epoch.signers), (epoch_state::ATTESTED, 0b0111));
    assert_eq!(case.set().cumulative_reward, 100 * LMR);
    assert_eq!(case.set().states[1], member::JAILED);
    case.world.prove(&case.truth, 0);
}

#[test]
fn who_is_silent_on_chain_but_signed_twice_costs_the_epoch_nothing() {
    let mut case = Case::new();
    case.attest(&[0, 1, 2]);
    let report = case.report(3);
    case.world.must(&report, &[]);
    let epoch = epoch_of(&case.world, case.truth.epoch);
    assert_eq!((epoch.state, epoch.signers), (epoch_state::ATTESTED, 0b0111));
}

#[test]
fn nothing_is_attested_upon_an_epoch_that_may_be_reopened() {
    let mut case = Case::new();
    let (_, node) = case.world.register("other");
    let next = case.world.open_epoch();
    case.world.commit_bundles(next);
    case.attest(&[0, 1, 2]);
    let figures = case.world.figures(next, vec![leaf(&node, next, 1, 101 * LMR)]);
    let submission = case
        .world
        .submission(&figures, &case.signers.iter().collect::<Vec<_>>());
    let early = BandwidthError::PredecessorDisputable.code();
    case.world.refused(&submission, &[], early);
    case.world.pass(DISPUTE_SECONDS - 1);
    case.world.refused(&submission, &[], early);
    case.world.pass(1);
    case.world.must(&submission, &[]);
}

#[test]
fn who_has_resigned_can_be_reported_while_its_bond_is_there() {
    let mut case = Case::new();
    let (owner, key) = (oracle_owner(1), case.signers[1].pubkey());
    let resign = instructions::remove_oracle(&owner.pubkey(), &key);
    case.world.must(&[resign], &[&owner]);
    case.world.pass(ORACLES.unbonding_seconds - 1);
    let report = case.report(1);
    case.world.must(&report, &[]);
    assert_eq!((case.set().bonds[1], case.set().states[1]), (0, member::JAILED));
    case.world.pass(1);
    let destination = associated_account(&owner.pubkey(), &lumora_interface::rewards::MINT);
    let withdraw = instructions::withdraw_oracle_bond(&owner.pubkey(), &key, &destination);
    case.world
        .refused(&[withdraw], &[&owner], BandwidthError::BondEmpty.code());
}

#[test]
fn signatures_that_have_expired_prove_the_offence_still() {
    let mut case = Case::new();
    let report = case.report(1);
    case.world.pass(10_000);
    case.world.must(&report, &[]);
    assert_eq!(case.set().states[1], member::JAILED);
}

#[test]
fn the_same_figures_signed_twice_are_no_offence() {
    let mut case = Case::new();
    let mut later = case.world.figures(case.truth.epoch, case.truth.leaves.clone());
    later.arguments.expires_at += 1_000;
    assert_ne!(case.world.digest(&later), case.world.digest(&case.truth));
    for second in [&later, &case.truth] {
        let report = case.world.report(&case.signers[1], [&case.truth, second], &case.reward);
        case.world.refused(&report, &[], BandwidthError::ContentsEqual.code());
    }
}

#[test]
fn the_two_signatures_must_be_one_each_of_one_oracle_in_their_place() {
    let mut case = Case::new();
    let [first, second, report] = case.report(1);
    let (truth, lie) = (case.world.digest(&case.truth), case.world.digest(&case.lie));
    let differ = BandwidthError::SignersDiffer;
    let missing = BandwidthError::SignaturesMissing;
    let wrong_message = BandwidthError::SignatureMessage;
    let of = |keys: &[&Keypair], digest| signed_by(keys, digest);
    let (liar, other) = (&case.signers[1], &case.signers[2]);
    let attempts = [
        // Two different oracles.
        (vec![first.clone(), of(&[other], &lie), report.clone()], differ),
        // Several in one, among which one could be picked.
        (vec![of(&[liar, other], &truth), second.clone(), report.clone()], differ),
        (vec![first.clone(), of(&[other, liar], &lie), report.clone()], differ),
        (vec![of(&[liar, liar], &truth), second.clone(), report.clone()], differ),
        // Only one, none, or in the wrong order.
        (vec![first.clone(), report.clone()], missing),
        (vec![report.clone()], missing),
        (vec![second.clone(), first.clone(), report.clone()], wrong_message),
        // One statement twice, though the arguments name two.
        (vec![first.clone(), first.clone(), report.clone()], wrong_message),
    ];
    for (instructions, error) in attempts {
        case.world.refused(&instructions, &[], error.code());
    }
    // Figures that nobody signed.
    let mut bent = [case.truth.arguments, case.lie.arguments];
    bent[1].leaf_count += 1;
    let report = instructions::report_equivocation(case.truth.epoch, &case.reward, [&bent[0], &bent[1]]);
    case.world.refused(&[first, second, report], &[], wrong_message.code());
}

#[test]
fn a_report_must_be_about_a_member_of_the_epoch() {
    let mut case = Case::new();
    case.world.add_oracle(4);
    let strangers = [keypair("oracle", 77), case.world.oracles[4].insecure_clone()];
    for stranger in &strangers {
        let report = case.world.report(stranger, [&case.truth, &case.lie], &case.reward);
        case.world.refused(&report, &[], BandwidthError::SignerNotOracle.code());
    }
    // Nor are two statements about two epochs an offence: each epoch makes another message of the same figures.
    let next = case.world.open_epoch();
    let mut report = case.report(1);
    report[2].accounts[2].pubkey = bandwidth::epoch_address(next).0;
    case.world
        .refused(&report, &[], BandwidthError::SignatureMessage.code());
}

#[test]
fn what_is_taken_goes_to_no_account_but_the_right_ones() {
    let mut case = Case::new();
    let foreign_mint = case.world.foreign_mint(&case.world.payer.pubkey());
    let somebodys = case.world.lmr_account(&keypair("somebody", 0).pubkey());
    for (position, wrong, error) in [
        (3, foreign_mint, BandwidthError::WrongMint),
        (4, somebodys, BandwidthError::WrongVault),
        (5, foreign_mint, BandwidthError::WrongTokenAccount),
        (5, case.world.payer.pubkey(), BandwidthError::WrongTokenAccount),
    ] {
        let mut report = case.report(1);
        report[2].accounts[position].pubkey = wrong;
        case.world.refused(&report, &[], error.code());
    }
    // The vault as the reporter's account: the reward would stay in it and be owed to nobody. The framework takes no account
    // for two that are written, which is its ConstraintDuplicateMutableAccount.
    let mut doubled = case.report(1);
    doubled[2].accounts[5].pubkey = bandwidth::BOND_VAULT;
    case.world.refused_with(&doubled, &[], "Custom(2040)");
    let mut forged = case.report(1);
    forged[2].accounts[6].pubkey = instructions::SLOT_HASHES_SYSVAR;
    case.world.refused_with(&forged, &[], "InvalidArgument");
}
