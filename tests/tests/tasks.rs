//! Program `tasks`: who may take a shard and when, agreement on results, and where the escrow goes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use lumora_core::log;
use lumora_interface::{
    Event,
    registry::{self, Network, Node, pause},
    tasks::{
        self, Assignment, AssignmentExpired, Job, JobClosed, JobCreated, ResultRevealed, ShardClaimed, ShardSettled,
        ShardState, TasksError, Work,
    },
};
use lumora_tasks::instructions::CreateJobArguments;
use lumora_tests::{
    Sent, World,
    jobs::{self, Board, Executor, Finding, PRICE, UNIT, WINDOW},
    tokens::associated_account,
    world::{LMR, keypair},
};
use proptest::prelude::*;
use solana_signer::Signer;

const HERE: [i16; 3] = [UNIT, 0, 0];
const FAR: [i16; 3] = [-UNIT, 0, 0];
/// 1 % of the price, rounded in the protocol's favour.
const PAID: u64 = PRICE * 99 / 100;
const FEE: u64 = PRICE - PAID;

fn recorded<T: Event>(sent: &Sent) -> T {
    sent.inner
        .iter()
        .find_map(|data| T::from_event_data(data))
        .expect("the event was recorded")
}

#[test]
fn two_nodes_agree_and_the_escrow_is_conserved() {
    let mut board = Board::new(2, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    let escrowed = 4 * PRICE;
    assert_eq!(board.escrow(), escrowed);
    assert_eq!(board.world.balance(&board.client_tokens), 1_000 * LMR - escrowed);

    let mut head = board.read_job().log_head;
    board.work(0, &[(&a, Finding::new(0b1, 1)), (&b, Finding::new(0b111, 2))]);
    assert_eq!(board.assigned(0), vec![0, 1]);
    let before = [board.world.balance(&a.tokens), board.world.balance(&b.tokens)];
    let head_before_settlement = board.read_job().log_head;
    assert_ne!(head, head_before_settlement);
    let settle = board.settle_instruction(0, &[(0, &a), (1, &b)]);
    let sent = board.world.must(&[settle], &[]);

    assert_eq!(board.world.balance(&a.tokens), before[0] + PAID);
    assert_eq!(board.world.balance(&b.tokens), before[1] + PAID);
    assert_eq!(board.world.balance(&board.treasury), 2 * FEE);
    assert_eq!(board.state(0), ShardState::settled(0b11));
    let event: ShardSettled = recorded(&sent);
    assert_eq!(
        (event.winners, event.paid_each, event.fees, event.result_root),
        (0b11, PAID, 2 * FEE, [1; 32])
    );
    let mut bytes = ShardSettled::DISCRIMINATOR.to_vec();
    bytes.extend_from_slice(bytemuck::bytes_of(&event));
    head = log::extend(&head_before_settlement, &bytes);
    assert_eq!(board.read_job().log_head, head, "the settlement is in the job's log");
    for executor in [&a, &b] {
        let work: Work = board.world.read(&tasks::work_address(&executor.node).0);
        assert_eq!((work.active, work.completed, work.earned), (0, 1, PAID));
    }
    for replica in [0, 1] {
        assert!(gone(&board, &tasks::assignment_address(&board.job, 0, replica).0));
    }

    // The other shard is never taken; when the job has ended, anybody closes it.
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    board
        .world
        .refused(std::slice::from_ref(&close), &[], TasksError::JobNotDone.code());
    let wait = board.read_job().deadline - board.world.now();
    board.world.pass(wait);
    let sent = board.world.must(&[close], &[]);
    let closed: JobClosed = recorded(&sent);
    assert_eq!(closed.escrowed, closed.paid + closed.fees + closed.refunded);
    assert_eq!(
        (closed.paid, closed.fees, closed.refunded),
        (2 * PAID, 2 * FEE, 2 * PRICE)
    );
    assert_eq!(board.world.balance(&board.client_tokens), 1_000 * LMR - 2 * PRICE);
    assert!(gone(&board, &board.job));
}

fn gone(board: &Board, address: &solana_address::Address) -> bool {
    board
        .world
        .svm
        .get_account(address)
        .is_none_or(|account| account.lamports == 0)
}

#[test]
fn all_rent_returns_to_who_paid_it() {
    let mut board = Board::empty();
    let client_before = board.world.svm.get_balance(&board.client.pubkey()).unwrap();
    let arguments = CreateJobArguments {
        replicas: 1,
        ..jobs::terms(&board.world)
    };
    board.replicas = 1;
    board.create(1, arguments).unwrap();
    let a = board.executor("a", HERE);
    board.claim(&a, 0, 0);
    let work_rent = board.world.svm.get_balance(&tasks::work_address(&a.node).0).unwrap();
    let operator_after_claim = board.world.svm.get_balance(&a.operator.pubkey()).unwrap();
    let finding = Finding::new(1, 1);
    board.commit(&a, 0, 0, &finding);
    board.reveal(&a, 0, 0, &finding);
    let settle = board.settle_instruction(0, &[(0, &a)]);
    board.world.must(&[settle], &[]);
    assert!(board.world.svm.get_balance(&a.operator.pubkey()).unwrap() > operator_after_claim);
    assert_eq!(
        board.world.svm.get_balance(&a.operator.pubkey()).unwrap() + work_rent,
        lumora_tests::world::SOL,
        "only the lasting record of work was paid for"
    );
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    board.world.must(&[close], &[]);
    assert_eq!(
        board.world.svm.get_balance(&board.client.pubkey()).unwrap(),
        client_before
    );
}

#[test]
fn the_farther_node_waits_longer_and_cannot_claim_early() {
    let mut board = Board::new(1, 2);
    let (near, far) = (board.executor("near", HERE), board.executor("far", FAR));
    let opened = board.read_job().opened_at;
    let near_claim = jobs::claim_shard(&near, &board.job, 0, 0, &[]);
    let far_claim = jobs::claim_shard(&far, &board.job, 0, 0, &[]);
    // Bandwidth 50 of 100 Mbit/s (weight 0.4), at the target (0.3), 10 of 50 ms (0.1), full reputation (0.2).
    let sent = loop {
        board.world.refused(
            std::slice::from_ref(&far_claim),
            &[&far.operator],
            TasksError::TooEarly.code(),
        );
        match board.world.send(std::slice::from_ref(&near_claim), &[&near.operator]) {
            Ok(sent) => break sent,
            Err(refused) => assert_eq!(refused.code, Some(TasksError::TooEarly.code()), "{}", refused.text),
        }
        board.world.pass(1);
    };
    let waited = board.world.now() - opened;
    let log = sent
        .logs
        .iter()
        .find_map(|line| line.strip_prefix("Program data: "))
        .unwrap();
    let event = ShardClaimed::from_event_data(&decode_base64(log)).unwrap();
    assert_eq!(event.score, 7_833);
    assert_eq!(event.claimable_at, board.world.now());
    assert!(
        (13..=14).contains(&waited),
        "60 s x (1 - 0.7833), and a second of jitter at most: {waited}"
    );

    // The far one scores 0.4 x 0.5 + 0.3 x 1000/13742 + 0.1 x 5/6 + 0.2 and waits accordingly.
    let far_claim = jobs::claim_shard(&far, &board.job, 0, 1, &[0]);
    while let Err(refused) = board.world.send(std::slice::from_ref(&far_claim), &[&far.operator]) {
        assert_eq!(refused.code, Some(TasksError::TooEarly.code()), "{}", refused.text);
        board.world.pass(1);
    }
    let waited = board.world.now() - opened;
    assert!((30..=31).contains(&waited), "{waited}");
    let assignment: Assignment = board.world.read(&tasks::assignment_address(&board.job, 0, 1).0);
    assert_eq!(assignment.node, far.node);
}

/// Standard alphabet, with padding.
fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for symbol in text.bytes().take_while(|symbol| *symbol != b'=') {
        bits = bits << 6 | ALPHABET.iter().position(|letter| *letter == symbol).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Changes the network's parameters without the instruction that will do so later.
fn with_network(board: &mut Board, change: impl FnOnce(&mut Network)) {
    let mut network: Network = board.world.read(&registry::NETWORK);
    change(&mut network);
    board.write(registry::NETWORK, registry::ID, &network);
}

fn with_node(board: &mut Board, executor: &Executor, change: impl FnOnce(&mut Node)) {
    let mut node: Node = board.world.read(&executor.node);
    change(&mut node);
    board.write(executor.node, registry::ID, &node);
}

#[test]
fn every_reason_not_to_be_eligible_has_its_name() {
    let mut board = Board::new(3, 2);
    let a = board.executor("a", HERE);
    board.world.pass(62);
    let claim = jobs::claim_shard(&a, &board.job, 0, 0, &[]);
    let refused = |board: &mut Board, error: TasksError| {
        board
            .world
            .refused(std::slice::from_ref(&claim), &[&a.operator], error.code());
    };
    let node: Node = board.world.read(&a.node);
    let network: Network = board.world.read(&registry::NETWORK);

    with_network(&mut board, |network| network.paused = pause::CLAIMING_WORK);
    refused(&mut board, TasksError::Paused);
    with_network(&mut board, |changed| *changed = network);

    with_node(&mut board, &a, |node| node.status = registry::status::PAUSED);
    refused(&mut board, TasksError::NodePaused);
    with_node(&mut board, &a, |changed| *changed = Node { bond: LMR - 1, ..node });
    refused(&mut board, TasksError::BondTooSmall);
    with_node(&mut board, &a, |changed| {
        *changed = Node {
            unbonding: node.bond,
            ..node
        }
    });
    refused(&mut board, TasksError::BondTooSmall);
    with_node(&mut board, &a, |changed| {
        *changed = Node {
            shard_capacity: 0,
            ..node
        }
    });
    refused(&mut board, TasksError::CapacityExhausted);
    let client = board.client.pubkey();
    with_node(&mut board, &a, |changed| *changed = Node { owner: client, ..node });
    refused(&mut board, TasksError::OwnJob);
    with_node(&mut board, &a, |changed| *changed = node);

    let now = board.world.now();
    board.attest(&a, now - 3_601);
    refused(&mut board, TasksError::AttestationStale);
    board.attest(&a, now);

    let stranger = board.world.wallet("stranger");
    let mut foreign = claim.clone();
    foreign.accounts[0].pubkey = stranger.pubkey();
    board
        .world
        .refused(&[foreign], &[&stranger], TasksError::NotOperator.code());

    let b = board.executor("b", HERE);
    let mut borrowed = claim.clone();
    borrowed.accounts[3].pubkey = lumora_interface::bandwidth::attestation_address(&b.node).0;
    board
        .world
        .refused(&[borrowed], &[&a.operator], TasksError::WrongAttestation.code());

    let out_of_range = jobs::claim_shard(&a, &board.job, 3, 0, &[]);
    board
        .world
        .refused(&[out_of_range], &[&a.operator], TasksError::ShardOutOfRange.code());
    let out_of_range = jobs::claim_shard(&a, &board.job, 0, 2, &[]);
    board
        .world
        .refused(&[out_of_range], &[&a.operator], TasksError::ReplicaOutOfRange.code());

    board.world.must(std::slice::from_ref(&claim), &[&a.operator]);
    // Taken: the assignment's address exists, so the system program refuses before the program can name it.
    assert!(board.world.send(std::slice::from_ref(&claim), &[&a.operator]).is_err());

    let b_claim = jobs::claim_shard(&b, &board.job, 0, 1, &[]);
    board
        .world
        .refused(&[b_claim], &[&b.operator], TasksError::SiblingMissing.code());
    let mut wrong_sibling = jobs::claim_shard(&b, &board.job, 0, 1, &[0]);
    wrong_sibling.accounts[8].pubkey = a.node;
    board
        .world
        .refused(&[wrong_sibling], &[&b.operator], TasksError::WrongSibling.code());

    let deadline = board.read_job().deadline;
    board.world.pass(deadline - board.world.now());
    board.attest(&a, deadline);
    let late = jobs::claim_shard(&a, &board.job, 1, 0, &[]);
    board
        .world
        .refused(&[late], &[&a.operator], TasksError::JobClosedForClaims.code());
}

#[test]
fn capacity_leaves_a_fifth_free() {
    let mut board = Board::new(5, 1);
    let a = board.executor("a", HERE);
    // Capacity 4, of which 80 %: 0, 1, 2 and 3 open shards are below 3.2.
    for shard in 0..4 {
        board.claim(&a, shard, 0);
    }
    let fifth = jobs::claim_shard(&a, &board.job, 4, 0, &[]);
    board
        .world
        .refused(&[fifth], &[&a.operator], TasksError::CapacityExhausted.code());
}

#[test]
fn an_owner_with_two_nodes_cannot_agree_with_itself() {
    let mut board = Board::new(1, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    board.claim(&a, 0, 0);
    let same_owner = a.owner.pubkey();
    with_node(&mut board, &b, |node| node.owner = same_owner);
    let claim = jobs::claim_shard(&b, &board.job, 0, 1, &[0]);
    board
        .world
        .refused(&[claim], &[&b.operator], TasksError::OwnerHoldsReplica.code());
}

#[test]
fn a_result_cannot_be_copied() {
    let mut board = Board::new(1, 2);
    let (honest, copier) = (board.executor("honest", HERE), board.executor("copier", HERE));
    board.claim(&honest, 0, 0);
    board.claim(&copier, 0, 1);
    let finding = Finding::new(0b1010, 1);
    board.commit(&honest, 0, 0, &finding);

    // Nothing is shown before all have committed: who has not could commit to what it sees.
    let reveal = board.reveal_instruction(&honest, 0, 0, &finding);
    board.world.refused(
        std::slice::from_ref(&reveal),
        &[&honest.operator],
        TasksError::OthersNotCommitted.code(),
    );
    let without = jobs::reveal_result(&honest.operator.pubkey(), &board.job, 0, 0, &[], &finding);
    board
        .world
        .refused(&[without], &[&honest.operator], TasksError::SiblingMissing.code());

    // The copier repeats the honest node's commitment, which it cannot open: a commitment names its node and replica.
    let honest_commitment = board
        .world
        .read::<Assignment>(&tasks::assignment_address(&board.job, 0, 0).0)
        .commitment;
    let copied = jobs::commit_result(
        &copier.operator.pubkey(),
        &tasks::assignment_address(&board.job, 0, 1).0,
        honest_commitment,
    );
    board.world.must(&[copied], &[&copier.operator]);
    board.world.must(&[reveal], &[&honest.operator]);
    let reveal_copy = board.reveal_instruction(&copier, 0, 1, &finding);
    board
        .world
        .refused(&[reveal_copy], &[&copier.operator], TasksError::WrongReveal.code());
}

#[test]
fn what_is_shown_must_be_what_was_committed_to() {
    let mut board = Board::new(1, 1);
    let a = board.executor("a", HERE);
    board.claim(&a, 0, 0);
    let finding = Finding::new(7, 1);
    let address = tasks::assignment_address(&board.job, 0, 0).0;
    let early = board.reveal_instruction(&a, 0, 0, &finding);
    board
        .world
        .refused(&[early], &[&a.operator], TasksError::WrongState.code());
    let zero = jobs::commit_result(&a.operator.pubkey(), &address, [0; 32]);
    board
        .world
        .refused(&[zero], &[&a.operator], TasksError::CommitmentZero.code());
    let stranger = board.world.wallet("stranger");
    let foreign = jobs::commit_result(&stranger.pubkey(), &address, [1; 32]);
    board
        .world
        .refused(&[foreign], &[&stranger], TasksError::NotOperator.code());
    board.commit(&a, 0, 0, &finding);
    let again = jobs::commit_result(&a.operator.pubkey(), &address, [1; 32]);
    board
        .world
        .refused(&[again], &[&a.operator], TasksError::WrongState.code());

    for wrong in [
        Finding { sketch: 6, ..finding },
        Finding { records: 11, ..finding },
        Finding {
            root: [9; 32],
            ..finding
        },
        Finding {
            salt: [9; 32],
            ..finding
        },
    ] {
        let reveal = board.reveal_instruction(&a, 0, 0, &wrong);
        board
            .world
            .refused(&[reveal], &[&a.operator], TasksError::WrongReveal.code());
    }
    let sent = board.reveal(&a, 0, 0, &finding);
    let log = sent
        .logs
        .iter()
        .find_map(|line| line.strip_prefix("Program data: "))
        .unwrap();
    let event = ResultRevealed::from_event_data(&decode_base64(log)).unwrap();
    assert_eq!((event.sketch, event.records, event.result_root), (7, 10, finding.root));
}

#[test]
fn two_of_three_are_paid_and_the_third_is_not() {
    let mut board = Board::new(1, 3);
    let team = ["a", "b", "c"].map(|name| board.executor(name, HERE));
    board.work(
        0,
        &[
            (&team[0], Finding::new(0, 1)),
            (&team[1], Finding::new(u64::MAX, 2)),
            (&team[2], Finding::new(0b11, 3)),
        ],
    );
    let before: Vec<u64> = team
        .iter()
        .map(|executor| board.world.balance(&executor.tokens))
        .collect();
    let settle = board.settle_instruction(0, &[(0, &team[0]), (1, &team[1]), (2, &team[2])]);
    board.world.must(std::slice::from_ref(&settle), &[]);
    let after: Vec<u64> = team
        .iter()
        .map(|executor| board.world.balance(&executor.tokens))
        .collect();
    assert_eq!(after, vec![before[0] + PAID, before[1], before[2] + PAID]);
    assert_eq!(board.state(0), ShardState::settled(0b101));
    let loser: Work = board.world.read(&tasks::work_address(&team[1].node).0);
    assert_eq!((loser.active, loser.completed, loser.failed), (0, 0, 1));

    // Settling again finds the shard settled, before it looks at any assignment.
    board.world.refused(&[settle], &[], TasksError::ShardSettled.code());
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    let closed: JobClosed = recorded(&board.world.must(&[close], &[]));
    assert_eq!(closed.refunded, PRICE, "the loser's part goes back to the client");
}

#[test]
fn no_majority_refunds_the_client() {
    let mut board = Board::new(1, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    board.work(0, &[(&a, Finding::new(0, 1)), (&b, Finding::new(u64::MAX, 2))]);
    let settle = board.settle_instruction(0, &[(0, &a), (1, &b)]);
    let event: ShardSettled = recorded(&board.world.must(&[settle], &[]));
    assert_eq!((event.winners, event.paid_each, event.fees), (0, 0, 0));
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    let closed: JobClosed = recorded(&board.world.must(&[close], &[]));
    assert_eq!((closed.refunded, closed.paid, closed.fees), (2 * PRICE, 0, 0));
}

#[test]
fn settlement_pays_the_owners_of_the_assignments_and_nobody_else() {
    let mut board = Board::new(1, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    let thief = board.executor("thief", HERE);
    board.claim(&a, 0, 0);
    let early = board.settle_instruction(0, &[(0, &a)]);
    board.world.refused(&[early], &[], TasksError::NotSettleable.code());
    board.claim(&b, 0, 1);
    for (replica, executor) in [(0, &a), (1, &b)] {
        board.commit(executor, 0, replica, &Finding::new(1, replica));
    }
    board.reveal(&a, 0, 0, &Finding::new(1, 0));
    let half = board.settle_instruction(0, &[(0, &a), (1, &b)]);
    board
        .world
        .refused(std::slice::from_ref(&half), &[], TasksError::NotSettleable.code());
    board.reveal(&b, 0, 1, &Finding::new(1, 1));

    let good = half;
    let replaced = |index: usize, address| {
        let mut instruction = good.clone();
        instruction.accounts[index].pubkey = address;
        instruction
    };
    // Six declared accounts, then assignment, record of work, LMR account and rent payer of each replica.
    let cases = [
        (
            replaced(1, tasks::escrow_address(&thief.node).0),
            TasksError::WrongEscrow,
        ),
        (replaced(2, thief.tokens), TasksError::WrongTreasury),
        (
            replaced(6, tasks::assignment_address(&board.job, 0, 1).0),
            TasksError::WrongSibling,
        ),
        (replaced(7, tasks::work_address(&b.node).0), TasksError::WrongWork),
        (replaced(8, thief.tokens), TasksError::WrongTokenAccount),
        (replaced(9, thief.operator.pubkey()), TasksError::WrongRentPayer),
    ];
    for (instruction, error) in cases {
        board.world.refused(&[instruction], &[], error.code());
    }
    let mut short = good.clone();
    short.accounts.pop();
    board.world.refused(&[short], &[], TasksError::SiblingMissing.code());
    board.world.must(&[good], &[]);
}

#[test]
fn a_node_that_dies_does_not_stop_the_shard() {
    let mut board = Board::new(1, 2);
    let (a, dead, c) = (
        board.executor("a", HERE),
        board.executor("dead", HERE),
        board.executor("c", HERE),
    );
    board.claim(&a, 0, 0);
    board.claim(&dead, 0, 1);
    board.commit(&a, 0, 0, &Finding::new(1, 1));
    let expire = jobs::expire_assignment(&board.job, 0, 1, &dead, &[]);
    board
        .world
        .refused(std::slice::from_ref(&expire), &[], TasksError::NotExpired.code());
    board.world.pass(WINDOW);
    board
        .world
        .refused(std::slice::from_ref(&expire), &[], TasksError::NotExpired.code());
    board.world.pass(1);
    let late = jobs::commit_result(
        &dead.operator.pubkey(),
        &tasks::assignment_address(&board.job, 0, 1).0,
        [1; 32],
    );
    board
        .world
        .refused(&[late], &[&dead.operator], TasksError::CommitLate.code());
    // The first one committed in time and waits for the other: it cannot be expired.
    let waiting = jobs::expire_assignment(&board.job, 0, 0, &a, &[1]);
    board.world.refused(&[waiting], &[], TasksError::NotExpired.code());

    let before = board.world.svm.get_balance(&dead.operator.pubkey()).unwrap();
    let sent = board.world.must(&[expire], &[]);
    let log = sent
        .logs
        .iter()
        .find_map(|line| line.strip_prefix("Program data: "))
        .unwrap();
    let event = AssignmentExpired::from_event_data(&decode_base64(log)).unwrap();
    assert_eq!((event.node, event.replica), (dead.node, 1));
    assert!(
        board.world.svm.get_balance(&dead.operator.pubkey()).unwrap() > before,
        "its rent came back"
    );
    let work: Work = board.world.read(&tasks::work_address(&dead.node).0);
    assert_eq!((work.active, work.expired), (0, 1));

    board.claim(&c, 0, 1);
    board.commit(&c, 0, 1, &Finding::new(1, 2));
    board.reveal(&a, 0, 0, &Finding::new(1, 1));
    board.reveal(&c, 0, 1, &Finding::new(1, 2));
    let settle = board.settle_instruction(0, &[(0, &a), (1, &c)]);
    board.world.must(&[settle], &[]);
    assert_eq!(board.state(0), ShardState::settled(0b11));
}

#[test]
fn a_node_that_never_shows_its_result_is_replaced() {
    let mut board = Board::new(1, 2);
    let (a, silent, c) = (
        board.executor("a", HERE),
        board.executor("silent", HERE),
        board.executor("c", HERE),
    );
    board.claim(&a, 0, 0);
    board.claim(&silent, 0, 1);
    board.commit(&a, 0, 0, &Finding::new(1, 1));
    board.commit(&silent, 0, 1, &Finding::new(1, 2));
    board.reveal(&a, 0, 0, &Finding::new(1, 1));
    board.world.pass(WINDOW + 1);
    let of_a = jobs::expire_assignment(&board.job, 0, 0, &a, &[1]);
    board.world.refused(&[of_a], &[], TasksError::WrongState.code());
    let expire = jobs::expire_assignment(&board.job, 0, 1, &silent, &[0]);
    board.world.must(&[expire], &[]);
    board.claim(&c, 0, 1);
    board.commit(&c, 0, 1, &Finding::new(1, 3));
    board.reveal(&c, 0, 1, &Finding::new(1, 3));
    let settle = board.settle_instruction(0, &[(0, &a), (1, &c)]);
    board.world.must(&[settle], &[]);
}

#[test]
fn a_half_taken_shard_lets_everybody_out_in_the_end() {
    let mut board = Board::new(1, 2);
    let a = board.executor("a", HERE);
    board.claim(&a, 0, 0);
    board.commit(&a, 0, 0, &Finding::new(1, 1));
    let client = board.client.insecure_clone();
    let stranger = board.world.wallet("stranger");
    board.world.refused(
        &[jobs::cancel_job(&stranger.pubkey(), &board.job)],
        &[&stranger],
        TasksError::NotClient.code(),
    );
    board
        .world
        .must(&[jobs::cancel_job(&client.pubkey(), &board.job)], &[&client]);
    let b = board.executor("b", HERE);
    let claim = jobs::claim_shard(&b, &board.job, 0, 1, &[0]);
    board
        .world
        .refused(&[claim], &[&b.operator], TasksError::JobClosedForClaims.code());
    let close = jobs::close_job(&client.pubkey(), &board.job);
    board
        .world
        .refused(std::slice::from_ref(&close), &[], TasksError::JobNotDone.code());

    let settle = board.settle_instruction(0, &[(0, &a)]);
    board.world.pass(2 * WINDOW - 1);
    board
        .world
        .refused(std::slice::from_ref(&settle), &[], TasksError::NotSettleable.code());
    board.world.pass(1);
    board.world.must(&[settle], &[]);
    assert!(gone(&board, &tasks::assignment_address(&board.job, 0, 0).0));
    board.world.must(&[close], &[]);
    assert_eq!(board.world.balance(&board.client_tokens), 1_000 * LMR);
}

#[test]
fn terms_that_make_no_sense_are_refused() {
    let mut board = Board::empty();
    let good = jobs::terms(&board.world);
    let now = board.world.now();
    let cases = [
        (0, good, TasksError::ShardCountRange),
        (tasks::MAX_SHARDS + 1, good, TasksError::ShardCountRange),
        (u32::MAX, good, TasksError::ShardCountRange),
        (1, CreateJobArguments { replicas: 0, ..good }, TasksError::ReplicasRange),
        (1, CreateJobArguments { replicas: 8, ..good }, TasksError::ReplicasRange),
        (
            1,
            CreateJobArguments {
                tolerance_bits: 64,
                ..good
            },
            TasksError::ToleranceRange,
        ),
        (
            1,
            CreateJobArguments {
                tolerance_count: 10_001,
                ..good
            },
            TasksError::ToleranceRange,
        ),
        (1, CreateJobArguments { price: 0, ..good }, TasksError::PriceZero),
        (
            1,
            CreateJobArguments {
                price: u64::MAX,
                ..good
            },
            TasksError::Overflow,
        ),
        (
            1,
            CreateJobArguments {
                manifest_hash: [0; 32],
                ..good
            },
            TasksError::ManifestMissing,
        ),
        (
            1,
            CreateJobArguments {
                target: [1, 0, 0],
                ..good
            },
            TasksError::TargetLength,
        ),
        (
            1,
            CreateJobArguments {
                target: [i16::MAX; 3],
                ..good
            },
            TasksError::TargetLength,
        ),
        (
            1,
            CreateJobArguments { deadline: now, ..good },
            TasksError::DeadlineRange,
        ),
        (
            1,
            CreateJobArguments {
                commit_seconds: 0,
                ..good
            },
            TasksError::WindowZero,
        ),
        (
            1,
            CreateJobArguments {
                reveal_seconds: 0,
                ..good
            },
            TasksError::WindowZero,
        ),
    ];
    for (shards, arguments, error) in cases {
        let refused = board.create(shards, arguments).unwrap_err();
        assert_eq!(refused.code, Some(error.code()), "{error:?}: {}", refused.text);
    }
    let refused = board
        .create(
            1,
            CreateJobArguments {
                price: 600 * LMR,
                ..good
            },
        )
        .unwrap_err();
    assert!(
        refused.text.contains("insufficient funds") || refused.code == Some(1),
        "{}",
        refused.text
    );
}

#[test]
fn the_largest_job_fits() {
    let mut board = Board::empty();
    let arguments = CreateJobArguments {
        price: 1_000,
        ..jobs::terms(&board.world)
    };
    let sent = board.create(tasks::MAX_SHARDS, arguments).unwrap();
    let created: JobCreated = recorded(&sent);
    assert_eq!(created.escrowed, 2 * 1_000 * u64::from(tasks::MAX_SHARDS));
    let account = board.world.svm.get_account(&board.job).unwrap();
    assert_eq!(account.data.len(), Job::space(tasks::MAX_SHARDS));
    let a = board.executor("a", HERE);
    board.claim(&a, tasks::MAX_SHARDS - 1, 1);
    assert_eq!(board.assigned(tasks::MAX_SHARDS - 1), vec![1]);
}

#[test]
fn the_escrow_is_funded_by_the_clients_own_lmr() {
    let mut board = Board::empty();
    let client = board.client.insecure_clone();
    let good = jobs::create_job(&client.pubkey(), 0, 1, jobs::terms(&board.world));
    let victim = keypair("victim", 0).pubkey();
    let mut stolen = good.clone();
    stolen.accounts[6].pubkey = board.world.grant(&victim, 100 * LMR);
    board
        .world
        .refused(&[stolen], &[&client], TasksError::WrongTokenAccount.code());
    let mut foreign = good.clone();
    foreign.accounts[5].pubkey = board.world.foreign_mint(&client.pubkey());
    board
        .world
        .refused(&[foreign], &[&client], TasksError::WrongMint.code());
    let mut wrong_escrow = good.clone();
    wrong_escrow.accounts[4].pubkey = tasks::escrow_address(&client.pubkey()).0;
    board
        .world
        .refused(&[wrong_escrow], &[&client], TasksError::WrongEscrow.code());
    with_network(&mut board, |network| network.paused = pause::CLAIMING_WORK);
    board.world.refused(&[good], &[&client], TasksError::Paused.code());
}

#[test]
fn a_pause_stops_no_exit() {
    let mut board = Board::new(1, 1);
    let a = board.executor("a", HERE);
    board.claim(&a, 0, 0);
    with_network(&mut board, |network| network.paused = pause::ALL);
    let finding = Finding::new(1, 1);
    board.commit(&a, 0, 0, &finding);
    board.reveal(&a, 0, 0, &finding);
    let settle = board.settle_instruction(0, &[(0, &a)]);
    board.world.must(&[settle], &[]);
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    board.world.must(&[close], &[]);
}

#[test]
fn only_the_authority_names_the_treasury_and_it_must_hold_lmr() {
    let mut world = World::new(0);
    world.deploy(tasks::ID, "tasks");
    let treasury = world.lmr_account(&keypair("treasury", 0).pubkey());
    let stranger = world.wallet("stranger");
    let foreign = jobs::initialize(&stranger.pubkey(), &treasury);
    world.refused(&[foreign], &[&stranger], TasksError::NotAuthority.code());
    let authority = world.authority.insecure_clone();
    let no_account = jobs::initialize(&authority.pubkey(), &stranger.pubkey());
    world.refused(&[no_account], &[&authority], TasksError::WrongTreasury.code());
    world.must(&[jobs::initialize(&authority.pubkey(), &treasury)], &[&authority]);
}

#[test]
fn closing_pays_the_client_and_nobody_else() {
    let mut board = Board::new(1, 1);
    let wait = board.read_job().deadline - board.world.now();
    board.world.pass(wait);
    let good = jobs::close_job(&board.client.pubkey(), &board.job);
    let thief = board.world.wallet("thief");
    let thief_tokens = board.world.lmr_account(&thief.pubkey());
    let mut rent = good.clone();
    rent.accounts[2].pubkey = thief.pubkey();
    board.world.refused(&[rent], &[], TasksError::NotClient.code());
    let mut money = good.clone();
    money.accounts[3].pubkey = thief_tokens;
    board.world.refused(&[money], &[], TasksError::WrongTokenAccount.code());
    let mut escrow = good.clone();
    escrow.accounts[1].pubkey = associated_account(&board.client.pubkey(), &lumora_interface::rewards::MINT);
    assert!(board.world.send(&[escrow], &[]).is_err());
    board.world.must(&[good], &[]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is tried in whatever order, no base unit appears or disappears, and in the end everybody gets out.
    #[test]
    fn no_order_of_calls_creates_or_loses_lmr(
        steps in prop::collection::vec((0u8..6, 0u32..2, 0u8..2, 0usize..3, any::<bool>()), 1..40),
    ) {
        let mut board = Board::new(2, 2);
        let team = ["a", "b", "c"].map(|name| board.executor(name, HERE));
        board.world.pass(62);
        let accounts = [board.client_tokens, board.treasury, team[0].tokens, team[1].tokens, team[2].tokens];
        let total = |board: &Board| accounts.iter().map(|account| board.world.balance(account)).sum::<u64>();
        let sum = total(&board) + board.escrow();

        for (kind, shard, replica, member, agree) in steps {
            let executor = &team[member];
            let finding = Finding::new(if agree { 1 } else { u64::MAX }, member as u8 + 1);
            let address = tasks::assignment_address(&board.job, shard, replica).0;
            let held = board.assigned(shard).contains(&replica);
            let holder = held.then(|| board.world.read::<Assignment>(&address));
            let by_node = |node| team.iter().find(|executor| executor.node == node).unwrap();
            let (instruction, signer) = match kind {
                0 => (jobs::claim_shard(executor, &board.job, shard, replica, &board.assigned(shard)), Some(executor)),
                1 => {
                    let Some(holder) = holder else { continue };
                    let executor = by_node(holder.node);
                    let commitment = Finding::new(finding.sketch, 1).commitment(&board.world, &holder);
                    (jobs::commit_result(&executor.operator.pubkey(), &address, commitment), Some(executor))
                }
                2 => {
                    let Some(holder) = holder else { continue };
                    let executor = by_node(holder.node);
                    (board.reveal_instruction(executor, shard, replica, &Finding::new(finding.sketch, 1)), Some(executor))
                }
                3 => {
                    let assigned: Vec<(u8, &Executor)> = board
                        .assigned(shard)
                        .into_iter()
                        .filter_map(|replica| {
                            let address = tasks::assignment_address(&board.job, shard, replica).0;
                            let account = board.world.svm.get_account(&address)?;
                            let assignment = lumora_interface::Account::from_account(&account.owner, &account.data).ok()?;
                            let assignment: Assignment = assignment;
                            Some((replica, by_node(assignment.node)))
                        })
                        .collect();
                    (board.settle_instruction(shard, &assigned), None)
                }
                4 => {
                    let others = [1 - replica];
                    (jobs::expire_assignment(&board.job, shard, replica, executor, &others), None)
                }
                _ => {
                    board.world.pass(if agree { WINDOW + 1 } else { 10 });
                    continue;
                }
            };
            let signers: Vec<_> = signer.iter().map(|executor| &executor.operator).collect();
            let _ = board.world.send(&[instruction], &signers);
            let job = board.read_job();
            prop_assert_eq!(board.escrow(), job.escrowed - job.paid - job.fees);
            prop_assert_eq!(total(&board) + board.escrow(), sum);
        }

        // Everybody gets out: settle what is left when it is final, and close.
        board.world.pass(20_000);
        for shard in 0..2 {
            if board.state(shard).is_settled() {
                continue;
            }
            let assigned: Vec<(u8, &Executor)> = board
                .assigned(shard)
                .into_iter()
                .map(|replica| {
                    let assignment: Assignment =
                        board.world.read(&tasks::assignment_address(&board.job, shard, replica).0);
                    (replica, team.iter().find(|executor| executor.node == assignment.node).unwrap())
                })
                .collect();
            let settle = board.settle_instruction(shard, &assigned);
            board.world.must(&[settle], &[]);
        }
        let close = jobs::close_job(&board.client.pubkey(), &board.job);
        let closed: JobClosed = recorded(&board.world.must(&[close], &[]));
        prop_assert_eq!(closed.escrowed, closed.paid + closed.fees + closed.refunded);
        prop_assert_eq!(total(&board), sum);
    }
}
