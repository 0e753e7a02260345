//! Results that nobody else made: a quorum of oracles may reject them while they can be challenged.

use lumora_core::{quorum, reason::Reason, verdict::Verdict};
use lumora_interface::{
    bandwidth::{self, OracleSet, signatures},
    tasks::{self, ResultRejected, ShardState, TasksError},
};
use lumora_tasks::instructions::RejectResultArguments;
use lumora_tests::{
    jobs::{self, Board, CHALLENGE, Executor, Finding},
    oracles::signed_by,
    world::keypair,
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{HERE, logged};

/// A shard of one replica whose result is shown.
struct Case {
    board: Board,
    executor: Executor,
    finding: Finding,
}

impl Case {
    fn new(oracles: usize) -> Self {
        let mut board = Board::with_oracles(oracles);
        board.replicas = 1;
        let terms = jobs::with_replicas(1, jobs::terms(&board.world));
        board.create(1, terms).unwrap();
        let executor = board.executor("a", HERE);
        let finding = Finding::new(7, 1);
        board.work(0, &[(&executor, finding)]);
        Self {
            board,
            executor,
            finding,
        }
    }

    fn assignment(&self) -> Address {
        tasks::assignment_address(&self.board.job, 0, 0).0
    }

    fn verdict(&self) -> Verdict {
        let set: OracleSet = self.board.world.read(&bandwidth::ORACLE_SET);
        Verdict {
            network_id: self.board.world.network_id,
            program: tasks::ID.to_bytes(),
            job: self.board.job.to_bytes(),
            shard: 0,
            replica: 0,
            node: self.executor.node.to_bytes(),
            result_root: self.finding.root,
            reason: Reason::SampleDiffers as u8,
            set_version: set.set_version,
            expires_at: self.board.world.now() + 600,
        }
    }

    fn oracles(&self, seats: &[usize]) -> Vec<Keypair> {
        seats
            .iter()
            .map(|seat| self.board.world.oracles[*seat].insecure_clone())
            .collect()
    }

    /// The instruction alone; `rent_payer` brought the first signatures.
    fn reject(&self, verdict: &Verdict, rent_payer: &Address) -> Instruction {
        let arguments = RejectResultArguments {
            digest: verdict.digest(),
            reason: verdict.reason,
            set_version: verdict.set_version,
            expires_at: verdict.expires_at,
        };
        jobs::reject_result(
            &self.board.world.payer.pubkey(),
            &self.assignment(),
            &self.board.job,
            &self.executor.node,
            rent_payer,
            arguments,
        )
    }

    /// Signatures of these seats and the instruction.
    fn submission(&self, verdict: &Verdict, seats: &[usize]) -> [Instruction; 2] {
        let keys = self.oracles(seats);
        let keys: Vec<&Keypair> = keys.iter().collect();
        let payer = self.board.world.payer.pubkey();
        [signed_by(&keys, &verdict.digest()), self.reject(verdict, &payer)]
    }

    fn refused(&mut self, instructions: &[Instruction], error: TasksError) {
        self.board.world.refused(instructions, &[], error.code());
    }
}

#[test]
fn a_result_is_paid_when_its_time_to_be_challenged_is_over() {
    let mut case = Case::new(0);
    let settle = case.board.settle_among(0, &[&case.executor]);
    case.refused(std::slice::from_ref(&settle), TasksError::ChallengeOpen);
    case.board.world.pass(CHALLENGE - 1);
    case.refused(std::slice::from_ref(&settle), TasksError::ChallengeOpen);
    case.board.world.pass(1);
    case.board.world.must(&[settle], &[]);
    assert_eq!(case.board.state(0), ShardState::settled(1));
}

#[test]
fn a_quorum_rejects_a_result_over_several_transactions() {
    let mut case = Case::new(7);
    let verdict = case.verdict();
    assert_eq!(quorum::required(7), 5);
    let count = tasks::verdict_address(&verdict.digest()).0;
    for seats in [&[0, 1][..], &[2], &[3]] {
        let submission = case.submission(&verdict, seats);
        case.board.world.must(&submission, &[]);
    }
    let twice = case.submission(&verdict, &[3]);
    case.refused(&twice, TasksError::SignerTwice);
    assert_eq!(case.board.state(0), ShardState(1), "four of seven are not enough");
    let payer = case.board.world.payer.pubkey();
    let open = jobs::close_verdict(&verdict.digest(), &case.assignment(), &payer);
    case.refused(&[open], TasksError::VerdictOpen);

    let last = case.submission(&verdict, &[6]);
    let event: ResultRejected = logged(&case.board.world.must(&last, &[]));
    assert_eq!(
        (event.reason, event.signers, event.node, event.result_root),
        (
            Reason::SampleDiffers as u8,
            0b100_1111,
            case.executor.node,
            case.finding.root
        )
    );
    assert!(super::gone(&case.board, &count), "its rent went back");
    assert_eq!(case.board.state(0), ShardState(0), "another node may take it");
    let assignment = case.board.assignment(0, 0).unwrap();
    assert_eq!(
        (assignment.state, assignment.reason),
        (tasks::assignment_state::REJECTED, Reason::SampleDiffers as u8)
    );
    assert_eq!(case.board.record_of_work(&case.executor).failed, 1);

    // The next one is judged by a word that the first had not shown.
    let reporter = case.board.world.lmr_account(&keypair("reporter", 0).pubkey());
    case.board.slash(&case.executor, 0, 0, &reporter);
    let b = case.board.executor("b", HERE);
    case.board.claim(&b, 0, 0);
    let finding = Finding::new(1, 2);
    case.board.commit(&b, 0, 0, &finding);
    case.board.reveal(&b, 0, 0, &finding);
    let settle = case.board.settle_among(0, &[&b]);
    case.board.world.pass(CHALLENGE);
    case.refused(std::slice::from_ref(&settle), TasksError::NotSettleable);
    case.board.reveal(&b, 0, 0, &finding);
    case.board.world.pass(CHALLENGE);
    case.board.world.must(&[settle], &[]);
}

#[test]
fn a_minority_cannot_stand_in_the_way_of_a_verdict() {
    let mut case = Case::new(4);
    let mut other = case.verdict();
    other.reason = Reason::PagesMissing as u8;
    let first = case.submission(&other, &[0]);
    case.board.world.must(&first, &[]);
    // The same oracle may sign another verdict as well: there is only one result to reject.
    let verdict = case.verdict();
    let submission = case.submission(&verdict, &[0, 1, 2]);
    case.board.world.must(&submission, &[]);
    assert_eq!(case.board.state(0), ShardState(0));

    // What is left of the other one is closed by anybody, for whoever paid for it.
    let payer = case.board.world.payer.pubkey();
    let stranger = case.board.world.wallet("stranger").pubkey();
    let foreign = jobs::close_verdict(&other.digest(), &case.assignment(), &stranger);
    case.refused(&[foreign], TasksError::WrongRentPayer);
    let elsewhere = jobs::close_verdict(&other.digest(), &case.board.job, &payer);
    case.refused(&[elsewhere], TasksError::WrongVerdict);
    let close = jobs::close_verdict(&other.digest(), &case.assignment(), &payer);
    case.board.world.must(&[close], &[]);
    assert!(super::gone(&case.board, &tasks::verdict_address(&other.digest()).0));
}

#[test]
fn the_account_of_a_verdict_is_closed_when_its_signatures_have_expired() {
    let mut case = Case::new(4);
    let mut verdict = case.verdict();
    verdict.expires_at = case.board.world.now() + 50;
    let submission = case.submission(&verdict, &[0]);
    case.board.world.must(&submission, &[]);
    let payer = case.board.world.payer.pubkey();
    let close = jobs::close_verdict(&verdict.digest(), &case.assignment(), &payer);
    case.board.world.pass(50);
    case.refused(std::slice::from_ref(&close), TasksError::VerdictOpen);
    case.board.world.pass(1);
    let late = case.submission(&verdict, &[1, 2]);
    case.refused(&late, TasksError::VerdictExpired);
    case.board.world.must(&[close], &[]);
}

#[test]
fn every_part_of_a_verdict_is_checked() {
    let mut case = Case::new(4);
    let good = case.verdict();
    let submit = |case: &Case, verdict: &Verdict| case.submission(verdict, &[0, 1, 2]);

    let wrong = [
        Verdict {
            network_id: [0; 32],
            ..good
        },
        Verdict {
            program: [0; 32],
            ..good
        },
        Verdict { job: [0; 32], ..good },
        Verdict { shard: 1, ..good },
        Verdict { replica: 1, ..good },
        Verdict { node: [0; 32], ..good },
        Verdict {
            result_root: [0; 32],
            ..good
        },
    ];
    for verdict in wrong {
        let submission = submit(&case, &verdict);
        case.refused(&submission, TasksError::WrongVerdict);
    }
    let cases = [
        (
            Verdict {
                reason: Reason::NoMeasurement as u8,
                ..good
            },
            TasksError::ReasonUnknown,
        ),
        (Verdict { reason: 200, ..good }, TasksError::ReasonUnknown),
        (
            Verdict {
                set_version: good.set_version + 1,
                ..good
            },
            TasksError::OracleSetChanged,
        ),
        (
            Verdict {
                expires_at: case.board.world.now() - 1,
                ..good
            },
            TasksError::VerdictExpired,
        ),
    ];
    for (verdict, error) in cases {
        let submission = submit(&case, &verdict);
        case.refused(&submission, error);
    }

    let [signed, reject] = submit(&case, &good);
    case.refused(std::slice::from_ref(&reject), TasksError::SignaturesMissing);
    let between = jobs::cancel_job(&case.board.client.pubkey(), &case.board.job);
    let client = case.board.client.insecure_clone();
    case.board.world.refused(
        &[signed.clone(), between, reject.clone()],
        &[&client],
        TasksError::SignaturesMissing.code(),
    );
    let mut long = signed.clone();
    long.data.push(0);
    case.refused(&[long, reject.clone()], TasksError::SignatureLayout);
    let keys = case.oracles(&[0, 1, 2]);
    let keys: Vec<&Keypair> = keys.iter().collect();
    case.refused(
        &[signed_by(&keys, &[9; 32]), reject.clone()],
        TasksError::SignatureMessage,
    );
    let stranger = keypair("stranger", 0);
    case.refused(
        &[signed_by(&[&stranger], &good.digest()), reject.clone()],
        TasksError::SignerNotOracle,
    );
    case.refused(
        &[signed_by(&[keys[0], keys[0]], &good.digest()), reject.clone()],
        TasksError::SignerTwice,
    );

    // The first to bring signatures pays, and names itself.
    let foreign = case.reject(&good, &stranger.pubkey());
    case.refused(&[signed.clone(), foreign], TasksError::WrongRentPayer);
    let replaced = |index: usize, address| {
        let mut instruction = reject.clone();
        instruction.accounts[index].pubkey = address;
        instruction
    };
    let b = case.board.executor("b", HERE);
    let set = case.board.world.svm.get_account(&bandwidth::ORACLE_SET).unwrap();
    let forged = keypair("forged set", 0).pubkey();
    case.board.world.svm.set_account(forged, set).unwrap();
    case.refused(&[signed.clone(), replaced(1, forged)], TasksError::WrongOracleSet);
    let other_job = super::second_job(&mut case.board);
    case.refused(&[signed.clone(), replaced(2, other_job)], TasksError::WrongJob);
    let work = case
        .board
        .world
        .read::<tasks::Work>(&tasks::work_address(&case.executor.node).0);
    let other_work = tasks::work_address(&b.node).0;
    case.board
        .write(other_work, tasks::ID, &tasks::Work { node: b.node, ..work });
    case.refused(&[signed.clone(), replaced(4, other_work)], TasksError::WrongWork);
    assert_eq!(signed.program_id, signatures::PROGRAM);

    // Once the time to challenge is over, nobody may.
    case.board.world.pass(CHALLENGE);
    case.refused(&[signed, reject], TasksError::NotChallengeable);
}

#[test]
fn signatures_of_a_former_set_do_not_count() {
    let mut case = Case::new(3);
    let verdict = case.verdict();
    let submission = case.submission(&verdict, &[0, 1]);
    case.board.world.must(&submission, &[]);
    case.board.world.add_oracle(3);
    let last = case.submission(&verdict, &[2]);
    case.refused(&last, TasksError::OracleSetChanged);
}

#[test]
fn results_with_siblings_are_none_of_the_oracles_business() {
    let mut board = Board::with_oracles(3);
    let terms = jobs::terms(&board.world);
    board.create(1, terms).unwrap();
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    let finding = Finding::new(7, 1);
    board.work(0, &[(&a, finding), (&b, finding)]);
    let mut case = Case {
        board,
        executor: a,
        finding,
    };
    let verdict = case.verdict();
    let submission = case.submission(&verdict, &[0, 1, 2]);
    case.refused(&submission, TasksError::NotChallengeable);
}
