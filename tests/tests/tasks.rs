//! Program `tasks`: who may take a shard and when, agreement on results, and where the escrow goes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "tasks/adaptation.rs"]
mod adaptation;
#[path = "tasks/conservation.rs"]
mod conservation;
#[path = "tasks/exits.rs"]
mod exits;
#[path = "tasks/money.rs"]
mod money;
#[path = "tasks/rounds.rs"]
mod rounds;
#[path = "tasks/scale.rs"]
mod scale;
#[path = "tasks/verdicts.rs"]
mod verdicts;

use lumora_core::log;
use lumora_interface::{
    Event,
    registry::{self, Network, Node, pause},
    tasks::{
        self, Assignment, AssignmentExpired, AssignmentSlashed, Job, JobClosed, JobCreated, ResultRevealed,
        ShardClaimed, ShardSettled, ShardState, TasksError, Work,
    },
};
use lumora_tasks::instructions::CreateJobArguments;
use lumora_tests::{
    Sent, World,
    jobs::{self, Board, CHALLENGE, Executor, Finding, PRICE, UNIT, WINDOW},
    tokens::associated_account,
    world::{LMR, keypair},
};
use solana_address::Address;
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

fn gone(board: &Board, address: &Address) -> bool {
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
    let arguments = jobs::with_replicas(1, jobs::terms(&board.world));
    board.replicas = 1;
    board.create(1, arguments).unwrap();
    let a = board.executor("a", HERE);
    board.claim(&a, 0, 0);
    let work_rent = board.world.svm.get_balance(&tasks::work_address(&a.node).0).unwrap();
    let operator_after_claim = board.world.svm.get_balance(&a.operator.pubkey()).unwrap();
    let finding = Finding::new(1, 1);
    board.commit(&a, 0, 0, &finding);
    board.reveal(&a, 0, 0, &finding);
    board.world.pass(CHALLENGE);
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
    let near_claim = jobs::claim_shard(&near, &board.job, 0, 0, &[], None);
    let far_claim = jobs::claim_shard(&far, &board.job, 0, 0, &[], None);
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
    let event: ShardClaimed = logged(&sent);
    assert_eq!(event.score, 7_833);
    assert_eq!(event.claimable_at, board.world.now());
    assert!(
        (13..=14).contains(&waited),
        "60 s x (1 - 0.7833), and a second of jitter at most: {waited}"
    );

    // The far one scores 0.4 x 0.5 + 0.3 x 1000/13742 + 0.1 x 5/6 + 0.2 and waits accordingly.
    let far_claim = jobs::claim_shard(&far, &board.job, 0, 1, &[0], None);
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
    let claim = jobs::claim_shard(&a, &board.job, 0, 0, &[], None);
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

    with_node(&mut board, &a, |node| node.located_at = now);
    refused(&mut board, TasksError::AttestationBeforeMove);
    with_node(&mut board, &a, |changed| *changed = node);

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

    let out_of_range = jobs::claim_shard(&a, &board.job, 3, 0, &[], None);
    board
        .world
        .refused(&[out_of_range], &[&a.operator], TasksError::ShardOutOfRange.code());
    let out_of_range = jobs::claim_shard(&a, &board.job, 0, 2, &[], None);
    board
        .world
        .refused(&[out_of_range], &[&a.operator], TasksError::ReplicaOutOfRange.code());

    board.world.must(std::slice::from_ref(&claim), &[&a.operator]);
    refused(&mut board, TasksError::ReplicaTaken);

    let b_claim = jobs::claim_shard(&b, &board.job, 0, 1, &[], None);
    board
        .world
        .refused(&[b_claim], &[&b.operator], TasksError::SiblingMissing.code());
    let mut wrong_sibling = jobs::claim_shard(&b, &board.job, 0, 1, &[0], None);
    wrong_sibling.accounts[8].pubkey = a.node;
    board
        .world
        .refused(&[wrong_sibling], &[&b.operator], TasksError::WrongSibling.code());

    let deadline = board.read_job().deadline;
    board.world.pass(deadline - board.world.now());
    board.attest(&a, deadline);
    let late = jobs::claim_shard(&a, &board.job, 1, 0, &[], None);
    board
        .world
        .refused(&[late], &[&a.operator], TasksError::JobClosedForClaims.code());
}

