//! Shards whose results do not agree, or whose nodes leave after something was shown: one more node, one more word.

use lumora_core::result::WORDS;
use lumora_interface::tasks::{self, ShardClaimed, ShardSettled, ShardState, TasksError};
use lumora_tests::{
    jobs::{self, Board, Executor, Finding, PRICE, WINDOW},
    world::{LMR, keypair},
};
use solana_signer::Signer;

use super::{HERE, logged, recorded};

const LOW: u64 = 0;
const HIGH: u64 = u64::MAX;
/// Far from both.
const GUESS: u64 = 0x5555_5555_5555_5555;

/// Two nodes that have shown their first words, which do not agree.
fn torn(max_replicas: u8) -> (Board, [Executor; 2], [Finding; 2]) {
    let mut board = Board::growing(1, 2, max_replicas);
    let team = ["a", "b"].map(|name| board.executor(name, HERE));
    let findings = [Finding::new(LOW, 1), Finding::new(HIGH, 2)];
    board.work(0, &[(&team[0], findings[0]), (&team[1], findings[1])]);
    (board, team, findings)
}

fn reporter(board: &mut Board) -> solana_address::Address {
    board.world.lmr_account(&keypair("reporter", 0).pubkey())
}

#[test]
fn a_third_node_decides_and_whoever_agrees_with_it_is_paid() {
    let (mut board, [a, b], [of_a, of_b]) = torn(3);
    assert_eq!(board.escrow(), 3 * PRICE, "the escrow covers the third");
    let settle = board.settle_instruction(0, &[(0, &a), (1, &b)]);
    board.world.refused(&[settle], &[], TasksError::NotSettleable.code());
    let c = board.executor("c", HERE);

    // Its waiting time counts from the last reveal, not from when the job was opened.
    let early = board.claim_instruction(&c, 0, 2);
    board
        .world
        .refused(&[early], &[&c.operator], TasksError::TooEarly.code());
    let too_high = board.claim_instruction(&c, 0, 3);
    board
        .world
        .refused(&[too_high], &[&c.operator], TasksError::ReplicaOutOfRange.code());
    let claimed: ShardClaimed = logged(&board.claim(&c, 0, 2));
    assert_eq!((claimed.replica, claimed.joined), (2, 1));

    // The second words wait for its commitment.
    let early = board.reveal_instruction(&a, 0, 0, &of_a);
    board
        .world
        .refused(&[early], &[&a.operator], TasksError::OthersNotCommitted.code());
    let of_c = Finding::of_words([HIGH, 0b11, LOW, LOW], 3);
    board.commit(&c, 0, 2, &of_c);
    for (executor, replica, finding) in [(&a, 0, &of_a), (&b, 1, &of_b), (&c, 2, &of_c), (&c, 2, &of_c)] {
        board.reveal(executor, 0, replica, finding);
    }
    let settle = board.settle_among(0, &[&a, &b, &c]);
    let settled: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    // By the first words b and c would agree; they do not count any more.
    assert_eq!((settled.winners, settled.losers), (0b101, 0b010));
    assert_eq!(board.state(0), ShardState::settled(0b101));
}

#[test]
fn an_extra_node_that_copies_what_was_shown_is_rejected() {
    let (mut board, [a, b], [of_a, of_b]) = torn(3);
    let c = board.executor("c", HERE);
    board.claim(&c, 0, 2);
    // It repeats all that a has shown: root, count, first word. The further words it has to guess.
    let guess = Finding {
        root: of_a.root,
        ..Finding::of_words([LOW, GUESS, GUESS, GUESS], 3)
    };
    board.commit(&c, 0, 2, &guess);
    for (executor, replica, finding) in [(&a, 0, &of_a), (&b, 1, &of_b), (&c, 2, &guess), (&c, 2, &guess)] {
        board.reveal(executor, 0, replica, finding);
    }
    // Three results, no two alike: nobody won by copying, and the client gets everything back.
    let settle = board.settle_among(0, &[&a, &b, &c]);
    let settled: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    assert_eq!((settled.winners, settled.losers), (0, 0));
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    board.world.must(&[close], &[]);
}

