//! What the instructions of `tasks` cost.

use lumora_interface::{registry, tasks};
use lumora_tests::{
    compute::measure,
    jobs::{self, Board, CHALLENGE, Finding, UNIT, WINDOW},
    world::keypair,
};
use solana_signer::Signer;

const HERE: [i16; 3] = [UNIT, 0, 0];

#[test]
fn create_job() {
    for (shards, case) in [(20, "20 shards"), (tasks::MAX_SHARDS, "8,192 shards")] {
        let mut board = Board::empty();
        let mut terms = jobs::terms(&board.world);
        terms.price = 1_000;
        let client = board.client.insecure_clone();
        // Two addresses are derived, each in two attempts on average; one more attempt costs some 300 units.
        let id = (0..)
            .find(|id| {
                let (job, bump) = tasks::job_address(&client.pubkey(), *id);
                usize::from(255 - bump) + usize::from(255 - tasks::escrow_address(&job).1) == 2
            })
            .expect("every eighth number is one");
        let sent = board
            .world
            .must(&[jobs::create_job(&client.pubkey(), id, shards, terms)], &[&client]);
        measure("tasks", "create_job", case, &sent, 9_000);
    }
}

#[test]
fn claim_to_close() {
    let mut board = Board::new(2, 3);
    let team = ["a", "b", "c"].map(|name| board.executor(name, HERE));
    let findings = [1, 2, 3].map(|salt| Finding::new(7, salt));

    let first = board.claim(&team[0], 0, 0);
    measure(
        "tasks",
        "claim_shard",
        "a node's first, record of work created",
        &first,
        10_000,
    );
    board.claim(&team[1], 0, 1);
    board.claim(&team[2], 0, 2);
    let again = board.claim(&team[0], 1, 0);
    measure("tasks", "claim_shard", "first replica", &again, 8_000);
    let sibling = board.claim(&team[1], 1, 1);
    measure(
        "tasks",
        "claim_shard",
        "second replica, one sibling checked",
        &sibling,
        8_000,
    );

    let commits = [0, 1, 2].map(|member| board.commit(&team[member], 0, member as u8, &findings[member]));
    measure("tasks", "commit_result", "in time", &commits[0], 1_500);
    let reveals = [0, 1, 2].map(|member| board.reveal(&team[member], 0, member as u8, &findings[member]));
    measure(
        "tasks",
        "reveal_result",
        "three replicas, two siblings checked",
        &reveals[0],
        2_000,
    );
    let settle = board.settle_instruction(0, &[(0, &team[0]), (1, &team[1]), (2, &team[2])]);
    let sent = board.world.must(&[settle], &[]);
    measure("tasks", "settle_shard", "three replicas paid", &sent, 14_000);

    board.world.pass(WINDOW + 1);
    let sent = board.expire(&team[0], 1, 0);
    measure("tasks", "expire_assignment", "not committed", &sent, 4_000);
    board.expire(&team[1], 1, 1);
    let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
    let sent = board.slash(&team[0], 1, 0, &reporter);
    measure(
        "tasks",
        "slash_assignment",
        "reporter and client paid, the rest burned",
        &sent,
        14_000,
    );
    board.slash(&team[1], 1, 1, &reporter);
    let again = board.claim(&team[2], 1, 0);
    measure(
        "tasks",
        "claim_shard",
        "a replica that had expired, rent repaid",
        &again,
        8_000,
    );
    board.world.pass(WINDOW + 1);
    board.expire(&team[2], 1, 0);
    board.slash(&team[2], 1, 0, &reporter);

    let client = board.client.insecure_clone();
    let sent = board
        .world
        .must(&[jobs::cancel_job(&client.pubkey(), &board.job)], &[&client]);
    measure("tasks", "cancel_job", "open job", &sent, 2_000);
    let sent = board.world.must(&[jobs::refund_job(&client.pubkey(), &board.job)], &[]);
    measure("tasks", "refund_job", "half of the escrow refunded", &sent, 6_000);
    for (replica, executor) in [(0, &team[2]), (1, &team[1])] {
        let tomb = jobs::close_assignment(&board.job, 1, replica, &executor.operator.pubkey());
        let sent = board.world.must(&[tomb], &[]);
        measure("tasks", "close_assignment", "expired and slashed", &sent, 2_000);
    }
    let sent = board.world.must(&[jobs::close_job(&client.pubkey(), &board.job)], &[]);
    measure("tasks", "close_job", "the rest refunded before", &sent, 7_000);
}

#[test]
fn close_job() {
    let mut board = Board::new(2, 2);
    let client = board.client.insecure_clone();
    board
        .world
        .must(&[jobs::cancel_job(&client.pubkey(), &board.job)], &[&client]);
    let sent = board.world.must(&[jobs::close_job(&client.pubkey(), &board.job)], &[]);
    measure("tasks", "close_job", "the escrow refunded", &sent, 7_000);
}

#[test]
fn a_third_replica_decides() {
    let mut board = Board::growing(16, 2, 3);
    let is_average = |shard: &u32| tasks::assignment_address(&board.job, *shard, 2).1 == 254;
    let shard = (0..16).find(is_average).expect("every fourth is one");
    let [a, b] = ["a", "b"].map(|name| board.executor(name, HERE));
    let third = super::average_wallet(|owner| tasks::work_address(&registry::node_address(owner, 0).0).1);
    let team = [a, b, board.executor(&third, HERE)];
    let findings = [(7, 1), (u64::MAX, 2), (7, 3)].map(|(word, salt)| Finding::new(word, salt));
    board.work(shard, &[(&team[0], findings[0]), (&team[1], findings[1])]);
    let sent = board.claim(&team[2], shard, 2);
    measure(
        "tasks",
        "claim_shard",
        "one more replica, agreement of two checked",
        &sent,
        8_000,
    );
    board.commit(&team[2], shard, 2, &findings[2]);
    let sent = board.reveal(&team[0], shard, 0, &findings[0]);
    measure(
        "tasks",
        "reveal_result",
        "second word of three replicas, two siblings checked",
        &sent,
        2_000,
    );
    board.reveal(&team[1], shard, 1, &findings[1]);
    board.reveal(&team[2], shard, 2, &findings[2]);
    board.reveal(&team[2], shard, 2, &findings[2]);
    let settle = board.settle_among(shard, &[&team[0], &team[1], &team[2]]);
    let sent = board.world.must(&[settle], &[]);
    measure("tasks", "settle_shard", "two of three paid", &sent, 14_000);
}

#[test]
fn one_and_two_replicas() {
    for (replicas, reveal_case, settle_case) in [
        (1, "one replica", "one replica paid"),
        (2, "two replicas, one sibling checked", "two replicas paid"),
    ] {
        let mut board = Board::new(1, replicas);
        let team = ["a", "b"].map(|name| board.executor(name, HERE));
        let members = (0..replicas).zip(&team);
        for (replica, member) in members.clone() {
            board.claim(member, 0, replica);
        }
        for (replica, member) in members.clone() {
            board.commit(member, 0, replica, &Finding::new(7, 1));
        }
        for (replica, member) in members.clone() {
            let sent = board.reveal(member, 0, replica, &Finding::new(7, 1));
            if replica == 0 {
                measure("tasks", "reveal_result", reveal_case, &sent, 2_000);
            }
        }
        if replicas == 1 {
            board.world.pass(CHALLENGE);
        }
        let assigned: Vec<_> = members.collect();
        let settle = board.settle_instruction(0, &assigned);
        let sent = board.world.must(&[settle], &[]);
        measure("tasks", "settle_shard", settle_case, &sent, 14_000);
    }
}
