//! Whatever is tried in whatever order, by whomever, with whichever accounts: no base unit appears, disappears or reaches
//! somebody whom it does not belong to, and every count on chain is what it counts.

use std::collections::BTreeMap;

use lumora_core::verdict::Verdict;
use lumora_interface::{
    Account as _,
    bandwidth::{self, OracleSet},
    registry, rewards,
    tasks::{self, Assignment, Job, ShardState, Work},
};
use lumora_tasks::instructions::{CreateJobArguments, RejectResultArguments};
use lumora_tests::{
    World,
    jobs::{self, Board, CHALLENGE, Executor, Finding, WINDOW},
    oracles::signed_by,
    world::keypair,
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{HERE, with_network};

const NODES: usize = 6;
const OPEN_JOBS: usize = 3;
const SHARDS: u32 = 2;
/// Steps of a run; `LUMORA_STEPS` sets another number.
const STEPS: usize = 20_000;

/// A generator of numbers that are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % below as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.roll(chances) == 0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.roll(list.len())]
    }
}

/// What is asked of the program: instructions, and the keys that sign.
struct Attempt {
    instructions: Vec<Instruction>,
    signers: Vec<Keypair>,
}

struct Fair {
    board: Board,
    team: Vec<Executor>,
    reporter: Address,
    dice: Dice,
    next_job: u64,
    /// Jobs that were not closed yet.
    jobs: Vec<Address>,
    /// LMR in accounts that nothing here touches.
    elsewhere: u64,
}

impl Fair {
    fn new(seed: u64) -> Self {
        let mut board = Board::with_oracles(4);
        // Signatures are what the runtime checks; here it is asked what the program does.
        board.world.svm = std::mem::take(&mut board.world.svm).with_sigverify(false);
        with_network(&mut board, |network| network.max_wait_seconds = 5);
        let team = (0..NODES)
            .map(|node| board.executor(&format!("node {node}"), HERE))
            .collect();
        let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
        Self {
            board,
            team,
            reporter,
            dice: Dice(seed),
            next_job: 0,
            jobs: Vec::new(),
            elsewhere: 0,
        }
    }

    fn job(&self, address: &Address) -> Option<(Job, Vec<ShardState>)> {
        let account = self.board.world.svm.get_account(address)?;
        let job = Job::from_account(&account.owner, &account.data).ok()?;
        let states = Job::shard_states(&account.data).iter().copied().map(ShardState);
        Some((job, states.collect()))
    }

    fn assignment(&self, job: &Address, shard: u32, replica: u8) -> Option<Assignment> {
        let address = tasks::assignment_address(job, shard, replica).0;
        let account = self.board.world.svm.get_account(&address)?;
        Assignment::from_account(&account.owner, &account.data).ok()
    }

    fn assignments(&self, job: &Address) -> Vec<Assignment> {
        let places = (0..SHARDS).flat_map(|shard| (0..tasks::MAX_REPLICAS).map(move |replica| (shard, replica)));
        places
            .filter_map(|(shard, replica)| self.assignment(job, shard, replica))
            .collect()
    }

    fn executor(&self, node: &Address) -> &Executor {
        self.team
            .iter()
            .find(|executor| executor.node == *node)
            .expect("a node of the team")
    }

    /// A node that means well says one thing; one in four says another.
    fn finding(&self, node: &Address) -> Finding {
        let index = self
            .team
            .iter()
            .position(|executor| executor.node == *node)
            .unwrap_or(0);
        Finding::new(if index % 4 == 3 { u64::MAX } else { 1 }, index as u8)
    }

