//! Every state has an exit for everybody: a search through the states of a shard on the real program, and from each of
//! them a way out that needs neither the client nor any node.

use std::collections::{HashSet, VecDeque};

use lumora_interface::{
    registry, rewards,
    tasks::{self, Assignment, Job, Work, assignment_state},
};
use lumora_tests::{
    jobs::{self, Board, Executor, Finding, WINDOW},
    world::keypair,
};
use solana_account::Account as ChainAccount;
use solana_address::Address;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{HERE, with_network};

/// What tells one state of the shard from another: everything but amounts and absolute times.
type Key = (u8, u64, Vec<(u8, u8, u8, u8, bool, usize)>);

/// Accounts and the clock as they were.
type Snapshot = (Vec<(Address, Option<ChainAccount>)>, Clock);

/// A job of one shard, the nodes that may work on it, and all accounts that they touch.
struct Search {
    board: Board,
    team: Vec<Executor>,
    /// What each node finds.
    findings: Vec<Finding>,
    reporter: Address,
    accounts: Vec<Address>,
    max_replicas: u8,
}

impl Search {
    fn new(max_replicas: u8, words: &[u64]) -> Self {
        let mut board = Board::growing(1, 2, max_replicas);
        with_network(&mut board, |network| network.max_wait_seconds = 0);
        let team: Vec<Executor> = (0..words.len())
            .map(|node| board.executor(&format!("node {node}"), HERE))
            .collect();
        let findings = (0u8..)
            .zip(words)
            .map(|(node, word)| Finding::new(*word, node))
            .collect();
        let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
        let job = board.job;
        let mut accounts = vec![
            job,
            tasks::escrow_address(&job).0,
            board.client.pubkey(),
            board.client_tokens,
            board.treasury,
            reporter,
            registry::NETWORK,
            registry::BOND_VAULT,
            rewards::MINT,
        ];
        accounts.extend((0..max_replicas).map(|replica| tasks::assignment_address(&job, 0, replica).0));
        for executor in &team {
            let work = tasks::work_address(&executor.node).0;
            accounts.extend([executor.node, work, executor.tokens, executor.operator.pubkey()]);
        }
        board.world.pass(2);
        Self {
            board,
            team,
            findings,
            reporter,
            accounts,
            max_replicas,
        }
    }

    fn snapshot(&self) -> Snapshot {
        let svm = &self.board.world.svm;
        let accounts = self.accounts.iter().map(|address| (*address, svm.get_account(address)));
        (accounts.collect(), svm.get_sysvar())
    }

    fn restore(&mut self, (accounts, clock): &Snapshot) {
        let svm = &mut self.board.world.svm;
        for (address, account) in accounts {
            svm.set_account(*address, account.clone().unwrap_or_default()).unwrap();
        }
        svm.set_sysvar(clock);
    }

    fn job(&self) -> Option<Job> {
        let account = self.board.world.svm.get_account(&self.board.job)?;
        lumora_interface::Account::from_account(&account.owner, &account.data).ok()
    }

    fn assignments(&self) -> Vec<Assignment> {
        (0..self.max_replicas)
            .filter_map(|replica| self.board.assignment(0, replica))
            .collect()
    }

    fn holder(&self, assignment: &Assignment) -> usize {
        self.team
            .iter()
            .position(|executor| executor.node == assignment.node)
            .expect("a node of the team")
    }

    /// Points in time at which something becomes possible or impossible.
    fn deadlines(&self, job: &Job) -> Vec<i64> {
        let live: Vec<Assignment> = self.assignments().into_iter().filter(Assignment::is_live).collect();
        let shard = job.shard(live.iter().map(Assignment::seat));
        let late = live.iter().filter_map(|held| shard.expirable_after(&held.seat()));
        let mut deadlines: Vec<i64> = late.map(|deadline| deadline.0 + 1).collect();
        deadlines.extend([job.deadline, job.final_at().0]);
        deadlines
    }

