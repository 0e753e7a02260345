//! What an adaptation of the ranking means for claims: new ones follow it at once, and those that were made stand.

use lumora_core::{
    geo::chord_distance,
    score::{Figures, score},
    units::{Bps, Kbps, Micros},
};
use lumora_interface::{
    bandwidth::Attestation,
    registry::{self, Network, Node},
    tasks::TasksError,
};
use lumora_tests::jobs::{Board, Executor, Finding, terms, with_replicas};

use super::{FAR, HERE};

/// The score of a node for the board's job, under the ranking that holds now.
fn score_of(board: &Board, executor: &Executor) -> u16 {
    let network: Network = board.world.read(&registry::NETWORK);
    let node: Node = board.world.read(&executor.node);
    let address = lumora_interface::bandwidth::attestation_address(&executor.node).0;
    let attestation: Attestation = board.world.read(&address);
    let figures = Figures {
        attested: Kbps(attestation.down_kbps),
        limit: Kbps(node.limit_kbps),
        distance: chord_distance(node.unit_vector(), board.read_job().target_vector()),
        rtt: Micros(attestation.rtt_us),
        reputation: Bps(attestation.reputation_bps),
    };
    score(&network.scoring(), &figures).0
}

#[test]
fn claims_follow_the_ranking_of_their_slot_and_what_was_claimed_before_goes_on() {
    let mut board = Board::with_oracles(4);
    let (near, far) = (board.executor("near", HERE), board.executor("far", FAR));
    let epoch = board.world.attest_one(&near.node);
    let terms = with_replicas(2, terms(&board.world));
    board.create(1, terms).expect("the job is created");
    let opened = board.read_job().opened_at;
    let before = score_of(&board, &far);

    // One has claimed, and a claim of the other is on its way, when the ranking changes.
    board.world.pass(15);
    let claim = board.claim_instruction(&near, 0, 0);
    board.world.must(&[claim], &[&near.operator]);
    let claimed = board.assignment(0, 0).expect("it was claimed");
    let under_way = board.claim_instruction(&far, 0, 1);
    board.world.adapt(epoch, [3_800, 3_200, 1_000, 2_000], 66);
    let after = score_of(&board, &far);
    assert!(after < before, "nearness counts more: {before} to {after}");

    // In time by the ranking of before, and a moment too early by that of now: nothing is lost, it is sent again.
    let wait = |score: u16, longest: i64| (longest * i64::from(10_000 - score)).div_euclid(10_000);
    let (old, new) = (opened + wait(before, 60) + 2, opened + wait(after, 66));
    assert!(old < new, "{old} {new}");
    board.world.pass(old - board.world.now());
    board.world.refused(
        std::slice::from_ref(&under_way),
        &[&far.operator],
        TasksError::TooEarly.code(),
    );
    board.world.pass(new + 2 - board.world.now());
    board.world.must(&[under_way], &[&far.operator]);
    let later = board.assignment(0, 1).expect("it was claimed");
    assert_eq!((later.score, later.claimed_at), (after, new + 2));

    // What was claimed before keeps its score and its deadline, and is paid as if nothing had happened.
    assert_eq!(board.assignment(0, 0), Some(claimed));
    let findings = [Finding::new(0b1, 1), Finding::new(0b11, 2)];
    for (replica, (executor, finding)) in [&near, &far].into_iter().zip(&findings).enumerate() {
        board.commit(executor, 0, replica as u8, finding);
    }
    for (replica, (executor, finding)) in [&near, &far].into_iter().zip(&findings).enumerate() {
        board.reveal(executor, 0, replica as u8, finding);
    }
    let settle = board.settle_instruction(0, &[(0, &near), (1, &far)]);
    board.world.must(&[settle], &[]);
    assert!(board.state(0).is_settled());
    for executor in [&near, &far] {
        assert_eq!(board.record_of_work(executor).completed, 1);
    }
}