    fn attempt(&mut self) -> Option<Attempt> {
        let one = |instruction| Some((vec![instruction], Vec::new()));
        if self.jobs.len() < OPEN_JOBS {
            return self.create();
        }
        let address = *self.dice.pick(&self.jobs);
        let (job, states) = self.job(&address)?;
        let kind = self.dice.roll(100);
        let mut shard = self.dice.roll(SHARDS as usize) as u32;
        let mut replica = self.dice.roll(usize::from(job.most_replicas()) + 1) as u8;
        // Mostly what makes sense, or little would ever happen.
        let held = self.assignments(&address);
        if kind >= 25 && !held.is_empty() && !self.dice.one_in(4) {
            (shard, replica) = {
                let held = self.dice.pick(&held);
                (held.shard, held.replica)
            };
        }
        let state = states.get(shard as usize).copied().unwrap_or_default();
        let assigned: Vec<u8> = (0..tasks::MAX_REPLICAS).filter(|replica| state.has(*replica)).collect();
        if kind < 20 {
            replica = (0..tasks::MAX_REPLICAS).find(|replica| !state.has(*replica))?;
        }
        let others: Vec<u8> = assigned.iter().copied().filter(|other| *other != replica).collect();
        let held = self.assignment(&address, shard, replica);
        let client = self.board.client.insecure_clone();
        let (instructions, signers) = match kind {
            0..25 => {
                let executor = &self.team[self.dice.roll(NODES)];
                let payer = executor.operator.pubkey();
                let former = held.map(|held| held.rent_payer).filter(|former| *former != payer);
                let claim = jobs::claim_shard(executor, &address, shard, replica, &assigned, former);
                Some((vec![claim], vec![executor.operator.insecure_clone()]))
            }
            25..45 => {
                let held = held?;
                let executor = self.executor(&held.node);
                let commitment = self.finding(&held.node).commitment(&self.board.world, &held);
                let assignment = tasks::assignment_address(&address, shard, replica).0;
                let commit = jobs::commit_result(&executor.operator.pubkey(), &assignment, commitment);
                Some((vec![commit], vec![executor.operator.insecure_clone()]))
            }
            45..65 => {
                let held = held.filter(|held| usize::from(held.shown) < lumora_core::result::WORDS)?;
                let executor = self.executor(&held.node);
                let arguments = self.finding(&held.node).arguments(held.shown);
                let operator = executor.operator.pubkey();
                let reveal = jobs::reveal_result(&operator, &address, shard, replica, &others, arguments);
                Some((vec![reveal], vec![executor.operator.insecure_clone()]))
            }
            65..72 => {
                let nodes: Vec<(u8, Address)> = assigned
                    .iter()
                    .filter_map(|replica| Some((*replica, self.assignment(&address, shard, *replica)?.node)))
                    .collect();
                let team: Vec<(u8, &Executor)> = nodes
                    .iter()
                    .map(|(replica, node)| (*replica, self.executor(node)))
                    .collect();
                one(jobs::settle_shard(&address, &self.board.treasury, shard, &team))
            }
            72..77 => {
                let executor = self.executor(&held?.node);
                one(jobs::expire_assignment(&address, shard, replica, executor, &others))
            }
            77..83 => {
                let executor = self.executor(&held?.node);
                one(jobs::slash_assignment(
                    &client.pubkey(),
                    &address,
                    shard,
                    replica,
                    executor,
                    &self.reporter,
                ))
            }
            83..86 => one(jobs::close_assignment(&address, shard, replica, &held?.rent_payer)),
            86..88 => one(jobs::refund_job(&client.pubkey(), &address)),
            88..91 => one(jobs::close_job(&client.pubkey(), &address)),
            91 => Some((vec![jobs::cancel_job(&client.pubkey(), &address)], vec![client])),
            92..95 => self.reject(&address, shard),
            _ => {
                let long = self.dice.one_in(20);
                let waits = if long {
                    [i64::from(WINDOW) + 1, i64::from(CHALLENGE)]
                } else {
                    [2, 5]
                };
                let seconds = *self.dice.pick(&waits);
                self.board.world.pass(seconds);
                self.freshen();
                None
            }
        }?;
        Some(Attempt { instructions, signers })
    }

    fn create(&mut self) -> Option<Attempt> {
        let replicas = 1 + self.dice.roll(3) as u8;
        let client = self.board.client.insecure_clone();
        let terms = jobs::terms(&self.board.world);
        let arguments = CreateJobArguments {
            max_replicas: replicas + self.dice.roll(3) as u8,
            price: 1_001,
            deadline: self.board.world.now() + 200 + self.dice.roll(2_000) as i64,
            ..jobs::with_replicas(replicas, terms)
        };
        let id = self.next_job;
        self.next_job += 1;
        let create = jobs::create_job(&client.pubkey(), id, SHARDS, arguments);
        self.jobs.push(tasks::job_address(&client.pubkey(), id).0);
        Some(Attempt {
            instructions: vec![create],
            signers: vec![client],
        })
    }