    /// Lets time pass up to the next deadline.
    fn next_deadline(&mut self) -> bool {
        let now = self.board.world.now();
        let Some(job) = self.job() else { return false };
        let Some(next) = self.deadlines(&job).into_iter().filter(|at| *at > now).min() else {
            return false;
        };
        self.board.world.pass(next - now);
        true
    }

    fn key(&self) -> Option<Key> {
        let job = self.job()?;
        let now = self.board.world.now();
        let phase = self.deadlines(&job).iter().filter(|at| now >= **at).count() as u8;
        let live: Vec<Assignment> = self.assignments().into_iter().filter(Assignment::is_live).collect();
        let shard = job.shard(live.iter().map(Assignment::seat));
        let assignments = self.assignments();
        let places = assignments.iter().map(|held| {
            let is_late = held.is_live() && shard.expirable_after(&held.seat()).is_some_and(|at| now > at.0);
            let progress = held.joined << 4 | held.shown;
            (
                held.replica,
                held.state,
                progress,
                held.slashed,
                is_late,
                self.holder(held),
            )
        });
        let closed = u8::from(now >= job.deadline) + u8::from(now >= job.final_at().0);
        let flags = phase << 4 | closed << 2 | job.cancelled << 1 | u8::from(job.settled_shards == 1);
        Some((flags, job.refunded + job.paid, places.collect()))
    }

    /// What anybody may try.
    fn cranks(&self) -> Vec<Instruction> {
        let (board, client) = (&self.board, self.board.client.pubkey());
        let team: Vec<&Executor> = self.team.iter().collect();
        let mut cranks = vec![board.settle_among(0, &team)];
        for held in self.assignments() {
            let executor = &self.team[self.holder(&held)];
            match held.state {
                assignment_state::EXPIRED | assignment_state::REJECTED if held.slashed == 0 => {
                    let slash = jobs::slash_assignment(&client, &board.job, 0, held.replica, executor, &self.reporter);
                    cranks.push(slash);
                }
                assignment_state::EXPIRED | assignment_state::REJECTED => {
                    cranks.push(jobs::close_assignment(&board.job, 0, held.replica, &held.rent_payer));
                }
                _ => cranks.push(board.expire_instruction(executor, 0, held.replica)),
            }
        }
        cranks.extend([
            jobs::refund_job(&client, &board.job),
            jobs::close_job(&client, &board.job),
        ]);
        cranks
    }

    /// What nodes and the client may try besides.
    fn moves(&self) -> Vec<(Instruction, Keypair)> {
        let board = &self.board;
        let client = board.client.insecure_clone();
        let mut moves = vec![(jobs::cancel_job(&client.pubkey(), &board.job), client)];
        let held = self.assignments();
        let live: Vec<&Assignment> = held.iter().filter(|held| held.is_live()).collect();
        // A node that has no place takes one; any other would be the same with another name.
        let is_idle = |node: &Address| !live.iter().any(|held| held.node == *node);
        for replica in 0..self.max_replicas {
            let former = held.iter().find(|held| held.replica == replica).map(|held| held.node);
            let idle = |executor: &&Executor| is_idle(&executor.node) && Some(executor.node) != former;
            if let Some(executor) = self.team.iter().find(idle) {
                let claim = board.claim_instruction(executor, 0, replica);
                moves.push((claim, executor.operator.insecure_clone()));
            }
        }
        for held in live {
            let node = self.holder(held);
            let (executor, finding) = (&self.team[node], &self.findings[node]);
            let address = tasks::assignment_address(&board.job, 0, held.replica).0;
            let step = match held.state {
                assignment_state::CLAIMED => {
                    let commitment = finding.commitment(&board.world, held);
                    jobs::commit_result(&executor.operator.pubkey(), &address, commitment)
                }
                _ if usize::from(held.shown) < lumora_core::result::WORDS => {
                    board.reveal_instruction(executor, 0, held.replica, finding)
                }
                _ => continue,
            };
            moves.push((step, executor.operator.insecure_clone()));
        }
        moves
    }