#[test]
fn capacity_leaves_a_fifth_free() {
    let mut board = Board::new(5, 1);
    let a = board.executor("a", HERE);
    // 80 % of a capacity of 4, rounded down.
    for shard in 0..3 {
        board.claim(&a, shard, 0);
    }
    let fourth = jobs::claim_shard(&a, &board.job, 3, 0, &[], None);
    board
        .world
        .refused(&[fourth], &[&a.operator], TasksError::CapacityExhausted.code());
}

#[test]
fn an_owner_with_two_nodes_cannot_agree_with_itself() {
    let mut board = Board::new(1, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    board.claim(&a, 0, 0);
    let same_owner = a.owner.pubkey();
    with_node(&mut board, &b, |node| node.owner = same_owner);
    let claim = jobs::claim_shard(&b, &board.job, 0, 1, &[0], None);
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
    let without = jobs::reveal_result(&honest.operator.pubkey(), &board.job, 0, 0, &[], finding.arguments(0));
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
        Finding::new(6, 1),
        Finding { records: 11, ..finding },
        Finding {
            root: [9; 32],
            ..finding
        },
        Finding {
            root: finding.root,
            ..Finding::new(7, 2)
        },
    ] {
        let reveal = board.reveal_instruction(&a, 0, 0, &wrong);
        board
            .world
            .refused(&[reveal], &[&a.operator], TasksError::WrongReveal.code());
    }
    let sent = board.reveal(&a, 0, 0, &finding);
    let event: ResultRevealed = logged(&sent);
    assert_eq!(
        (event.word, event.shown, event.records, event.result_root),
        ([7, 0, 0, 0], 1, 10, finding.root)
    );
    let more = board.reveal_instruction(&a, 0, 0, &finding);
    board
        .world
        .refused(&[more], &[&a.operator], TasksError::NothingToShow.code());
}