    fn reject(&mut self, job: &Address, shard: u32) -> Option<(Vec<Instruction>, Vec<Keypair>)> {
        let held = self.assignment(job, shard, 0)?;
        let set: OracleSet = self.board.world.read(&bandwidth::ORACLE_SET);
        let verdict = Verdict {
            network_id: self.board.world.network_id,
            program: tasks::ID.to_bytes(),
            job: job.to_bytes(),
            shard,
            replica: 0,
            node: held.node.to_bytes(),
            result_root: held.result_root,
            reason: 10,
            set_version: set.set_version,
            // The same for some time, so that signatures of several transactions meet.
            expires_at: (self.board.world.now() / 1_000 + 2) * 1_000,
        };
        let first = self.dice.roll(4);
        let keys: Vec<Keypair> = (first..4)
            .map(|seat| self.board.world.oracles[seat].insecure_clone())
            .collect();
        let payer = self.board.world.payer.pubkey();
        let arguments = RejectResultArguments {
            digest: verdict.digest(),
            reason: verdict.reason,
            set_version: verdict.set_version,
            expires_at: verdict.expires_at,
        };
        let assignment = tasks::assignment_address(job, shard, 0).0;
        let reject = jobs::reject_result(&payer, &assignment, job, &held.node, &payer, arguments);
        let signed = signed_by(&keys.iter().collect::<Vec<_>>(), &verdict.digest());
        Some((vec![signed, reject], Vec::new()))
    }

    /// New attestations, and new LMR for bonds that were slashed away, as their owners would see to.
    fn freshen(&mut self) {
        let now = self.board.world.now();
        for node in 0..NODES {
            let executor = &self.team[node];
            let attestation = bandwidth::attestation_address(&executor.node).0;
            let attestation: bandwidth::Attestation = self.board.world.read(&attestation);
            if now - attestation.measured_at > 3_000 {
                let executor = Executor {
                    owner: executor.owner.insecure_clone(),
                    operator: executor.operator.insecure_clone(),
                    ..*executor
                };
                self.board.attest(&executor, now);
            }
        }
    }

    /// Some of the attempts pass other accounts than those they should.
    fn tamper(&mut self, attempt: &mut Attempt) {
        let Some(instruction) = attempt.instructions.last_mut() else {
            return;
        };
        let job = *self.dice.pick(&self.jobs);
        let (shard, replica) = (self.dice.roll(SHARDS as usize) as u32, self.dice.roll(3) as u8);
        let executor = &self.team[self.dice.roll(NODES)];
        let strange = [
            job,
            tasks::escrow_address(&job).0,
            tasks::assignment_address(&job, shard, replica).0,
            tasks::work_address(&executor.node).0,
            executor.node,
            executor.tokens,
            executor.operator.pubkey(),
            self.board.treasury,
            self.board.client_tokens,
            self.reporter,
            registry::BOND_VAULT,
            rewards::MINT,
        ];
        let strange = *self.dice.pick(&strange);
        match self.dice.roll(4) {
            0 => drop(instruction.accounts.pop()),
            1 => {
                let (one, other) = (
                    self.dice.roll(instruction.accounts.len()),
                    self.dice.roll(instruction.accounts.len()),
                );
                let (one_key, other_key) = (instruction.accounts[one].pubkey, instruction.accounts[other].pubkey);
                // Who signs stays who signs: anything else is refused before the program is asked.
                if !instruction.accounts[one].is_signer && !instruction.accounts[other].is_signer {
                    instruction.accounts[one].pubkey = other_key;
                    instruction.accounts[other].pubkey = one_key;
                }
            }
            _ => {
                let place = self.dice.roll(instruction.accounts.len());
                if !instruction.accounts[place].is_signer {
                    instruction.accounts[place].pubkey = strange;
                }
            }
        }
    }

    fn balances(&self) -> BTreeMap<Address, u64> {
        let tokens = self.team.iter().map(|executor| executor.tokens);
        tokens
            .chain([self.board.client_tokens, self.board.treasury, self.reporter])
            .map(|account| (account, self.board.world.balance(&account)))
            .collect()
    }