    /// LMR of everybody against the supply: what is burned leaves both.
    fn balance(&self) -> i128 {
        let world = &self.board.world;
        let tokens = self.team.iter().map(|executor| executor.tokens);
        let accounts = tokens.chain([
            self.board.client_tokens,
            self.board.treasury,
            self.reporter,
            registry::BOND_VAULT,
        ]);
        let escrow = tasks::escrow_address(&self.board.job).0;
        let escrow = world.svm.get_account(&escrow).filter(|account| account.lamports > 0);
        let held: i128 = accounts.map(|account| i128::from(world.balance(&account))).sum();
        let escrowed = escrow.map_or(0, |_| i128::from(self.board.escrow()));
        held + escrowed - i128::from(world.supply())
    }

    /// Brings everything to an end with what anybody may do, and nothing else.
    fn get_out(&mut self) {
        for _ in 0..100 {
            let mut moved = false;
            for crank in self.cranks() {
                moved |= self.board.world.send(&[crank], &[]).is_ok();
            }
            if self.job().is_none() {
                return;
            }
            assert!(moved || self.next_deadline(), "no way out: {:?}", self.key());
        }
        panic!("no way out in a hundred steps: {:?}", self.key());
    }
}

fn every_state_has_an_exit(max_replicas: u8, words: &[u64], most_states: usize) -> usize {
    let mut search = Search::new(max_replicas, words);
    let balance = search.balance();
    let mut known: HashSet<Key> = search.key().into_iter().collect();
    let mut queue = VecDeque::from([search.snapshot()]);
    let mut states = 0;
    while let Some(state) = queue.pop_front() {
        if states == most_states {
            break;
        }
        states += 1;
        // The successors.
        let steps = {
            search.restore(&state);
            let cranks = search.cranks().into_iter().map(|crank| (crank, None));
            let moves = search.moves().into_iter().map(|(step, signer)| (step, Some(signer)));
            cranks.chain(moves).collect::<Vec<_>>()
        };
        let mut reach = |search: &mut Search| {
            if search.key().is_some_and(|key| known.insert(key)) {
                queue.push_back(search.snapshot());
            }
        };
        for (step, signer) in steps {
            let signers: Vec<&Keypair> = signer.iter().collect();
            if search.board.world.send(&[step], &signers).is_ok() {
                assert_eq!(search.balance(), balance);
                reach(&mut search);
                search.restore(&state);
            }
        }
        if search.next_deadline() {
            reach(&mut search);
            search.restore(&state);
        }
        // A moment later: the waiting time of a replica that was freed is over.
        search.board.world.pass(2);
        reach(&mut search);

        // The way out.
        search.restore(&state);
        search.get_out();
        assert_eq!(search.balance(), balance);
        assert!(search.assignments().is_empty(), "an assignment is left");
        for executor in &search.team {
            let work = search
                .board
                .world
                .svm
                .get_account(&tasks::work_address(&executor.node).0);
            if let Some(work) = work.filter(|account| account.lamports > 0) {
                let work: Work = lumora_interface::Account::from_account(&work.owner, &work.data).unwrap();
                assert_eq!(work.active, 0, "a part of a bond still stands");
            }
        }
    }
    states
}

#[test]
fn every_state_of_a_shard_with_two_replicas_has_an_exit() {
    let states = every_state_has_an_exit(2, &[0, 0, u64::MAX], 3_000);
    println!("{states} states of a shard with two replicas and three nodes");
    assert!(states > 100);
}

#[test]
fn every_state_of_a_shard_that_may_grow_has_an_exit() {
    let states = every_state_has_an_exit(3, &[0, u64::MAX, 0, 0x5555_5555_5555_5555], 1_500);
    println!("{states} states of a shard with two or three replicas and four nodes");
    assert!(states > 100);
}

/// The searched terms are those in which every deadline can be told apart.
const _: () = assert!(WINDOW > 2);