#[test]
fn two_of_three_are_paid_and_the_third_is_slashed() {
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
    let event: ShardSettled = recorded(&board.world.must(std::slice::from_ref(&settle), &[]));
    assert_eq!((event.winners, event.losers), (0b101, 0b010));
    let after: Vec<u64> = team
        .iter()
        .map(|executor| board.world.balance(&executor.tokens))
        .collect();
    assert_eq!(after, vec![before[0] + PAID, before[1], before[2] + PAID]);
    assert_eq!(board.state(0), ShardState::settled(0b101));
    let loser = board.record_of_work(&team[1]);
    assert_eq!(
        (loser.active, loser.completed, loser.failed),
        (1, 0, 1),
        "its bond stands until it is slashed"
    );

    // Settling again finds the shard settled, before it looks at any assignment.
    board.world.refused(&[settle], &[], TasksError::ShardSettled.code());
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    board
        .world
        .refused(std::slice::from_ref(&close), &[], TasksError::JobNotDone.code());
    let tomb = jobs::close_assignment(&board.job, 0, 1, &team[1].operator.pubkey());
    board
        .world
        .refused(std::slice::from_ref(&tomb), &[], TasksError::TombstoneNeeded.code());
    let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
    board.slash(&team[1], 0, 1, &reporter);
    assert_eq!(board.record_of_work(&team[1]).active, 0);
    board.world.must(&[tomb], &[]);
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
fn a_node_that_dies_is_slashed_and_does_not_stop_the_shard() {
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

    let sent = board.world.must(std::slice::from_ref(&expire), &[]);
    let event: AssignmentExpired = logged(&sent);
    assert_eq!((event.node, event.replica), (dead.node, 1));
    let work = board.record_of_work(&dead);
    assert_eq!(
        (work.active, work.expired),
        (1, 1),
        "its bond stands until it is slashed"
    );
    board.world.refused(&[expire], &[], TasksError::WrongState.code());

    // Its place is free at once, but nobody takes it before it is slashed, and it least of all.
    let claim = board.claim_instruction(&c, 0, 1);
    board.world.refused(
        std::slice::from_ref(&claim),
        &[&c.operator],
        TasksError::SlashFirst.code(),
    );
    let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
    let (client_before, bond_before) = (board.world.balance(&board.client_tokens), bond(&board, &dead));
    let supply = board.world.supply();
    let slash = jobs::slash_assignment(&board.client.pubkey(), &board.job, 0, 1, &dead, &reporter);
    let slashed: AssignmentSlashed = recorded(&board.world.must(std::slice::from_ref(&slash), &[]));
    // A tenth of the bond of one shard: a tenth of it to the reporter, half to the client, the rest is burned.
    assert_eq!((slashed.owed, slashed.taken), (LMR / 10, LMR / 10));
    assert_eq!(bond(&board, &dead), bond_before - LMR / 10);
    assert_eq!(board.world.balance(&reporter), LMR / 100);
    assert_eq!(board.world.balance(&board.client_tokens), client_before + LMR / 20);
    assert_eq!(board.world.supply(), supply - LMR / 25);
    assert_eq!(board.record_of_work(&dead).active, 0);
    board.world.refused(&[slash], &[], TasksError::AlreadySlashed.code());

    let again = board.claim_instruction(&dead, 0, 1);
    board
        .world
        .refused(&[again], &[&dead.operator], TasksError::GivenUpBefore.code());
    // The waiting time counts from the expiry.
    board.world.refused(
        std::slice::from_ref(&claim),
        &[&c.operator],
        TasksError::TooEarly.code(),
    );
    let foreign = jobs::claim_shard(&c, &board.job, 0, 1, &[0], Some(a.operator.pubkey()));
    board
        .world
        .refused(&[foreign], &[&c.operator], TasksError::WrongRentPayer.code());
    let nobody = jobs::claim_shard(&c, &board.job, 0, 1, &[0], None);
    board
        .world
        .refused(&[nobody], &[&c.operator], TasksError::WrongRentPayer.code());
    let before = [&dead, &c].map(|executor| board.world.svm.get_balance(&executor.operator.pubkey()).unwrap());
    board.claim(&c, 0, 1);
    let after = [&dead, &c].map(|executor| board.world.svm.get_balance(&executor.operator.pubkey()).unwrap());
    let work_rent = board.world.svm.get_balance(&tasks::work_address(&c.node).0).unwrap();
    let rent = after[0] - before[0];
    assert!(rent > 0, "its rent came back");
    assert_eq!(
        before[1] - after[1],
        rent + work_rent,
        "from the one that took its place"
    );

    board.commit(&c, 0, 1, &Finding::new(1, 2));
    board.reveal(&a, 0, 0, &Finding::new(1, 1));
    board.reveal(&c, 0, 1, &Finding::new(1, 2));
    let settle = board.settle_instruction(0, &[(0, &a), (1, &c)]);
    board.world.must(&[settle], &[]);
    assert_eq!(board.state(0), ShardState::settled(0b11));
    assert_eq!(board.read_job().tombstones, 0);
}

#[test]
fn only_those_who_failed_are_slashed_and_nobody_chooses_who_is_paid() {
    let mut board = Board::new(1, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    board.claim(&a, 0, 0);
    let client = board.client.pubkey();
    let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
    let good = jobs::slash_assignment(&client, &board.job, 0, 0, &a, &reporter);
    board
        .world
        .refused(std::slice::from_ref(&good), &[], TasksError::NotSlashable.code());
    board.world.pass(WINDOW + 1);
    board.expire(&a, 0, 0);
    let replaced = |index: usize, address| {
        let mut instruction = good.clone();
        instruction.accounts[index].pubkey = address;
        instruction
    };
    let other_job = second_job(&mut board);
    let work_of_b = tasks::work_address(&b.node).0;
    board.claim(&b, 0, 1);
    for (instruction, error) in [
        (replaced(0, other_job), TasksError::WrongJob),
        (replaced(2, work_of_b), TasksError::WrongWork),
        (replaced(3, b.node), TasksError::WrongNode),
        (replaced(9, reporter), TasksError::WrongInjured),
    ] {
        board.world.refused(&[instruction], &[], error.code());
    }
    board.world.refused_with(&[replaced(5, client)], &[], "");
    // Whom it harmed is paid whatever account of its own is passed; one that has none cannot hold the slashing up.
    let client_tokens = board.client_tokens;
    let closed = board.world.svm.get_account(&client_tokens).unwrap();
    board.world.svm.set_account(client_tokens, Default::default()).unwrap();
    let sent = board.world.must(&[replaced(8, client)], &[]);
    let slashed: AssignmentSlashed = recorded(&sent);
    assert_eq!(slashed.taken, LMR / 10);
    board.world.svm.set_account(client_tokens, closed).unwrap();
    assert_eq!(
        board.world.balance(&reporter),
        0,
        "another account was named for the reporter"
    );
}

#[test]
fn a_node_that_was_closed_is_slashed_of_nothing() {
    let mut board = Board::new(1, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    board.claim(&a, 0, 0);
    board.world.pass(WINDOW + 1);
    board.expire(&a, 0, 0);
    board.world.svm.set_account(a.node, Default::default()).unwrap();
    let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
    let sent = board.slash(&a, 0, 0, &reporter);
    let slashed: AssignmentSlashed = recorded(&sent);
    assert_eq!((slashed.owed, slashed.taken), (LMR / 10, 0));
    board.claim(&b, 0, 0);
}

/// Another job of the client's.
fn second_job(board: &mut Board) -> Address {
    let client = board.client.insecure_clone();
    let create = jobs::create_job(&client.pubkey(), 1, 1, jobs::terms(&board.world));
    board.world.must(&[create], &[&client]);
    tasks::job_address(&client.pubkey(), 1).0
}

fn bond(board: &Board, executor: &Executor) -> u64 {
    board.world.read::<Node>(&executor.node).bond
}

/// The event in a transaction's logs.
fn logged<T: Event>(sent: &Sent) -> T {
    sent.logs
        .iter()
        .filter_map(|line| line.strip_prefix("Program data: "))
        .find_map(|data| T::from_event_data(&decode_base64(data)))
        .expect("the event was logged")
}

#[test]
fn a_half_taken_shard_lets_everybody_out_in_the_end() {
    let mut board = Board::new(1, 2);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
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
    let claim = jobs::claim_shard(&b, &board.job, 0, 1, &[0], None);
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
        (1, jobs::with_replicas(8, good), TasksError::ReplicasRange),
        (
            1,
            CreateJobArguments {
                max_replicas: 1,
                ..good
            },
            TasksError::MaxReplicasRange,
        ),
        (
            1,
            CreateJobArguments {
                max_replicas: 6,
                ..good
            },
            TasksError::MaxReplicasRange,
        ),
        (
            1,
            CreateJobArguments {
                max_replicas: 8,
                ..jobs::with_replicas(6, good)
            },
            TasksError::MaxReplicasRange,
        ),
        (
            1,
            CreateJobArguments {
                challenge_seconds: 1,
                ..good
            },
            TasksError::ChallengeRange,
        ),
        (
            1,
            CreateJobArguments {
                challenge_seconds: 0,
                ..jobs::with_replicas(1, good)
            },
            TasksError::ChallengeRange,
        ),
        (
            1,
            CreateJobArguments {
                // One round: 100 s to commit and 3,501 to show; bonds stay for 3,600 s.
                reveal_seconds: 3_501,
                ..good
            },
            TasksError::BondOutlived,
        ),
        (
            1,
            CreateJobArguments {
                // Four rounds.
                reveal_seconds: 876,
                max_replicas: 5,
                ..good
            },
            TasksError::BondOutlived,
        ),
        (
            1,
            CreateJobArguments {
                tolerance_bits: 128,
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
    let client = board.client.insecure_clone();
    for (shards, arguments, error) in cases {
        let create = jobs::create_job(&client.pubkey(), 0, shards, arguments);
        board.world.refused(&[create], &[&client], error.code());
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
fn no_job_is_created_while_the_chain_shows_no_slot_hash() {
    let mut board = Board::empty();
    let sysvar = lumora_tests::instructions::SLOT_HASHES_SYSVAR;
    let mut account = board.world.svm.get_account(&sysvar).unwrap();
    account.data.fill(0);
    board.world.svm.set_account(sysvar, account).unwrap();
    let client = board.client.insecure_clone();
    let create = jobs::create_job(&client.pubkey(), 0, 1, jobs::terms(&board.world));
    board
        .world
        .refused(&[create], &[&client], TasksError::SlotHashMissing.code());
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
    board.world.pass(CHALLENGE);
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