    /// Everything that must hold, whatever was done.
    fn check(&mut self) {
        let world = &self.board.world;
        let mut escrowed = 0;
        let mut active: BTreeMap<Address, u32> = BTreeMap::new();
        let mut left = Vec::new();
        for address in &self.jobs {
            let Some((job, states)) = self.job(address) else {
                let assignments = self.assignments(address);
                assert!(assignments.is_empty(), "a job was closed before its assignments");
                continue;
            };
            left.push(*address);
            let escrow = balance(world, &tasks::escrow_address(address).0);
            assert_eq!(escrow, job.escrowed - job.paid - job.fees - job.refunded);
            assert!(
                escrow >= job.price * u64::from(job.live_assignments),
                "what may be earned is there"
            );
            escrowed += escrow;
            let assignments = self.assignments(address);
            let live = assignments.iter().filter(|held| held.is_live()).count() as u32;
            let tombstones = assignments.len() as u32 - live;
            assert_eq!((job.live_assignments, job.tombstones), (live, tombstones));
            for held in &assignments {
                let state = states[held.shard as usize];
                let is_assigned = !state.is_settled() && state.has(held.replica);
                assert_eq!(held.is_live(), is_assigned, "{held:?}");
                *active.entry(held.node).or_default() += u32::from(held.slashed == 0);
            }
            // A replica is paid once: what was paid is what the settled shards say.
            let winners: u32 = states
                .iter()
                .filter(|state| state.is_settled())
                .map(|state| state.replicas().count_ones())
                .sum();
            assert_eq!(job.paid + job.fees, u64::from(winners) * job.price);
        }
        let mut bonds = 0;
        for executor in &self.team {
            bonds += world.read::<registry::Node>(&executor.node).bond;
            let work = tasks::work_address(&executor.node).0;
            let Some(work) = world.svm.get_account(&work) else {
                continue;
            };
            let work = Work::from_account(&work.owner, &work.data).expect("a record of work");
            assert_eq!(work.active, active.get(&executor.node).copied().unwrap_or(0));
        }
        assert_eq!(balance(world, &registry::BOND_VAULT), bonds);
        let held: u64 = self.balances().values().sum();
        // What was burned has left the supply.
        assert_eq!(held + escrowed + bonds + self.elsewhere, world.supply());
        self.jobs = left;
    }
}

fn balance(world: &World, account: &Address) -> u64 {
    world
        .svm
        .get_account(account)
        .filter(|account| account.data.len() == 165)
        .map_or(0, |account| {
            u64::from_le_bytes(core::array::from_fn(|byte| account.data[64 + byte]))
        })
}

#[test]
fn no_order_of_calls_by_anybody_creates_loses_or_misdirects_lmr() {
    let steps = std::env::var("LUMORA_STEPS").map_or(STEPS, |steps| steps.parse().expect("a number of steps"));
    let mut fair = Fair::new(0x006c_756d_6f72_6131);
    let held: u64 = fair.balances().values().sum();
    let bonds = balance(&fair.board.world, &registry::BOND_VAULT);
    fair.elsewhere = fair.board.world.supply() - held - bonds;

    let mut done: BTreeMap<u8, (u32, u32)> = BTreeMap::new();
    let mut hostile = (0u32, 0u32);
    for _ in 0..steps {
        let Some(mut attempt) = fair.attempt() else { continue };
        let is_tampered = fair.dice.one_in(4);
        if is_tampered {
            fair.tamper(&mut attempt);
        }
        let kind = attempt.instructions.last().map_or(0, |instruction| instruction.data[0]);
        let signers: Vec<&Keypair> = attempt.signers.iter().collect();
        let is_done = fair.board.world.send(&attempt.instructions, &signers).is_ok();
        let count = done.entry(kind).or_default();
        count.0 += 1;
        count.1 += u32::from(is_done);
        if is_tampered {
            hostile.0 += 1;
            hostile.1 += u32::from(is_done);
        }
        if is_done {
            fair.check();
        } else if kind == tasks::instruction::CREATE_JOB {
            fair.jobs.pop();
        }
    }
    for (kind, (tried, landed)) in &done {
        let name = tasks::instruction::NAMES.iter().find(|(number, _)| number == kind);
        println!("{}: {landed} of {tried}", name.map_or("?", |(_, name)| name));
    }
    println!("with other accounts: {} of {}", hostile.1, hostile.0);
    for instruction in [
        tasks::instruction::CLAIM_SHARD,
        tasks::instruction::COMMIT_RESULT,
        tasks::instruction::REVEAL_RESULT,
        tasks::instruction::SETTLE_SHARD,
        tasks::instruction::EXPIRE_ASSIGNMENT,
        tasks::instruction::SLASH_ASSIGNMENT,
        tasks::instruction::CLOSE_ASSIGNMENT,
        tasks::instruction::REFUND_JOB,
        tasks::instruction::CLOSE_JOB,
        tasks::instruction::REJECT_RESULT,
    ] {
        let landed = done.get(&instruction).map_or(0, |(_, landed)| *landed);
        assert!(
            landed > 0 || steps < STEPS,
            "instruction {instruction} was never seen to work"
        );
    }
}