#[test]
fn the_honest_ones_win_in_the_end_and_a_copier_among_five_loses_a_part_of_its_bond() {
    let (mut board, [a, b], [of_a, of_b]) = torn(5);
    let [c, d, e] = ["c", "d", "e"].map(|name| board.executor(name, HERE));
    let guess = Finding {
        root: of_a.root,
        ..Finding::of_words([LOW, GUESS, GUESS, GUESS], 3)
    };
    let mut seated = vec![(&a, of_a), (&b, of_b)];
    for (executor, finding) in [(&c, guess), (&d, Finding::new(LOW, 4)), (&e, Finding::new(0b1, 5))] {
        let replica = seated.len() as u8;
        board.claim(executor, 0, replica);
        board.commit(executor, 0, replica, &finding);
        seated.push((executor, finding));
        for (replica, (executor, finding)) in (0u8..).zip(&seated) {
            // Whoever came last shows all words at once, the others one more.
            while board.assignment(0, replica).unwrap().shown < seated.len() as u8 - 1 {
                board.reveal(executor, 0, replica, finding);
            }
        }
    }
    let settle = board.settle_among(0, &[&a, &b, &c, &d, &e]);
    let settled: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    assert_eq!((settled.winners, settled.losers), (0b11001, 0b00110));
    let reporter = reporter(&mut board);
    for (executor, replica) in [(&b, 1), (&c, 2)] {
        board.slash(executor, 0, replica, &reporter);
    }
    assert_eq!(board.world.balance(&reporter), 2 * LMR / 100);
}

#[test]
fn a_sibling_that_never_shows_the_second_word_is_expired_and_both_honest_ones_win_with_the_third() {
    let (mut board, [a, b], [of_a, _]) = torn(3);
    let c = board.executor("c", HERE);
    board.claim(&c, 0, 2);
    let of_c = Finding::of_words([LOW; WORDS], 3);
    board.commit(&c, 0, 2, &of_c);
    board.reveal(&a, 0, 0, &of_a);
    board.reveal(&c, 0, 2, &of_c);
    board.reveal(&c, 0, 2, &of_c);

    let expire = board.expire_instruction(&b, 0, 1);
    board
        .world
        .refused(std::slice::from_ref(&expire), &[], TasksError::NotExpired.code());
    board.world.pass(WINDOW + 1);
    // Those who have shown all that is due have no deadline.
    let done = board.expire_instruction(&a, 0, 0);
    board.world.refused(&[done], &[], TasksError::NotExpired.code());
    board.world.must(&[expire], &[]);
    let reporter = reporter(&mut board);
    board.slash(&b, 0, 1, &reporter);

    // Who takes its place has seen two words, and is judged by the third.
    let d = board.executor("d", HERE);
    let claimed: ShardClaimed = logged(&board.claim(&d, 0, 1));
    assert_eq!(claimed.joined, 2);
    let of_d = Finding::of_words([HIGH, LOW, HIGH, LOW], 4);
    board.commit(&d, 0, 1, &of_d);
    board.reveal(&a, 0, 0, &of_a);
    board.reveal(&c, 0, 2, &of_c);
    for _ in 0..3 {
        board.reveal(&d, 0, 1, &of_d);
    }
    let settle = board.settle_among(0, &[&a, &c, &d]);
    let settled: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    assert_eq!((settled.winners, settled.losers), (0b101, 0b010));
}

#[test]
fn an_extra_replica_opens_only_while_all_results_are_shown_and_none_agree() {
    let mut board = Board::growing(1, 2, 3);
    let [a, b, c] = ["a", "b", "c"].map(|name| board.executor(name, HERE));
    board.claim(&a, 0, 0);
    board.claim(&b, 0, 1);
    let third = |board: &mut Board| {
        let claim = board.claim_instruction(&c, 0, 2);
        board
            .world
            .refused(&[claim], &[&c.operator], TasksError::ReplicaOutOfRange.code());
    };
    third(&mut board);
    let finding = Finding::new(LOW, 1);
    board.commit(&a, 0, 0, &finding);
    board.commit(&b, 0, 1, &finding);
    third(&mut board);
    board.reveal(&a, 0, 0, &finding);
    third(&mut board);
    board.reveal(&b, 0, 1, &finding);
    // They agree: nobody else is needed.
    third(&mut board);
    let settle = board.settle_among(0, &[&a, &b]);
    board.world.must(&[settle], &[]);
}

#[test]
fn an_owner_of_a_node_in_the_shard_cannot_decide_it_with_another() {
    let (mut board, [a, _], _) = torn(3);
    let c = board.executor("c", HERE);
    let owner = a.owner.pubkey();
    super::with_node(&mut board, &c, |node| node.owner = owner);
    let claim = board.claim_instruction(&c, 0, 2);
    board
        .world
        .refused(&[claim], &[&c.operator], TasksError::OwnerHoldsReplica.code());
}

