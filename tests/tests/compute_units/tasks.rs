//! What the instructions of `tasks` cost.

use lumora_interface::tasks;
use lumora_tests::{
    compute::measure,
    jobs::{self, Board, Finding, UNIT, WINDOW},
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
    let expire = jobs::expire_assignment(&board.job, 1, 0, &team[0], &[]);
    let sent = board.world.must(&[expire], &[]);
    measure("tasks", "expire_assignment", "not committed", &sent, 4_000);
    let expire = jobs::expire_assignment(&board.job, 1, 1, &team[1], &[]);
    board.world.must(&[expire], &[]);

    let client = board.client.insecure_clone();
    let sent = board
        .world
        .must(&[jobs::cancel_job(&client.pubkey(), &board.job)], &[&client]);
    measure("tasks", "cancel_job", "open job", &sent, 2_000);
    let sent = board.world.must(&[jobs::close_job(&client.pubkey(), &board.job)], &[]);
    measure("tasks", "close_job", "half of the escrow refunded", &sent, 7_000);
}

#[test]
fn one_and_two_replicas() {
    for (replicas, reveal_case, settle_case) in [
        (1, "one replica", "one replica paid"),
        (2, "two replicas, one sibling checked", "two replicas paid"),
    ] {
        let mut board = Board::new(1, replicas);
        let team = ["a", "b"].map(|name| board.executor(name, HERE));
        let members = usize::from(replicas);
        for member in 0..members {
            board.claim(&team[member], 0, member as u8);
        }
        for member in 0..members {
            board.commit(&team[member], 0, member as u8, &Finding::new(7, 1));
        }
        for member in 0..members {
            let sent = board.reveal(&team[member], 0, member as u8, &Finding::new(7, 1));
            if member == 0 {
                measure("tasks", "reveal_result", reveal_case, &sent, 2_000);
            }
        }
        let assigned: Vec<_> = (0..members).map(|member| (member as u8, &team[member])).collect();
        let settle = board.settle_instruction(0, &assigned);
        let sent = board.world.must(&[settle], &[]);
        measure("tasks", "settle_shard", settle_case, &sent, 14_000);
    }
}