#[test]
fn no_extra_node_comes_after_the_deadline_and_the_client_is_refunded() {
    let (mut board, [a, b], _) = torn(5);
    let deadline = board.read_job().deadline;
    board.world.pass(deadline - board.world.now());
    let c = board.executor("c", HERE);
    let claim = board.claim_instruction(&c, 0, 2);
    board
        .world
        .refused(&[claim], &[&c.operator], TasksError::JobClosedForClaims.code());
    // Nothing can change any more: it need not wait until the end.
    let settle = board.settle_among(0, &[&a, &b]);
    let settled: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    assert_eq!((settled.winners, settled.losers), (0, 0));
    assert_eq!(board.record_of_work(&a).failed, 0, "nobody can say who was wrong");
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    board.world.must(&[close], &[]);
}

#[test]
fn words_run_out_when_nodes_keep_leaving_after_something_was_shown() {
    let mut board = Board::new(1, 2);
    let a = board.executor("a", HERE);
    let reporter = reporter(&mut board);
    let finding = Finding::new(LOW, 1);
    board.claim(&a, 0, 0);
    board.commit(&a, 0, 0, &finding);
    for round in 0..WORDS as u8 {
        let silent = board.executor(&format!("silent {round}"), HERE);
        board.claim(&silent, 0, 1);
        board.commit(&silent, 0, 1, &Finding::new(LOW, 9));
        board.reveal(&a, 0, 0, &finding);
        board.world.pass(WINDOW + 1);
        board.expire(&silent, 0, 1);
        board.slash(&silent, 0, 1, &reporter);
        board.world.pass(62);
    }
    let last = board.executor("last", HERE);
    let claim = board.claim_instruction(&last, 0, 1);
    board
        .world
        .refused(&[claim], &[&last.operator], TasksError::WordsUsedUp.code());
    let end = board.read_job().final_at().0 - board.world.now();
    board.world.pass(end);
    let settle = board.settle_among(0, &[&a]);
    board.world.must(&[settle], &[]);
    assert_eq!(board.record_of_work(&a).active, 0);
}

#[test]
fn two_of_three_are_paid_although_the_third_never_came() {
    let mut board = Board::new(1, 3);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    let finding = Finding::new(LOW, 1);
    for (executor, replica) in [(&a, 0), (&b, 1)] {
        board.claim(executor, 0, replica);
        board.commit(executor, 0, replica, &finding);
    }
    let early = board.reveal_instruction(&a, 0, 0, &finding);
    board
        .world
        .refused(&[early], &[&a.operator], TasksError::OthersNotCommitted.code());
    let deadline = board.read_job().deadline;
    board.world.pass(deadline - board.world.now());
    // Nobody can come and copy any more.
    board.reveal(&a, 0, 0, &finding);
    board.reveal(&b, 0, 1, &finding);
    let settle = board.settle_among(0, &[&a, &b]);
    board
        .world
        .refused(std::slice::from_ref(&settle), &[], TasksError::NotSettleable.code());
    board.world.pass(2 * WINDOW);
    let settled: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    assert_eq!(settled.winners, 0b11);
}

#[test]
fn who_let_the_others_wait_is_slashed_in_the_end_and_who_had_to_wait_is_not() {
    let mut board = Board::new(1, 3);
    let [a, b, c] = ["a", "b", "c"].map(|name| board.executor(name, HERE));
    let finding = Finding::new(LOW, 1);
    for (executor, replica) in [(&a, 0), (&b, 1), (&c, 2)] {
        board.claim(executor, 0, replica);
    }
    board.commit(&a, 0, 0, &finding);
    board.commit(&b, 0, 1, &finding);
    let end = board.read_job().final_at().0 - board.world.now();
    board.world.pass(end);
    let settle = board.settle_among(0, &[&a, &b, &c]);
    let settled: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    assert_eq!((settled.winners, settled.losers), (0, 0b100));
    let works = [&a, &b, &c].map(|executor| board.record_of_work(executor));
    assert_eq!(works.map(|work| (work.active, work.expired)), [(0, 0), (0, 0), (1, 1)]);
    let reporter = reporter(&mut board);
    board.slash(&c, 0, 2, &reporter);
    let tomb = jobs::close_assignment(&board.job, 0, 2, &c.operator.pubkey());
    board.world.must(&[tomb], &[]);
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    board.world.must(&[close], &[]);
    assert!(super::gone(&board, &tasks::assignment_address(&board.job, 0, 2).0));
}
